//! Where triggers may connect to: neither this machine's own addresses nor the API server's, unless that is allowed.
//!
//! What the API server's addresses are is known before the first trigger is read, and looked at again for as long as the
//! process runs: a control plane that is moved or grows must not come within reach.

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use k8s_openapi::api::core::v1::Service;
use k8s_openapi::api::discovery::v1::EndpointSlice;
use kube::api::ListParams;
use kube::{Api, Client};
use tidegate_scalers::{ApiServer, Authorities, EgressPolicy, Network};
use tokio_util::sync::CancellationToken;

use crate::call::{CallError, call};
use crate::jitter::jitter;
use crate::options::Options;

/// So often is looked again. One small list, of what changes when a machine of the control plane does.
const AGAIN: Duration = Duration::from_secs(60);

/// Between two attempts at the start, doubling.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// The networks that triggers may reach although they hold what is otherwise out of reach.
///
/// # Errors
/// Names the text that is no network.
pub(crate) fn reachable(options: &Options) -> Result<Vec<Network>, String> {
    options.allowed_addresses.iter().map(|text| text.parse::<Network>()).collect()
}

/// The policy for all triggers, once it is known where the API server is; followed from then on until `stop`.
pub(crate) async fn policy(
    client: &Client,
    options: &Options,
    reachable: Vec<Network>,
    stop: &CancellationToken,
) -> EgressPolicy {
    let (api_server, client) = (ApiServer::default(), client.clone());
    follow(api_server.clone(), move || find(client.clone()), stop.clone()).await;
    EgressPolicy::cluster(api_server).allowing(reachable).trusting(authorities(&options.authority_folders))
}

/// Where the API server was found to be.
struct Found {
    addresses: Vec<IpAddr>,
    /// What may not be read of it.
    denied: Option<CallError>,
}

