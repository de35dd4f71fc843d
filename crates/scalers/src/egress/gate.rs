//! What every connection of a trigger goes through: the hosts that its credentials are for, the addresses of the name, and
//! the policy on these. What is given back is what is dialled, so a name that changes its address gets nowhere else.

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use async_trait::async_trait;

use super::allowed::{AllowedHosts, NotAllowed};
use super::{EgressPolicy, Refusal};
use crate::authorities::Authorities;

/// Finds the addresses of names. The system's is used where no other is given.
#[async_trait]
pub trait Resolver: Send + Sync {
    /// All addresses of a host, with this port.
    ///
    /// # Errors
    /// When the name is not known or cannot be asked for.
    async fn addresses(&self, host: &str, port: u16) -> io::Result<Vec<SocketAddr>>;
}

struct System;

#[async_trait]
impl Resolver for System {
    async fn addresses(&self, host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        tokio::net::lookup_host((host, port)).await.map(Iterator::collect)
    }
}

/// Where one trigger may connect to. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Egress {
    policy: Arc<EgressPolicy>,
    resolver: Arc<dyn Resolver>,
    allowed: Option<Arc<AllowedHosts>>,
}

impl Default for Egress {
    fn default() -> Self {
        Egress { policy: Arc::default(), resolver: Arc::new(System), allowed: None }
    }
}

/// Equal where the same connections may be shared. All of a process have the same resolver.
impl PartialEq for Egress {
    fn eq(&self, other: &Self) -> bool {
        self.policy == other.policy && self.allowed == other.allowed
    }
}

impl fmt::Debug for Egress {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Egress").field("policy", &self.policy).field("allowed", &self.allowed).finish_non_exhaustive()
    }
}

impl Egress {
    pub(crate) fn under(self, policy: EgressPolicy) -> Self {
        Egress { policy: Arc::new(policy), ..self }
    }

    pub(crate) fn resolved_by(self, resolver: Arc<dyn Resolver>) -> Self {
        Egress { resolver, ..self }
    }

    /// For a trigger whose credentials are for these hosts alone.
    pub(crate) fn only_to(self, allowed: Option<Arc<AllowedHosts>>) -> Self {
        Egress { allowed, ..self }
    }

    /// The only hosts, where there are such.
    pub(crate) fn allowed(&self) -> Option<&Arc<AllowedHosts>> {
        self.allowed.as_ref()
    }

    /// Whom every trigger trusts besides the system's authorities.
    pub(crate) fn authorities(&self) -> &Authorities {
        self.policy.authorities()
    }

    /// Judges what is known of a host before its name is resolved: whether the credentials may go there, and the address
    /// if it is written as one.
    pub(crate) fn judge(&self, host: &str, port: u16) -> Result<(), Barred> {
        self.judge_host(host, port)?;
        self.judge_address(host)
    }

    /// Whether the credentials may go there.
    pub(crate) fn judge_host(&self, host: &str, port: u16) -> Result<(), Barred> {
        self.allowed.as_ref().map_or(Ok(()), |allowed| allowed.judge(host, port)).map_err(Barred::Host)
    }

    /// Whether the credentials may go to the endpoints of a Service, by any of the names that clusters give it. What else
    /// its URL's host says does not lead there.
    pub(crate) fn judge_service(&self, name: &str, namespace: &str, port: u16) -> Result<(), Barred> {
        let short = format!("{name}.{namespace}");
        let names = [format!("{short}.svc.cluster.local"), format!("{short}.svc"), short];
        let judged = names.map(|name| self.judge_host(&name, port));
        if judged.iter().any(Result::is_ok) { Ok(()) } else { judged.into_iter().next_back().unwrap_or(Ok(())) }
    }

    /// Judges a host that is written as an address; names are judged when they are resolved.
    pub(crate) fn judge_address(&self, host: &str) -> Result<(), Barred> {
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let address = host.parse::<IpAddr>();
        address.map_or(Ok(()), |address| self.policy.judge(address)).map_err(Barred::Address)
    }

    /// What may be dialled of a host's addresses, found anew each time.
    pub(crate) async fn addresses(&self, host: &str, port: u16) -> Result<Vec<SocketAddr>, DialError> {
        self.judge_host(host, port).map_err(DialError::Barred)?;
        self.resolve(host, port).await
    }

    /// The same, where the host was judged before.
    pub(crate) async fn resolve(&self, host: &str, port: u16) -> Result<Vec<SocketAddr>, DialError> {
        let found = self.resolver.addresses(host, port).await.map_err(DialError::Unknown)?;
        self.policy.filter(found).map_err(|refusal| DialError::Barred(Barred::Address(refusal)))
    }
}

/// Why a trigger may not go somewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Barred {
    /// For its address.
    Address(Refusal),
    /// For the host's name.
    Host(NotAllowed),
}

impl fmt::Display for Barred {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Barred::Address(refusal) => refusal.fmt(out),
            Barred::Host(refusal) => refusal.fmt(out),
        }
    }
}

impl std::error::Error for Barred {}

/// Why there is nothing to dial.
#[derive(Debug)]
pub(crate) enum DialError {
    /// The name could not be resolved.
    Unknown(io::Error),
    /// It may not be gone to.
    Barred(Barred),
}
