//! The annotation by which an authentication object says where its credentials may go.

use std::net::Ipv6Addr;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use crate::path;

/// On a ClusterTriggerAuthentication or TriggerAuthentication: the only hosts that triggers which use it may connect to.
pub const ALLOWED_HOSTS: &str = "tidegate.dev/allowed-hosts";

/// The longest name that DNS knows.
const LONGEST: usize = 253;

const EXPECTED: &str = "hosts separated by commas, each as kafka.prod.svc, kafka.prod.svc:9092, *.example.com, 10.0.0.1 or \
                        [fd00::1]:9092";

/// The hosts that credentials may go to.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct AllowedHosts {
    /// Who says so, as `the annotation tidegate.dev/allowed-hosts of ClusterTriggerAuthentication kafka`.
    pub said_by: String,
    /// Each host, with the only port if there is one. A name, an address without brackets, or `*.` and a domain.
    pub hosts: Vec<(String, Option<u16>)>,
}

/// The field of the annotation, for errors.
#[must_use]
pub fn allowed_hosts_field() -> String {
    path::join("metadata.annotations", ALLOWED_HOSTS)
}

/// What the annotation of an object says; `None`: there is none, and the credentials may go anywhere. `title` is the
/// object, as `ClusterTriggerAuthentication kafka`.
///
/// # Errors
/// What was found and what was expected. Nobody may use the object then.
pub fn allowed_hosts(title: &str, metadata: &ObjectMeta) -> Result<Option<AllowedHosts>, String> {
    let Some(text) = metadata.annotations.as_ref().and_then(|annotations| annotations.get(ALLOWED_HOSTS)) else {
        return Ok(None);
    };
    let parts = text.split(|c: char| c == ',' || c.is_whitespace()).filter(|part| !part.is_empty());
    let hosts = parts.map(host).collect::<Result<Vec<_>, _>>()?;
    if hosts.is_empty() {
        return Err(format!("found {text:?}, expected {EXPECTED}; leave the annotation out to allow every host"));
    }
    Ok(Some(AllowedHosts { said_by: format!("the annotation {ALLOWED_HOSTS} of {title}"), hosts }))
}

fn host(text: &str) -> Result<(String, Option<u16>), String> {
    let wrong = |why: &str| format!("found {text:?}, {why}; expected {EXPECTED}");
    if text.contains('/') {
        return Err(wrong("which is more than a host"));
    }
    let (host, port) = split(text).ok_or_else(|| wrong("which is no host"))?;
    let port = match port {
        None => None,
        Some(port) => {
            let port = port.parse::<u16>().ok().filter(|port| *port > 0);
            Some(port.ok_or_else(|| wrong("whose port is no number from 1 to 65535"))?)
        }
    };
    let name = host.strip_prefix("*.").unwrap_or(host);
    let name = name.strip_suffix('.').unwrap_or(name);
    if name.contains('*') {
        return Err(wrong("in which * is not the whole first label"));
    }
    let is_label =
        |label: &str| !label.is_empty() && label.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'));
    let is_name = name.len() <= LONGEST && name.split('.').all(is_label);
    if !is_name && (host.starts_with('*') || host.parse::<Ipv6Addr>().is_err()) {
        return Err(wrong("which is no host"));
    }
    Ok((host.to_ascii_lowercase(), port))
}

/// The host without brackets, and the text of the port.
fn split(text: &str) -> Option<(&str, Option<&str>)> {
    if let Some(rest) = text.strip_prefix('[') {
        let (host, rest) = rest.split_once(']')?;
        host.parse::<Ipv6Addr>().ok()?;
        return if rest.is_empty() { Some((host, None)) } else { Some((host, Some(rest.strip_prefix(':')?))) };
    }
    if text.parse::<Ipv6Addr>().is_ok() {
        return Some((text, None));
    }
    Some(text.split_once(':').map_or((text, None), |(host, port)| (host, Some(port))))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Option<AllowedHosts>, String> {
        let annotations = [(ALLOWED_HOSTS.to_owned(), text.to_owned())].into();
        allowed_hosts(
            "ClusterTriggerAuthentication kafka",
            &ObjectMeta { annotations: Some(annotations), ..ObjectMeta::default() },
        )
    }

    #[test]
    fn hosts_are_read() {
        for (text, host, port) in [
            ("kafka.prod.svc:9092", "kafka.prod.svc", Some(9092)),
            (" Kafka.Prod ", "kafka.prod", None),
            ("*.example.com", "*.example.com", None),
            ("*.example.com.:443", "*.example.com.", Some(443)),
            ("10.0.0.1", "10.0.0.1", None),
            ("fd00::1", "fd00::1", None),
            ("[fd00::1]", "fd00::1", None),
            ("[fd00::1]:80", "fd00::1", Some(80)),
            ("localhost", "localhost", None),
        ] {
            assert_eq!(read(text).unwrap().unwrap().hosts, [(host.to_owned(), port)], "{text}");
        }
        let several = read("a:1, b\n c,").unwrap().unwrap();
        assert_eq!(several.hosts, [("a".to_owned(), Some(1)), ("b".to_owned(), None), ("c".to_owned(), None)]);
        assert_eq!(several.said_by, "the annotation tidegate.dev/allowed-hosts of ClusterTriggerAuthentication kafka");
        assert_eq!(allowed_hosts("x", &ObjectMeta::default()), Ok(None));
    }

    #[test]
    fn what_is_no_host_is_refused() {
        for text in [
            "",
            " , ",
            "https://kafka",
            "a/8",
            "*",
            "a.*.b",
            "*a.b",
            "*.",
            "a..b",
            "a:",
            "a:0",
            "a:70000",
            "a:b:c",
            "[::1",
            "[x]",
            "[::1]80",
            "user@host",
            "a;b",
            "-->",
        ] {
            let error = read(text).unwrap_err();
            assert!(error.contains("expected hosts separated by commas"), "{text}: {error}");
        }
    }
}
