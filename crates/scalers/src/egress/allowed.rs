//! Hosts that a set of credentials may go to, as whoever owns them says.

use std::fmt;
use std::net::IpAddr;

/// The only hosts that a trigger may connect to, since the credentials that it is given are for them alone.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct AllowedHosts {
    /// Who says so, for errors, as `the annotation tidegate.dev/allowed-hosts of ClusterTriggerAuthentication kafka`.
    pub said_by: String,
    /// Each host, with the only port if there is one. A name, an address without brackets, or `*.` and a domain, whose
    /// subdomains of any depth are meant.
    pub hosts: Vec<(String, Option<u16>)>,
}

impl AllowedHosts {
    /// Whether a trigger may go there.
    ///
    /// # Errors
    /// When it may not.
    pub(crate) fn judge(&self, host: &str, port: u16) -> Result<(), NotAllowed> {
        if self.hosts.iter().any(|(ours, only)| is(ours, host) && only.is_none_or(|only| only == port)) {
            return Ok(());
        }
        let host = bare(host);
        let host = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
        Err(NotAllowed { host, port, said_by: self.said_by.clone() })
    }
}

fn is(pattern: &str, host: &str) -> bool {
    let (ours, theirs) = (bare(pattern), bare(host));
    match ours.strip_prefix("*.") {
        Some(domain) => below(domain, theirs),
        None => match (ours.parse::<IpAddr>(), theirs.parse::<IpAddr>()) {
            (Ok(ours), Ok(theirs)) => ours.to_canonical() == theirs.to_canonical(),
            _ => ours.eq_ignore_ascii_case(theirs),
        },
    }
}

/// Without the brackets of an IPv6 address and the dot that ends a complete name.
fn bare(host: &str) -> &str {
    let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    host.strip_suffix('.').unwrap_or(host)
}

fn below(domain: &str, name: &str) -> bool {
    let Some(at) = name.len().checked_sub(domain.len()).filter(|at| *at > 1) else { return false };
    // An address is below no domain, whatever its last figures.
    name.parse::<IpAddr>().is_err()
        && name.is_char_boundary(at)
        && name[at..].eq_ignore_ascii_case(domain)
        && name[..at].ends_with('.')
}

/// A host that is not among those that credentials may go to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NotAllowed {
    host: String,
    port: u16,
    said_by: String,
}

impl fmt::Display for NotAllowed {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let NotAllowed { host, port, said_by } = self;
        write!(
            out,
            "{host}:{port} is not among the hosts that {said_by} lets its credentials go to; name one of these, or have \
             {host}:{port} added there"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allows(pattern: (&str, Option<u16>), host: &str, port: u16) -> bool {
        let hosts = vec![(pattern.0.to_owned(), pattern.1)];
        AllowedHosts { said_by: "x".to_owned(), hosts }.judge(host, port).is_ok()
    }

    #[test]
    fn hosts_are_compared_as_names_and_as_addresses() {
        for (pattern, port, host) in [
            ("kafka.prod.svc", None, "kafka.prod.svc"),
            ("kafka.prod.svc", Some(9092), "KAFKA.prod.svc."),
            ("*.example.com", None, "a.example.com"),
            ("*.example.com", Some(9092), "b.a.EXAMPLE.com."),
            ("10.0.0.1", None, "10.0.0.1"),
            ("10.0.0.1", None, "::ffff:10.0.0.1"),
            ("fd00::1", Some(9092), "[fd00:0::1]"),
        ] {
            assert!(allows((pattern, port), host, 9092), "{pattern} {host}");
        }
        for (pattern, port, host) in [
            ("kafka.prod.svc", Some(9093), "kafka.prod.svc"),
            ("kafka.prod.svc", None, "kafka.prod.svc.evil.org"),
            ("kafka.prod.svc", None, "xkafka.prod.svc"),
            ("kafka.prod.svc", None, ""),
            ("*.example.com", None, "example.com"),
            ("*.example.com", None, ".example.com"),
            ("*.example.com", None, "evilexample.com"),
            ("*.example.com", None, "a.example.com.evil.org"),
            ("*.0.0.1", None, "10.0.0.1"),
            ("10.0.0.1", None, "10.0.0.10"),
            ("*.m", None, "ü.n"),
        ] {
            assert!(!allows((pattern, port), host, 9092), "{pattern} {host}");
        }
        assert!(!allows(("", None), "x", 1), "nothing allows nothing");
    }

    #[test]
    fn a_refusal_names_the_host_and_what_to_change() {
        let said_by = "the annotation tidegate.dev/allowed-hosts of ClusterTriggerAuthentication kafka".to_owned();
        let refused = AllowedHosts { said_by, hosts: Vec::new() }.judge("[fd00::1]", 80).unwrap_err().to_string();
        assert!(
            refused.starts_with("[fd00::1]:80 is not among the hosts that the annotation tidegate.dev/"),
            "{refused}"
        );
        assert!(refused.contains("ClusterTriggerAuthentication kafka") && refused.contains("added there"), "{refused}");
    }
}
