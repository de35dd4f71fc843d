//! Triggers that need more than a number from a server: pods of this machine, external scalers that push.

use std::pin::Pin;
use std::sync::{Arc, Mutex};

use futures::{Stream, StreamExt};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use tidegate_scalers::externalscaler::external_scaler_server::{ExternalScaler, ExternalScalerServer};
use tidegate_scalers::externalscaler::{
    GetMetricSpecResponse, GetMetricsRequest, GetMetricsResponse, IsActiveResponse, MetricSpec, MetricValue,
    ScaledObjectRef,
};
use tokio::net::TcpListener;
use tokio::sync::broadcast;
use tokio_stream::wrappers::BroadcastStream;
use tonic::{Request, Response, Status};

use crate::bench::{Upping, processes, until, write};

fn deployment(name: &str, replicas: u32) -> String {
    format!(
        r#"apiVersion: apps/v1
kind: Deployment
metadata: {{name: {name}}}
spec:
  replicas: {replicas}
  selector: {{matchLabels: {{app: {name}}}}}
  template:
    metadata: {{labels: {{app: {name}, tier: test}}}}
    spec:
      terminationGracePeriodSeconds: 2
      containers: [{{name: main, image: none, command: [sh, -c, "exec sleep 600"]}}]
---
"#
    )
}

fn scaled_object(name: &str, polling_s: u32, trigger: &str) -> String {
    format!(
        r#"apiVersion: keda.sh/v1alpha1
kind: ScaledObject
metadata: {{name: {name}}}
spec:
  scaleTargetRef: {{name: {name}}}
  pollingInterval: {polling_s}
  cooldownPeriod: 1
  advanced:
    horizontalPodAutoscalerConfig:
      behavior:
        scaleUp: {{policies: [{{type: Pods, value: 1000, periodSeconds: 1}}]}}
        scaleDown: {{stabilizationWindowSeconds: 0}}
  triggers:
    - {trigger}
---
"#
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pods_of_this_machine_are_counted() {
    let folder = tempfile::tempdir().unwrap();
    let trigger = "{type: kubernetes-workload, metadata: {podSelector: 'app=producer,tier in (test)', value: '0.5'}}";
    let consumer = deployment("consumer", 0) + &scaled_object("consumer", 1, trigger);
    write(folder.path(), "consumer.yaml", &consumer);
    write(folder.path(), "producer.yaml", &deployment("producer", 2));
    let run = Upping::start(folder.path());
    until("two producers ask for four consumers", || processes(folder.path()).len() == 6).await;
    write(folder.path(), "producer.yaml", &deployment("producer", 0));
    until("nobody is asked for", || processes(folder.path()).is_empty()).await;
    run.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_pods_use_of_the_processors_moves_replicas() {
    let folder = tempfile::tempdir().unwrap();
    let trigger = "{type: cpu, metricType: Utilization, metadata: {value: '60'}}";
    let busy = "while :; do :; done\", \"-\"], resources: {requests: {cpu: 100m}}, args: [\"-";
    let deployment = deployment("work", 1).replace("exec sleep 600\"]", &format!("{busy}\"]"));
    let object =
        scaled_object("work", 1, trigger).replace("cooldownPeriod: 1", "minReplicaCount: 1\n  maxReplicaCount: 3");
    write(folder.path(), "all.yaml", &(deployment + &object));
    let run = Upping::start(folder.path());
    until("one busy pod asks for as many as there may be", || processes(folder.path()).len() == 3).await;
    run.stop().await;
}

/// An external scaler.
#[derive(Clone)]
struct Play {
    active: Arc<Mutex<bool>>,
    target: Arc<Mutex<i64>>,
    pushes: broadcast::Sender<bool>,
    changes: broadcast::Sender<i64>,
}

type Answers<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

fn specs(target: i64) -> GetMetricSpecResponse {
    let metric_name = "waiting".to_owned();
    GetMetricSpecResponse {
        metric_specs: vec![MetricSpec { metric_name, target_size: target, target_size_float: 0.0 }],
    }
}

#[tonic::async_trait]
impl ExternalScaler for Play {
    async fn is_active(&self, _: Request<ScaledObjectRef>) -> Result<Response<IsActiveResponse>, Status> {
        Ok(Response::new(IsActiveResponse { result: *self.active.lock().unwrap() }))
    }

    type StreamIsActiveStream = Answers<IsActiveResponse>;

    async fn stream_is_active(
        &self,
        _: Request<ScaledObjectRef>,
    ) -> Result<Response<Self::StreamIsActiveStream>, Status> {
        let answers = BroadcastStream::new(self.pushes.subscribe());
        let answers = answers.map(|result| Ok(IsActiveResponse { result: result.unwrap_or_default() }));
        Ok(Response::new(Box::pin(answers)))
    }

    async fn get_metric_spec(&self, _: Request<ScaledObjectRef>) -> Result<Response<GetMetricSpecResponse>, Status> {
        Ok(Response::new(specs(*self.target.lock().unwrap())))
    }

    async fn get_metrics(&self, _: Request<GetMetricsRequest>) -> Result<Response<GetMetricsResponse>, Status> {
        let value = MetricValue { metric_name: String::new(), metric_value: 30, metric_value_float: 0.0 };
        Ok(Response::new(GetMetricsResponse { metric_values: vec![value] }))
    }

    type StreamMetricSpecStream = Answers<GetMetricSpecResponse>;

    async fn stream_metric_spec(
        &self,
        _: Request<ScaledObjectRef>,
    ) -> Result<Response<Self::StreamMetricSpecStream>, Status> {
        let answers = BroadcastStream::new(self.changes.subscribe());
        Ok(Response::new(Box::pin(answers.map(|target| Ok(specs(target.unwrap_or(1)))))))
    }
}

async fn serve(listener: TcpListener, play: Play) {
    while let Ok((stream, _)) = listener.accept().await {
        let service = TowerToHyperService::new(ExternalScalerServer::new(play.clone()));
        tokio::spawn(async move {
            Builder::new(TokioExecutor::new()).http2_only().serve_connection(TokioIo::new(stream), service).await.ok();
        });
    }
}

/// Polled every hour, so whatever moves does so because it was pushed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_an_external_scaler_pushes_moves_replicas_at_once() {
    let folder = tempfile::tempdir().unwrap();
    // The server comes up after the target is served: nothing is known of its metrics until then.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let trigger = format!("{{type: external-push, metadata: {{scalerAddress: '{address}'}}}}");
    write(folder.path(), "all.yaml", &(deployment("work", 0) + &scaled_object("work", 3600, &trigger)));
    let run = Upping::start(folder.path());
    until("it is served", || !run.lines.with("ScaledObject default/work is served").is_empty()).await;
    let play = Play {
        active: Arc::default(),
        target: Arc::new(Mutex::new(10)),
        pushes: broadcast::channel(16).0,
        changes: broadcast::channel(16).0,
    };
    let server = tokio::spawn(serve(listener, play.clone()));
    until("it listens", || play.pushes.receiver_count() == 1 && play.changes.receiver_count() == 1).await;
    assert!(processes(folder.path()).is_empty(), "it is not active");
    *play.active.lock().unwrap() = true;
    play.pushes.send(true).unwrap();
    until("three for a value of 30 and a target of 10", || processes(folder.path()).len() == 3).await;
    *play.target.lock().unwrap() = 5;
    play.changes.send(5).unwrap();
    until("six for a target of 5", || processes(folder.path()).len() == 6).await;
    run.stop().await;
    server.abort();
}
