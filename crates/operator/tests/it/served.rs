//! An external metrics API of our own on the test cluster, and ways to ask it.

use std::fmt::Display;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use serde_json::Value;
use tidegate_cluster::{ApiServiceName, Cluster, KeyPair};
use tidegate_engine::{TargetId, Timestamp};
use tidegate_operator::{
    Board, BoardValue, CertificateOptions, Certificates, ExternalMetricsOptions, NoDemand, Options, Readiness,
    ServiceName, serve_metrics_api,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_util::sync::{CancellationToken, DropGuard};

/// How long anything may take before a test gives up.
pub(crate) const PATIENCE: Duration = Duration::from_secs(90);

/// Looks until `look` finds something.
pub(crate) async fn wait_for<T, E: Display>(what: &str, mut look: impl AsyncFnMut() -> Result<T, E>) -> T {
    let begun = tokio::time::Instant::now();
    loop {
        match look().await {
            Ok(found) => return found,
            Err(error) if begun.elapsed() > PATIENCE => panic!("{what}: {error}"),
            Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    }
}

/// The API at work. It ends with this.
pub(crate) struct Served {
    pub(crate) board: Board,
    pub(crate) certificates: Certificates,
    pub(crate) service: ApiServiceName,
    pub(crate) options: Options,
    pub(crate) stop: CancellationToken,
    _end: DropGuard,
}

/// Settings of an operator whose certificates are in `namespace`.
pub(crate) fn options(namespace: &str) -> Options {
    let service = format!("metrics.{namespace}.svc");
    Options {
        own_namespace: namespace.to_owned(),
        certificates: CertificateOptions::Managed {
            secret: "kedaorg-certs".to_owned(),
            dns_names: vec![service, "localhost".to_owned()],
        },
        external_metrics: Some(ExternalMetricsOptions {
            bind: "127.0.0.1:0".parse().unwrap(),
            service: ServiceName { namespace: namespace.to_owned(), name: "metrics".to_owned(), port: 443 },
            patch_api_service: true,
        }),
        ..Options::default()
    }
}

impl Served {
    /// Starts it, with its certificates in a namespace of its own, and waits until it is ready.
    pub(crate) async fn start(cluster: &Cluster) -> Served {
        let namespace = cluster.namespace("metrics").await;
        let (options, stop) = (options(&namespace), CancellationToken::new());
        let (client, readiness, board) = (cluster.client(), Readiness::new(), Board::new());
        let certificates = Certificates::start(&client, &options, &readiness, &stop).await.unwrap();
        let api = options.external_metrics.clone().unwrap();
        let served = serve_metrics_api(&client, &api, &certificates, &board, Arc::new(NoDemand), &readiness, &stop);
        let port = served.await.unwrap().serving.address.port();
        wait_for("the API is ready", async || {
            let report = readiness.report();
            if report.ready { Ok(()) } else { Err(report.text()) }
        })
        .await;
        let service = ApiServiceName { namespace, name: "metrics".to_owned(), port };
        Served { board, certificates, service, options, stop: stop.clone(), _end: stop.drop_guard() }
    }

    /// Puts it behind the API server.
    pub(crate) async fn aggregate(&self, cluster: &Cluster) {
        let authorities = self.certificates.authorities().borrow().clone();
        cluster.aggregate_external_metrics(&self.service, &authorities).await;
    }

    /// A value of now.
    pub(crate) fn set(&self, namespace: &str, name: &str, metric: &str, value: f64) {
        let at = Timestamp::from_millis(jiff::Timestamp::now().as_millisecond());
        let value = BoardValue { metric: metric.into(), value: Ok(value), at, fallback: false };
        self.board.set(&TargetId::new(namespace, name), vec![value]);
    }

    /// A connection to it without the API server between.
    pub(crate) fn direct(&self, certificate: Option<&KeyPair>) -> Direct {
        let mut roots = RootCertStore::empty();
        for authority in CertificateDer::pem_slice_iter(self.certificates.authorities().borrow().as_bytes()) {
            roots.add(authority.unwrap()).unwrap();
        }
        let builder = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots);
        let config = match certificate {
            None => builder.with_no_client_auth(),
            Some(pair) => {
                let chain = CertificateDer::pem_file_iter(&pair.certificate).unwrap().map(Result::unwrap).collect();
                builder.with_client_auth_cert(chain, PrivateKeyDer::from_pem_file(&pair.key).unwrap()).unwrap()
            }
        };
        Direct { port: self.service.port, config: Arc::new(config) }
    }
}

/// Asks the API itself.
pub(crate) struct Direct {
    port: u16,
    config: Arc<ClientConfig>,
}

/// The path of a metric of a ScaledObject.
pub(crate) fn path(namespace: &str, metric: &str, name: &str) -> String {
    let selector = format!("scaledobject.keda.sh%2Fname%3D{name}");
    format!("/apis/external.metrics.k8s.io/v1beta1/namespaces/{namespace}/{metric}?labelSelector={selector}")
}

impl Direct {
    /// The status and the body of a GET on a connection of its own.
    pub(crate) async fn get(&self, path: &str, headers: &[(&str, &str)]) -> std::io::Result<(u16, Value)> {
        let stream = TcpStream::connect(("127.0.0.1", self.port)).await?;
        let name = ServerName::try_from("localhost").unwrap();
        let mut stream = tokio_rustls::TlsConnector::from(Arc::clone(&self.config)).connect(name, stream).await?;
        let headers: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{headers}\r\n");
        stream.write_all(request.as_bytes()).await?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await?;
        let answer = String::from_utf8_lossy(&answer).into_owned();
        let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
        let body = answer.split_once("\r\n\r\n").map_or("", |(_, body)| body);
        Ok((status, serde_json::from_str(body).unwrap_or(Value::Null)))
    }
}
