//! The endpoints of Services, for triggers that ask all of them.

use std::net::IpAddr;

use async_trait::async_trait;
use k8s_openapi::api::discovery::v1::EndpointSlice;
use kube::api::ListParams;
use kube::{Api, Client};
use tidegate_engine::{ReadError, ReadErrorKind};
use tidegate_scalers::{EndpointGroup, Endpoints};

use crate::call::call;

/// Asked for at each read: endpoints that are gone must not be asked.
#[derive(Clone)]
pub(crate) struct Services(pub(crate) Client);

#[async_trait]
impl Endpoints for Services {
    async fn endpoints(&self, namespace: &str, service: &str) -> Result<Vec<EndpointGroup>, ReadError> {
        let api: Api<EndpointSlice> = Api::namespaced(self.0.clone(), namespace);
        let of_service = ListParams::default().labels(&format!("kubernetes.io/service-name={service}"));
        let slices = call(api.list(&of_service)).await.map_err(|error| {
            let message = format!("listing the endpoints of Service {namespace}/{service}: {error}");
            ReadError::new(ReadErrorKind::Unreachable, message)
        })?;
        Ok(slices.items.into_iter().map(group).collect())
    }
}

fn group(slice: EndpointSlice) -> EndpointGroup {
    let usable = slice.endpoints.unwrap_or_default().into_iter().filter(|endpoint| {
        // What does not say is ready, as the API documents it.
        endpoint.conditions.as_ref().and_then(|conditions| conditions.ready).unwrap_or(true)
    });
    let addresses: Vec<IpAddr> = usable.flat_map(|one| one.addresses).filter_map(|text| text.parse().ok()).collect();
    let ports = slice.ports.unwrap_or_default();
    EndpointGroup {
        addresses,
        ports: ports.into_iter().filter_map(|port| port.port.and_then(|port| u16::try_from(port).ok())).collect(),
    }
}
