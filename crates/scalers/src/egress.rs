//! Where triggers may not go, judged by the address that is dialled, so that neither a name nor a redirect gets around it.
//!
//! Link-local addresses and the metadata services of clouds hand out credentials of the machine to whoever asks, so no
//! trigger may go there, ever. On a cluster neither may go to the machine that decides (loopback) nor to the API server,
//! unless the administrator allows it: a tenant writes the addresses, and the machine that decides has more rights.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

use crate::authorities::Authorities;

mod allowed;
mod api_server;
mod gate;

pub use allowed::AllowedHosts;
pub use api_server::ApiServer;
pub use gate::Resolver;
pub(crate) use gate::{Barred, DialError, Egress};

/// Metadata services outside the link-local ranges: AWS, Google Cloud (IPv6), Alibaba Cloud, Oracle Cloud, Azure.
const METADATA: [IpAddr; 5] = [
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254)),
    IpAddr::V6(Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254)),
    IpAddr::V4(Ipv4Addr::new(100, 100, 100, 200)),
    IpAddr::V4(Ipv4Addr::new(192, 0, 0, 192)),
    IpAddr::V4(Ipv4Addr::new(168, 63, 129, 16)),
];

/// Where triggers may go. The default is for one machine, whose owner writes the manifests: everywhere but to link-local
/// addresses and metadata services. It goes wherever connections are made, and so do the authorities that vouch for what is
/// found there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EgressPolicy {
    loopback_refused: bool,
    api_server: ApiServer,
    allow: Vec<Network>,
    authorities: Authorities,
}

impl EgressPolicy {
    /// For a cluster: neither loopback nor the API server, wherever it is when a trigger goes there.
    #[must_use]
    pub fn cluster(api_server: ApiServer) -> Self {
        EgressPolicy { loopback_refused: true, api_server, ..EgressPolicy::default() }
    }

    /// The same with what the administrator allows. Link-local addresses and metadata services stay refused.
    #[must_use]
    pub fn allowing(mut self, networks: impl IntoIterator<Item = Network>) -> Self {
        self.allow.extend(networks);
        self
    }

    /// The same; servers may also show certificates of these authorities, whatever a trigger gives of its own.
    #[must_use]
    pub fn trusting(mut self, authorities: Authorities) -> Self {
        self.authorities = authorities;
        self
    }

    /// Whom every trigger trusts besides the system's authorities.
    pub(crate) fn authorities(&self) -> &Authorities {
        &self.authorities
    }

    /// Whether a trigger may go to this address.
    ///
    /// # Errors
    /// Why not, and what to do.
    pub fn judge(&self, address: IpAddr) -> Result<(), Refusal> {
        let address = real(address);
        let link_local = match address {
            IpAddr::V4(address) => address.is_link_local() || address.is_broadcast(),
            IpAddr::V6(address) => address.is_unicast_link_local(),
        };
        if link_local || METADATA.contains(&address) {
            return Err(Refusal::Metadata);
        }
        let refusal = if self.loopback_refused && (address.is_loopback() || address.is_unspecified()) {
            Refusal::Loopback
        } else if self.api_server.is_at(address) {
            Refusal::ApiServer
        } else {
            return Ok(());
        };
        if self.allow.iter().any(|network| network.contains(address)) { Ok(()) } else { Err(refusal) }
    }

    /// What is left of a name's addresses.
    ///
    /// # Errors
    /// When there are some and none is left.
    pub(crate) fn filter(&self, found: impl IntoIterator<Item = SocketAddr>) -> Result<Vec<SocketAddr>, Refusal> {
        let (mut allowed, mut refusal) = (Vec::new(), None);
        for address in found {
            match self.judge(address.ip()) {
                Ok(()) => allowed.push(address),
                Err(why) => refusal = Some(why),
            }
        }
        match refusal {
            Some(why) if allowed.is_empty() => Err(why),
            _ => Ok(allowed),
        }
    }
}

/// Why a trigger may not go somewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Link-local or a metadata service: never.
    #[error("the address is link-local or a cloud's metadata service, where triggers may not go; name another server")]
    Metadata,
    /// The machine that decides.
    #[error(
        "the address is the operator's own machine (loopback), where triggers may not go; name the server by a Service, or \
         have the administrator allow it"
    )]
    Loopback,
    /// Kubernetes itself.
    #[error(
        "the address is the Kubernetes API server's, where triggers may not go; name another server, or have the \
         administrator allow it"
    )]
    ApiServer,
}

/// An address, or a network as `10.0.0.0/8`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    bits: u8,
}

impl Network {
    fn contains(self, other: IpAddr) -> bool {
        let (own, other, length) = match (self.address, other) {
            (IpAddr::V4(own), IpAddr::V4(other)) => (u128::from(own.to_bits()), u128::from(other.to_bits()), 32),
            (IpAddr::V6(own), IpAddr::V6(other)) => (own.to_bits(), other.to_bits(), 128),
            _ => return false,
        };
        let shift = u32::from(length - self.bits.min(length));
        own.checked_shr(shift).unwrap_or(0) == other.checked_shr(shift).unwrap_or(0)
    }
}

