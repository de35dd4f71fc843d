//! A real gRPC server that plays an external scaler, well or badly.

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use futures::Stream;
use futures::StreamExt;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use rustls::ServerConfig;
use tidegate_scalers::externalscaler::external_scaler_server::{ExternalScaler, ExternalScalerServer};
use tidegate_scalers::externalscaler::{
    GetMetricSpecResponse, GetMetricsRequest, GetMetricsResponse, IsActiveResponse, MetricSpec, MetricValue,
    ScaledObjectRef,
};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::broadcast;
use tokio::task::{JoinHandle, JoinSet};
use tokio_rustls::TlsAcceptor;
use tokio_stream::wrappers::BroadcastStream;
use tonic::{Request, Response, Status};

/// What the server says, and what it was asked.
pub struct State {
    pub specs: Mutex<Vec<MetricSpec>>,
    pub values: Mutex<Vec<MetricValue>>,
    pub active: Mutex<bool>,
    /// Instead of an answer to GetMetrics.
    pub instead: Mutex<Option<Status>>,
    pub hangs: Mutex<bool>,
    pub asked: Mutex<Vec<String>>,
    pub metadata: Mutex<Vec<(String, String)>>,
    pub activity: broadcast::Sender<bool>,
    /// `None`: the server does not have this call.
    pub changes: Option<broadcast::Sender<Vec<MetricSpec>>>,
    pub connections: AtomicUsize,
}

impl State {
    pub fn new() -> Self {
        State {
            specs: Mutex::new(vec![spec("waiting", 10, 0.0)]),
            values: Mutex::new(vec![number(20, 0.0)]),
            active: Mutex::new(true),
            instead: Mutex::default(),
            hangs: Mutex::default(),
            asked: Mutex::default(),
            metadata: Mutex::default(),
            activity: broadcast::channel(16).0,
            changes: Some(broadcast::channel(16).0),
            connections: AtomicUsize::new(0),
        }
    }

    fn asked(&self, call: &str, reference: &ScaledObjectRef) {
        let mut metadata: Vec<_> = reference.scaler_metadata.clone().into_iter().collect();
        metadata.sort();
        *self.metadata.lock().unwrap() = metadata;
        self.asked.lock().unwrap().push(format!("{call} {}/{}", reference.namespace, reference.name));
    }

    async fn plays(&self) -> Result<(), Status> {
        if *self.hangs.lock().unwrap() {
            std::future::pending::<()>().await;
        }
        self.instead.lock().unwrap().clone().map_or(Ok(()), Err)
    }
}

pub fn spec(name: &str, size: i64, float: f64) -> MetricSpec {
    MetricSpec { metric_name: name.to_owned(), target_size: size, target_size_float: float }
}

pub fn number(value: i64, float: f64) -> MetricValue {
    MetricValue { metric_name: "whatever".to_owned(), metric_value: value, metric_value_float: float }
}

#[derive(Clone)]
struct Play(Arc<State>);

type Answers<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

#[tonic::async_trait]
impl ExternalScaler for Play {
    async fn is_active(&self, request: Request<ScaledObjectRef>) -> Result<Response<IsActiveResponse>, Status> {
        self.0.asked("IsActive", request.get_ref());
        Ok(Response::new(IsActiveResponse { result: *self.0.active.lock().unwrap() }))
    }

    type StreamIsActiveStream = Answers<IsActiveResponse>;

    async fn stream_is_active(
        &self,
        request: Request<ScaledObjectRef>,
    ) -> Result<Response<Self::StreamIsActiveStream>, Status> {
        let answers = BroadcastStream::new(self.0.activity.subscribe())
            .map(|result| result.map(|result| IsActiveResponse { result }).map_err(|_| Status::internal("too late")));
        self.0.asked("StreamIsActive", request.get_ref());
        Ok(Response::new(Box::pin(answers)))
    }

