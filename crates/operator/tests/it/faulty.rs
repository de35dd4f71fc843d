//! A client that counts what an operator asks of the API server, and has some of it fail.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use axum::http::Request;
use kube::client::{Body, ClientBuilder};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use tidegate_cluster::Cluster;
use tower::util::MapRequestLayer;

/// What was asked, by method and path.
#[derive(Clone, Default)]
pub(crate) struct Asked(Arc<Mutex<BTreeMap<String, usize>>>, Arc<Mutex<BTreeSet<String>>>);

impl Asked {
    /// Everything but watches and what keeps them going, as one line each.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.0.lock().unwrap().iter().map(|(line, count)| format!("{line} {count}")).collect()
    }

    /// The paths that are watched.
    pub(crate) fn watched(&self) -> Vec<String> {
        self.1.lock().unwrap().iter().cloned().collect()
    }

    fn note(&self, request: &Request<Body>) {
        let query = request.uri().query().unwrap_or_default();
        if query.contains("watch=true") {
            self.1.lock().unwrap().insert(request.uri().path().to_owned());
        } else {
            let line = format!("{} {}", request.method(), request.uri().path());
            *self.0.lock().unwrap().entry(line).or_default() += 1;
        }
    }
}

/// A client whose requests for which `spoilt` holds reach no object.
pub(crate) async fn client(
    cluster: &Cluster,
    asked: &Asked,
    spoilt: impl Fn(&Request<Body>) -> bool + Clone + Send + Sync + 'static,
) -> Client {
    let config = Kubeconfig::read_from(cluster.kubeconfig()).unwrap();
    let config = Config::from_custom_kubeconfig(config, &KubeConfigOptions::default()).await.unwrap();
    let asked = asked.clone();
    let layer = MapRequestLayer::new(move |mut request: Request<Body>| {
        asked.note(&request);
        if spoilt(&request) {
            let broken = request.uri().to_string().replace("/apis/", "/apis/broken.");
            *request.uri_mut() = broken.parse().unwrap();
        }
        request
    });
    ClientBuilder::try_from(config).unwrap().with_layer(&layer).build()
}
