//! The admission webhook: the rules of [`tidegate_crds::admission`] and of the triggers, before an object is taken.
//!
//! A verdict comes from memory. Only a cpu or memory trigger makes it look for the target's containers, and if those
//! cannot be had, the rule about them is left to the controller. The webhook may be unreachable (its failure policy is
//! to let pass), so the controller applies the same rules.

mod bodies;
mod containers;
mod counters;
mod review;
mod triggers;

use std::sync::Arc;

use tidegate_crds::admission::Facts;
use tokio_util::sync::CancellationToken;

use crate::certificates::{CertificateError, Certificates};
use crate::options::AdmissionOptions;
use crate::serve::{self, Series, ServeError, Serving};

/// The paths under which webhooks ask, as KEDA's, and ours for ScalingPolicies.
pub(crate) const PATHS: [&str; 7] = [
    "/validate-keda-sh-v1alpha1-scaledobject",
    "/validate-keda-sh-v1alpha1-scaledjob",
    "/validate-keda-sh-v1alpha1-triggerauthentication",
    "/validate-keda-sh-v1alpha1-clustertriggerauthentication",
    "/validate-eventing-keda-sh-v1alpha1-cloudeventsource",
    "/validate-eventing-keda-sh-v1alpha1-clustercloudeventsource",
    "/validate-tidegate-dev-v1alpha1-scalingpolicy",
];

/// The webhook could not be started.
#[derive(Debug, thiserror::Error)]
pub enum AdmissionError {
    /// Its address could not be had.
    #[error(transparent)]
    Serve(#[from] ServeError),
    /// It has no certificate.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
}

/// The webhook at work.
pub struct Admission {
    /// Where it listens.
    pub serving: Serving,
    /// `keda_webhook_*` for `/metrics`.
    pub series: Arc<dyn Series>,
}

impl std::fmt::Debug for Admission {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Admission").field("serving", &self.serving).finish_non_exhaustive()
    }
}

/// Serves the webhook until `stop`. `facts` answer from memory; containers and LimitRanges are looked for through
/// `client` where they are needed.
///
/// # Errors
/// When the address cannot be had or TLS cannot be set up.
pub async fn serve(
    client: &kube::Client,
    options: &AdmissionOptions,
    certificates: &Certificates,
    facts: Arc<dyn Facts + Send + Sync>,
    stop: &CancellationToken,
) -> Result<Admission, AdmissionError> {
    let (listener, address) = serve::listen("the admission webhook", options.bind).await?;
    let config = certificates.server_config()?;
    let handler = Arc::new(review::Webhook::new(client.clone(), facts));
    let series = Arc::clone(&handler) as Arc<dyn Series>;
    let task = tokio::spawn(serve::tls::serve("admission", listener, config, handler, stop.clone()));
    Ok(Admission { serving: Serving { address, task }, series })
}