impl FromStr for Network {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let expected = || format!("found {text:?}, expected an address as 10.0.0.1 or a network as 10.0.0.0/8");
        let (address, bits) = text.trim().split_once('/').map_or((text.trim(), None), |(a, bits)| (a, Some(bits)));
        let address = real(address.parse().map_err(|_| expected())?);
        let most = if address.is_ipv4() { 32 } else { 128 };
        let bits = bits.map_or(Ok(most), |bits| bits.parse().map_err(|_| expected()))?;
        if bits > most { Err(expected()) } else { Ok(Network { address, bits }) }
    }
}

impl fmt::Display for Network {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}/{}", self.address, self.bits)
    }
}

/// The IPv4 address inside an IPv6 address that stands for one: mapped, compatible, NAT64 (RFC 6052) and 6to4.
fn real(address: IpAddr) -> IpAddr {
    let IpAddr::V6(six) = address.to_canonical() else { return address.to_canonical() };
    let four = |high: u16, low: u16| IpAddr::V4(Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low)));
    match six.segments() {
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => four(high, low),
        [0x2002, high, low, ..] => four(high, low),
        [0, 0, 0, 0, 0, 0, high, low] if high != 0 => four(high, low),
        _ => IpAddr::V6(six),
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::{ApiServer, EgressPolicy, Network, Refusal};

    fn judge(policy: &EgressPolicy, address: &str) -> Result<(), Refusal> {
        policy.judge(address.parse().unwrap())
    }

    #[test]
    fn metadata_services_are_refused_in_every_spelling_and_whatever_is_allowed() {
        let all: [Network; 2] = ["0.0.0.0/0".parse().unwrap(), "::/0".parse().unwrap()];
        for policy in [EgressPolicy::default(), EgressPolicy::cluster(ApiServer::default()).allowing(all)] {
            for address in [
                "169.254.169.254",
                "::ffff:169.254.169.254",
                "64:ff9b::169.254.169.254",
                "2002:a9fe:a9fe::1",
                "::169.254.169.254",
                "fe80::1",
                "fd00:ec2::254",
                "100.100.100.200",
                "168.63.129.16",
            ] {
                assert_eq!(judge(&policy, address), Err(Refusal::Metadata), "{address}");
            }
            for address in ["10.0.0.1", "192.168.1.1", "2001:db8::1", "fd00::1"] {
                assert_eq!(judge(&policy, address), Ok(()), "{address}");
            }
        }
    }

    #[test]
    fn loopback_and_the_api_server_are_refused_on_a_cluster() {
        let one: [IpAddr; 2] = ["10.96.0.1".parse().unwrap(), "fd00::10".parse().unwrap()];
        let api_server = ApiServer::at(one);
        let policy = EgressPolicy::cluster(api_server.clone());
        for address in ["127.0.0.1", "127.8.9.1", "::1", "0.0.0.0", "::", "::ffff:127.0.0.1", "64:ff9b::127.0.0.1"] {
            assert_eq!(judge(&policy, address), Err(Refusal::Loopback), "{address}");
            assert_eq!(judge(&EgressPolicy::default(), address), Ok(()), "{address}");
        }
        for address in ["10.96.0.1", "::ffff:10.96.0.1", "fd00::10"] {
            assert_eq!(judge(&policy, address), Err(Refusal::ApiServer), "{address}");
        }
        assert_eq!(judge(&policy, "10.96.0.2"), Ok(()));
        api_server.moved(["::ffff:10.96.0.2".parse().unwrap()]);
        assert_eq!(judge(&policy, "10.96.0.2"), Err(Refusal::ApiServer), "it moved there");
        assert_eq!(judge(&policy, "10.96.0.1"), Ok(()), "and from there");
        api_server.moved(one);
        let allowed = policy.allowing(["127.0.0.0/8".parse().unwrap(), "10.96.0.1".parse().unwrap()]);
        assert_eq!(judge(&allowed, "127.0.0.1"), Ok(()));
        assert_eq!(judge(&allowed, "10.96.0.1"), Ok(()));
        assert_eq!(judge(&allowed, "::1"), Err(Refusal::Loopback));
    }

    #[test]
    fn a_name_keeps_only_what_is_allowed() {
        let addresses =
            |texts: &[&str]| texts.iter().map(|text| text.parse().unwrap()).collect::<Vec<std::net::SocketAddr>>();
        let policy = EgressPolicy::default();
        let (metadata, other) = ("169.254.169.254:80", "10.0.0.1:80");
        assert_eq!(policy.filter(addresses(&[metadata, other])), Ok(addresses(&[other])));
        assert_eq!(policy.filter(addresses(&[metadata, "[fe80::1]:0"])), Err(Refusal::Metadata));
        assert_eq!(policy.filter(addresses(&[])), Ok(addresses(&[])));
    }

    #[test]
    fn networks_are_read_and_compared() {
        let contains =
            |network: &str, address: &str| network.parse::<Network>().unwrap().contains(address.parse().unwrap());
        assert!(contains("10.0.0.0/8", "10.255.0.1"));
        assert!(!contains("10.0.0.0/8", "11.0.0.1"));
        assert!(contains("10.0.0.1", "10.0.0.1"));
        assert!(!contains("10.0.0.1", "10.0.0.2"));
        assert!(contains("0.0.0.0/0", "1.2.3.4"));
        assert!(contains("::/0", "2001:db8::1"));
        assert!(!contains("0.0.0.0/0", "2001:db8::1"));
        for wrong in ["", "10.0.0.0/33", "10.0.0.0/x", "host", "10.0.0.0/-1"] {
            assert!(wrong.parse::<Network>().is_err(), "{wrong}");
        }
    }
}
