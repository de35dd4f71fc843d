//! Where requests may not go: link-local addresses and the metadata services of clouds, which hand out credentials of
//! the machine to whoever asks. Judged by the address at the time of dialling, so that a name cannot get around it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use reqwest::Url;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

/// Metadata services outside the link-local ranges: AWS, Google Cloud (IPv6), Alibaba Cloud, Oracle Cloud, Azure.
const METADATA: [IpAddr; 5] = [
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254)),
    IpAddr::V6(Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254)),
    IpAddr::V4(Ipv4Addr::new(100, 100, 100, 200)),
    IpAddr::V4(Ipv4Addr::new(192, 0, 0, 192)),
    IpAddr::V4(Ipv4Addr::new(168, 63, 129, 16)),
];

/// Whether no request may go to this address.
pub(super) fn forbidden(address: IpAddr) -> bool {
    let address = address.to_canonical();
    let link_local = match address {
        IpAddr::V4(address) => address.is_link_local(),
        IpAddr::V6(address) => address.is_unicast_link_local(),
    };
    link_local || METADATA.contains(&address)
}

/// Whether the host of a URL is such an address. Names are judged by [`Resolver`].
pub(super) fn forbidden_host(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
    host.parse().is_ok_and(forbidden)
}

/// What is said about such an address.
pub(super) const REFUSED: &str =
    "the address is link-local or a cloud's metadata service, where triggers may not go; name another server";

/// The system's resolver without forbidden addresses.
pub(super) struct Resolver;

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            Ok(Box::new(allowed(found)?.into_iter()) as Addrs)
        })
    }
}

/// What is left of a name's addresses; an error when none is.
fn allowed(found: Vec<SocketAddr>) -> Result<Vec<SocketAddr>, &'static str> {
    let (refused, allowed): (Vec<_>, Vec<_>) = found.into_iter().partition(|found| forbidden(found.ip()));
    if allowed.is_empty() && !refused.is_empty() { Err(REFUSED) } else { Ok(allowed) }
}

#[cfg(test)]
mod tests {
    use super::{REFUSED, Url, allowed, forbidden_host};

    #[test]
    fn a_name_does_not_get_around_it() {
        let addresses = |texts: &[&str]| texts.iter().map(|text| text.parse().unwrap()).collect::<Vec<_>>();
        let (metadata, other) = ("169.254.169.254:0", "10.0.0.1:0");
        assert_eq!(allowed(addresses(&[metadata, other])), Ok(addresses(&[other])));
        assert_eq!(allowed(addresses(&[metadata, "[fe80::1]:0"])), Err(REFUSED));
        assert_eq!(allowed(Vec::new()), Ok(Vec::new()));
    }

    #[test]
    fn metadata_services_are_refused_in_every_spelling() {
        let refused = |url: &str| forbidden_host(&Url::parse(url).unwrap());
        assert!(refused("http://169.254.169.254/latest/meta-data"));
        assert!(refused("http://2852039166/"), "the same as one number");
        assert!(refused("http://0xa9.0xfe.0xa9.0xfe/"));
        assert!(refused("http://[::ffff:169.254.169.254]/"));
        assert!(refused("http://[fe80::1]:9090/"));
        assert!(refused("http://[fd00:ec2::254]/"));
        assert!(!refused("http://127.0.0.1:9090"));
        assert!(!refused("http://[::1]:9090"));
        assert!(!refused("http://10.0.0.1:9090"));
        assert!(!refused("http://prometheus:9090"));
    }
}