    async fn get_metric_spec(
        &self,
        request: Request<ScaledObjectRef>,
    ) -> Result<Response<GetMetricSpecResponse>, Status> {
        self.0.asked("GetMetricSpec", request.get_ref());
        self.0.plays().await?;
        Ok(Response::new(GetMetricSpecResponse { metric_specs: self.0.specs.lock().unwrap().clone() }))
    }

    async fn get_metrics(&self, request: Request<GetMetricsRequest>) -> Result<Response<GetMetricsResponse>, Status> {
        let GetMetricsRequest { scaled_object_ref, metric_name } = request.get_ref();
        self.0.asked(&format!("GetMetrics {metric_name}"), scaled_object_ref.as_ref().unwrap());
        self.0.plays().await?;
        Ok(Response::new(GetMetricsResponse { metric_values: self.0.values.lock().unwrap().clone() }))
    }

    type StreamMetricSpecStream = Answers<GetMetricSpecResponse>;

    async fn stream_metric_spec(
        &self,
        request: Request<ScaledObjectRef>,
    ) -> Result<Response<Self::StreamMetricSpecStream>, Status> {
        let Some(changes) = &self.0.changes else { return Err(Status::unimplemented("no such call")) };
        let answers = BroadcastStream::new(changes.subscribe()).map(|specs| {
            specs.map(|metric_specs| GetMetricSpecResponse { metric_specs }).map_err(|_| Status::internal("too late"))
        });
        self.0.asked("StreamMetricSpec", request.get_ref());
        Ok(Response::new(Box::pin(answers)))
    }
}

/// A running server; its connections break when it is stopped or dropped, as they would with a process.
pub struct Running {
    pub address: SocketAddr,
    pub state: Arc<State>,
    task: JoinHandle<()>,
}

impl Running {
    pub async fn start(state: State) -> Self {
        Running::serve("127.0.0.1:0".parse().unwrap(), Arc::new(state), None).await
    }

    pub async fn with_tls(state: State, tls: ServerConfig) -> Self {
        Running::serve("127.0.0.1:0".parse().unwrap(), Arc::new(state), Some(TlsAcceptor::from(Arc::new(tls)))).await
    }

    /// Ends it with all its connections and starts another one at the same address.
    pub async fn restart(self) -> Self {
        let (address, state) = (self.address, Arc::clone(&self.state));
        self.stop().await;
        Running::serve(address, state, None).await
    }

    /// Ends it; [`Running::back`] brings it back.
    #[allow(dead_code, reason = "the tests of the operator need it")]
    pub async fn away(self) -> (SocketAddr, Arc<State>) {
        let (address, state) = (self.address, Arc::clone(&self.state));
        self.stop().await;
        (address, state)
    }

    #[allow(dead_code, reason = "the tests of the operator need it")]
    pub async fn back(address: SocketAddr, state: Arc<State>) -> Self {
        Running::serve(address, state, None).await
    }

    pub async fn stop(mut self) {
        self.task.abort();
        let _ = (&mut self.task).await;
    }

    async fn serve(address: SocketAddr, state: Arc<State>, tls: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let served = Arc::clone(&state);
        let task = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                served.connections.fetch_add(1, Ordering::SeqCst);
                connections.spawn(connection(stream, tls.clone(), Play(Arc::clone(&served))));
            }
        });
        Running { address, state, task }
    }

    pub fn asked(&self) -> Vec<String> {
        std::mem::take(&mut *self.state.asked.lock().unwrap())
    }
}

async fn connection(stream: TcpStream, tls: Option<TlsAcceptor>, play: Play) {
    let service = TowerToHyperService::new(ExternalScalerServer::new(play));
    let builder = Builder::new(TokioExecutor::new()).http2_only();
    let _ = match tls {
        None => builder.serve_connection(TokioIo::new(stream), service).await,
        Some(tls) => {
            let Ok(stream) = tls.accept(stream).await else { return };
            builder.serve_connection(TokioIo::new(stream), service).await
        }
    };
}

impl Drop for Running {
    fn drop(&mut self) {
        self.task.abort();
    }
}
