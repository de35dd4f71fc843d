//! Whose word counts: the authorities of the front proxy and of client certificates, as the API server publishes them in
//! ConfigMap `kube-system/extension-apiserver-authentication`.

use std::collections::BTreeMap;
use std::sync::Arc;

use arc_swap::ArcSwap;
use futures::StreamExt;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::Api;
use kube::runtime::{WatchStreamExt, watcher};
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use tokio_util::sync::CancellationToken;

use crate::certificates::provider;
use crate::serve::Condition;

const NAMESPACE: &str = "kube-system";
const NAME: &str = "extension-apiserver-authentication";

/// Judges chains of certificates by one set of authorities.
pub(super) type Judge = Arc<dyn ClientCertVerifier>;

/// How the API server vouches for users.
#[derive(Clone, Debug, Default)]
pub(super) struct FrontProxy {
    /// Its certificate. `None`: no front proxy is set up.
    pub(super) judge: Option<Judge>,
    /// Common names that its certificate may have. Empty: any.
    pub(super) allowed_names: Vec<String>,
    pub(super) user_headers: Vec<String>,
    pub(super) uid_headers: Vec<String>,
    pub(super) group_headers: Vec<String>,
    pub(super) extra_prefixes: Vec<String>,
}

/// All of it, at one time.
#[derive(Clone, Debug, Default)]
pub(super) struct Authorities {
    pub(super) front_proxy: FrontProxy,
    /// Of client certificates of the cluster.
    pub(super) clients: Option<Judge>,
    /// Changes with each change.
    pub(super) generation: u64,
}

/// As it is now.
pub(super) type Current = Arc<ArcSwap<Authorities>>;

/// Follows the ConfigMap until `stop`. What was known last stays in use while it cannot be read.
pub(super) fn follow(client: &kube::Client, condition: Condition, stop: &CancellationToken) -> Current {
    let current = Current::default();
    let (kept, stop) = (Arc::clone(&current), stop.clone());
    let api: Api<ConfigMap> = Api::namespaced(client.clone(), NAMESPACE);
    let work = async move {
        let mut changes = watcher::watch_object(api, NAME).default_backoff().boxed();
        while let Some(change) = changes.next().await {
            match change {
                Ok(Some(found)) => {
                    let (mut next, faults) = read(&found.data.unwrap_or_default());
                    next.generation = kept.load().generation + 1;
                    for fault in faults {
                        tracing::warn!("ConfigMap {NAMESPACE}/{NAME}: {fault}");
                    }
                    kept.store(Arc::new(next));
                    condition.met();
                }
                // Some clusters have no front proxy; others are still to write it.
                Ok(None) => condition.failed(format!("ConfigMap {NAMESPACE}/{NAME} does not exist")),
                Err(error) => {
                    tracing::warn!(
                        %error,
                        "reading ConfigMap {NAMESPACE}/{NAME}; the operator needs Role extension-apiserver-authentication-reader"
                    );
                    if kept.load().generation == 0 {
                        condition.failed(format!("ConfigMap {NAMESPACE}/{NAME} cannot be read"));
                    }
                }
            }
        }
    };
    tokio::spawn(async move {
        tokio::select! {
            () = work => {}
            () = stop.cancelled() => {}
        }
    });
    current
}

/// What the ConfigMap says, and what of it cannot be used.
fn read(data: &BTreeMap<String, String>) -> (Authorities, Vec<String>) {
    let mut faults = Vec::new();
    let mut list = |key: &str, default: &str| -> Vec<String> {
        let text = data.get(key).map_or(default, String::as_str);
        serde_json::from_str(text).unwrap_or_else(|error| {
            faults.push(format!("{key}: found {text:?}, expected a JSON list of names: {error}"));
            Vec::new()
        })
    };
    let mut front_proxy = FrontProxy {
        judge: None,
        allowed_names: list("requestheader-allowed-names", "[]"),
        user_headers: list("requestheader-username-headers", r#"["X-Remote-User"]"#),
        uid_headers: list("requestheader-uid-headers", r#"["X-Remote-Uid"]"#),
        group_headers: list("requestheader-group-headers", r#"["X-Remote-Group"]"#),
        extra_prefixes: list("requestheader-extra-headers-prefix", r#"["X-Remote-Extra-"]"#),
    };
    // Names that cannot be read must not turn into "any name".
    let names_are_known = faults.is_empty();
    let mut judge = |key: &str| match data.get(key).map(|pem| judge(pem)) {
        Some(Ok(judge)) => Some(judge),
        Some(Err(fault)) => {
            faults.push(format!("{key}: {fault}"));
            None
        }
        None => None,
    };
    front_proxy.judge = judge("requestheader-client-ca-file").filter(|_| names_are_known);
    let clients = judge("client-ca-file");
    (Authorities { front_proxy, clients, generation: 0 }, faults)
}

/// A judge by the authorities in `pem`.
fn judge(pem: &str) -> Result<Judge, String> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pem.as_bytes()) {
        let certificate = certificate.map_err(|error| format!("no PEM: {error}"))?;
        roots.add(certificate).map_err(|error| format!("a certificate is no authority: {error}"))?;
    }
    let builder = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider());
    builder.build().map(|judge| judge as Judge).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn authority() -> String {
        let mut parameters = rcgen::CertificateParams::default();
        parameters.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        parameters.self_signed(&rcgen::KeyPair::generate().unwrap()).unwrap().pem()
    }

    fn data(change: &[(&str, &str)]) -> BTreeMap<String, String> {
        let (one, two) = (authority(), authority());
        let all = [
            ("client-ca-file", one.as_str()),
            ("requestheader-client-ca-file", &two),
            ("requestheader-allowed-names", r#"["front-proxy-client"]"#),
            ("requestheader-username-headers", r#"["X-Remote-User"]"#),
            ("requestheader-group-headers", r#"["X-Remote-Group"]"#),
            ("requestheader-extra-headers-prefix", r#"["X-Remote-Extra-"]"#),
        ];
        all.iter().chain(change).map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn what_the_api_server_publishes_is_understood() {
        let (found, faults) = read(&data(&[]));
        assert!(faults.is_empty(), "{faults:?}");
        assert!(found.clients.is_some() && found.front_proxy.judge.is_some());
        assert_eq!(found.front_proxy.allowed_names, ["front-proxy-client"]);
        assert_eq!(found.front_proxy.uid_headers, ["X-Remote-Uid"]);
        let (found, faults) = read(&BTreeMap::new());
        assert!(faults.is_empty() && found.clients.is_none() && found.front_proxy.judge.is_none());
    }

    #[test]
    fn what_cannot_be_read_trusts_nobody() {
        for (key, value) in [
            ("requestheader-allowed-names", "front-proxy-client"),
            ("requestheader-client-ca-file", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"),
            ("requestheader-client-ca-file", ""),
        ] {
            let (found, faults) = read(&data(&[(key, value)]));
            assert!(found.front_proxy.judge.is_none(), "{key}");
            assert_eq!(faults.len(), 1, "{faults:?}");
            assert!(found.clients.is_some());
        }
    }
}
