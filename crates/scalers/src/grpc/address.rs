//! Addresses of gRPC servers as gRPC's own clients take them: `host:port`, `dns:///host:port`, `passthrough:///host:port`,
//! `ipv4:10.0.0.1:80`, `ipv6:[::1]:80`.

use std::fmt;
use std::str::FromStr;

/// A host and a port.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct GrpcAddress {
    /// A name or an address, IPv6 without brackets.
    pub(crate) host: String,
    pub(crate) port: u16,
}

/// What gRPC assumes where no port is given.
const DEFAULT_PORT: u16 = 443;

impl fmt::Display for GrpcAddress {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(out, "[{}]:{}", self.host, self.port)
        } else {
            write!(out, "{}:{}", self.host, self.port)
        }
    }
}

impl FromStr for GrpcAddress {
    type Err = String;

    /// The text is not shown in errors: it may come from where secrets are.
    fn from_str(text: &str) -> Result<Self, String> {
        let rest = endpoint(text)?;
        let wrong = || "an address as scaler.namespace:6000 or dns:///scaler.namespace:6000".to_owned();
        let (host, port) = match rest.strip_prefix('[') {
            Some(six) => {
                let (host, after) = six.split_once(']').ok_or_else(wrong)?;
                (host, after.strip_prefix(':').or(after.is_empty().then_some("")).ok_or_else(wrong)?)
            }
            None if rest.matches(':').count() > 1 => (rest, ""),
            None => rest.split_once(':').unwrap_or((rest, "")),
        };
        let port = match port {
            "" if rest.ends_with(':') => return Err(wrong()),
            "" => DEFAULT_PORT,
            port => port.parse().ok().filter(|port| *port > 0).ok_or_else(|| "a port from 1 to 65535".to_owned())?,
        };
        let usable = !host.is_empty() && !host.contains(['/', '@', '?', '#', '%', ' ']) && super::is_host(host);
        if usable { Ok(GrpcAddress { host: host.to_owned(), port }) } else { Err(wrong()) }
    }
}

/// What stands behind the scheme.
fn endpoint(text: &str) -> Result<&str, String> {
    for scheme in ["dns", "passthrough"] {
        if let Some(rest) = text.strip_prefix(scheme).and_then(|rest| rest.strip_prefix("://")) {
            let (authority, endpoint) =
                rest.split_once('/').ok_or_else(|| format!("three slashes after {scheme}:, as dns:///host:port"))?;
            if !authority.is_empty() {
                return Err("no server of names of its own between the slashes of dns:///host:port".to_owned());
            }
            return Ok(endpoint);
        }
    }
    if let Some(rest) = text.strip_prefix("dns:").filter(|rest| rest.contains(|c: char| !c.is_ascii_digit())) {
        return Ok(rest);
    }
    if let Some(rest) = text.strip_prefix("ipv4:").or_else(|| text.strip_prefix("ipv6:")) {
        return if rest.contains(',') { Err("one address, not a list".to_owned()) } else { Ok(rest) };
    }
    if text.starts_with("unix:") || text.starts_with("unix-abstract:") || text.starts_with("vsock:") {
        return Err("an address of the network: sockets of the machine that decides are not opened".to_owned());
    }
    match text.split_once("://") {
        Some(("http" | "https", _)) => Err("host:port without http:// or https://; enableTLS asks for TLS".to_owned()),
        Some(_) => Err("host:port, or dns:///host:port".to_owned()),
        None => Ok(text),
    }
}

impl crate::value::Value for GrpcAddress {
    const KIND: crate::Kind = crate::Kind::Text;
    fn parse(text: &str) -> Result<Self, String> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::GrpcAddress;

    #[test]
    fn every_form_of_grpc_is_read() {
        for (text, expected) in [
            ("scaler.shop:6000", "scaler.shop:6000"),
            ("scaler", "scaler:443"),
            ("dns:///scaler.shop:6000", "scaler.shop:6000"),
            ("dns:scaler.shop:6000", "scaler.shop:6000"),
            ("dns:6000", "dns:6000"),
            ("passthrough:///10.0.0.1:6000", "10.0.0.1:6000"),
            ("ipv4:10.0.0.1:6000", "10.0.0.1:6000"),
            ("ipv6:[::1]:6000", "[::1]:6000"),
            ("[::1]:6000", "[::1]:6000"),
            ("[::1]", "[::1]:443"),
            ("::1", "[::1]:443"),
        ] {
            assert_eq!(text.parse::<GrpcAddress>().unwrap().to_string(), expected, "{text}");
        }
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for (text, part) in [
            ("http://scaler:6000", "without http://"),
            ("unix:///run/scaler.sock", "sockets of the machine"),
            ("xds:///scaler", "host:port"),
            ("dns://8.8.8.8/scaler:6000", "no server of names"),
            ("ipv4:10.0.0.1:1,10.0.0.2:1", "not a list"),
            ("scaler:0", "port"),
            ("scaler:x", "port"),
            ("scaler:", "an address"),
            ("user@scaler:6000", "an address"),
            ("scaler/path", "an address"),
            ("[::1", "an address"),
            ("[::1]6000", "an address"),
            (":6000", "an address"),
        ] {
            let said = text.parse::<GrpcAddress>().unwrap_err();
            assert!(said.contains(part), "{text}: {said}");
        }
    }
}
