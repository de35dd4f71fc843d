//! Names of servers become addresses that the egress policy allows; what is dialled is one of these.

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use crate::egress::{DialError, Egress};

/// What may be dialled of a name's addresses. Whether the request may go to the host was judged with its port before.
pub(crate) struct Resolver(pub(crate) Egress);

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let egress = self.0.clone();
        Box::pin(async move {
            match egress.resolve(name.as_str(), 0).await {
                Ok(found) => Ok(Box::new(found.into_iter()) as Addrs),
                Err(DialError::Unknown(error)) => Err(error.into()),
                Err(DialError::Barred(barred)) => Err(barred.into()),
            }
        })
    }
}
