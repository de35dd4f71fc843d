//! Where the API server is, which may move while triggers run.

use std::net::IpAddr;
use std::sync::{Arc, PoisonError, RwLock};

use super::real;

/// The addresses of the Kubernetes API server as they are now. Cheap to clone; clones share, so that who finds out about a
/// change and who judges need not know each other.
#[derive(Clone, Debug, Default)]
pub struct ApiServer(Arc<RwLock<Vec<IpAddr>>>);

impl ApiServer {
    /// At these addresses.
    #[must_use]
    pub fn at(addresses: impl IntoIterator<Item = IpAddr>) -> Self {
        let this = ApiServer::default();
        this.moved(addresses);
        this
    }

    /// From now on at these addresses alone.
    pub fn moved(&self, addresses: impl IntoIterator<Item = IpAddr>) {
        let addresses = addresses.into_iter().map(real).collect();
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = addresses;
    }

    /// `address` as it is written in its shortest form.
    pub(super) fn is_at(&self, address: IpAddr) -> bool {
        self.0.read().unwrap_or_else(PoisonError::into_inner).contains(&address)
    }
}

/// The same where they share.
impl PartialEq for ApiServer {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for ApiServer {}
