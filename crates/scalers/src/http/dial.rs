//! Names of servers become addresses that the egress policy allows; what is dialled is one of these.

use std::sync::Arc;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use crate::egress::EgressPolicy;

/// The system's resolver without refused addresses.
pub(crate) struct Resolver(pub(crate) Arc<EgressPolicy>);

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let egress = Arc::clone(&self.0);
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            Ok(Box::new(egress.filter(found)?.into_iter()) as Addrs)
        })
    }
}