/// Returns once it is known; looks again until `stop`. What was known last holds while it cannot be read.
async fn follow<F>(api_server: ApiServer, find: impl Fn() -> F + Send + 'static, stop: CancellationToken)
where
    F: Future<Output = Result<Found, CallError>> + Send,
{
    let mut pause = FIRST_PAUSE;
    loop {
        match find().await {
            Ok(Found { addresses, denied }) => {
                if let Some(error) = denied {
                    tracing::warn!(
                        %error,
                        "reading the EndpointSlices of Service default/kubernetes; triggers are kept from the API server's \
                         other addresses only: {addresses:?}; give the operator list of endpointslices"
                    );
                }
                api_server.moved(addresses);
                break;
            }
            Err(error) => {
                tracing::warn!(%error, "asking the API server for its addresses, which triggers may not reach; asking again");
                tokio::time::sleep(pause.mul_f64(jitter(0.8..1.2))).await;
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
        }
    }
    tokio::spawn(stop.run_until_cancelled_owned(async move {
        loop {
            tokio::time::sleep(AGAIN).await;
            match find().await {
                Ok(Found { addresses, .. }) => api_server.moved(addresses),
                Err(error) => tracing::debug!(%error, "asking the API server for its addresses"),
            }
        }
    }));
}

/// The API server's addresses as pods see them. An error is one that may pass.
async fn find(client: Client) -> Result<Found, CallError> {
    let mut addresses: Vec<IpAddr> = Vec::new();
    addresses.extend(std::env::var("KUBERNETES_SERVICE_HOST").ok().and_then(|host| host.parse::<IpAddr>().ok()));
    let services: Api<Service> = Api::namespaced(client.clone(), "default");
    let slices: Api<EndpointSlice> = Api::namespaced(client, "default");
    let of_it = ListParams::default().labels("kubernetes.io/service-name=kubernetes");
    let (service, slices) = tokio::join!(call(services.get_opt("kubernetes")), call(slices.list(&of_it)));
    match service {
        Ok(service) => {
            let ips = service.and_then(|service| service.spec?.cluster_ips).unwrap_or_default();
            addresses.extend(ips.iter().filter_map(|ip| ip.parse::<IpAddr>().ok()));
        }
        Err(error) if error.is_passing() => return Err(error),
        // In a pod its environment has said it, so the operator's role does without.
        Err(_) => {}
    }
    let denied = match slices {
        Ok(slices) => {
            let endpoints = slices.items.into_iter().flat_map(|slice| slice.endpoints.unwrap_or_default());
            addresses.extend(endpoints.flat_map(|one| one.addresses).filter_map(|ip| ip.parse::<IpAddr>().ok()));
            None
        }
        Err(error) if error.is_passing() => return Err(error),
        Err(error) => Some(error),
    };
    Ok(Found { addresses, denied })
}

/// Whom all triggers trust besides the system's authorities. A file that cannot be used must not keep the rest from work.
fn authorities(folders: &[PathBuf]) -> Authorities {
    let (authorities, faults) = Authorities::read(folders);
    for fault in faults {
        tracing::warn!("{fault}");
    }
    if !authorities.is_empty() {
        tracing::info!(certificates = authorities.len(), ?folders, "triggers trust further certificate authorities");
    }
    authorities
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::sync::{Arc, Mutex};

    use tokio::time::Instant;

    use super::*;

    type Answers = VecDeque<Result<Found, CallError>>;

    fn at(address: &str) -> Result<Found, CallError> {
        Ok(Found { addresses: vec![address.parse().unwrap()], denied: None })
    }

    fn may_reach(api_server: &ApiServer, address: &str) -> bool {
        EgressPolicy::cluster(api_server.clone()).judge(address.parse().unwrap()).is_ok()
    }

    /// Answers one after the other; the last one for ever, as an API server that does not answer.
    fn answering(answers: Answers) -> impl Fn() -> std::future::Ready<Result<Found, CallError>> + Send + 'static {
        let answers = Arc::new(Mutex::new(answers));
        move || std::future::ready(answers.lock().unwrap().pop_front().unwrap_or(Err(CallError::Timeout)))
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_starts_before_it_is_known_where_the_api_server_is() {
        let (api_server, begun) = (ApiServer::default(), Instant::now());
        let find = answering([Err(CallError::Timeout), Err(CallError::Timeout), at("10.0.0.1")].into());
        follow(api_server.clone(), find, CancellationToken::new()).await;
        assert!(begun.elapsed() >= FIRST_PAUSE, "it was asked again");
        assert!(!may_reach(&api_server, "10.0.0.1"));
    }

    #[tokio::test(start_paused = true)]
    async fn an_api_server_that_moves_is_followed_and_one_that_is_silent_is_where_it_was() {
        let api_server = ApiServer::default();
        let find = answering([at("10.0.0.1"), Err(CallError::Timeout), at("10.0.0.2")].into());
        follow(api_server.clone(), find, CancellationToken::new()).await;
        tokio::time::sleep(AGAIN * 3 / 2).await;
        assert!(!may_reach(&api_server, "10.0.0.1"), "nothing was said since");
        tokio::time::sleep(AGAIN).await;
        assert!(may_reach(&api_server, "10.0.0.1") && !may_reach(&api_server, "10.0.0.2"));
        tokio::time::sleep(AGAIN * 100).await;
        assert!(!may_reach(&api_server, "10.0.0.2"), "silence changes nothing");
    }

    #[tokio::test(start_paused = true)]
    async fn what_may_not_be_read_does_not_keep_the_rest_from_work() {
        let api_server = ApiServer::default();
        let refused = kube::core::Status { code: 403, ..Default::default() };
        let denied = Some(CallError::Refused(Box::new(refused)));
        let addresses = vec!["10.96.0.1".parse().unwrap()];
        follow(api_server.clone(), answering([Ok(Found { addresses, denied })].into()), CancellationToken::new()).await;
        assert!(!may_reach(&api_server, "10.96.0.1"));
    }
}
