//! Addresses of brokers, as `host:port`.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// A broker's address. Written as `host:port`, an IPv6 address in brackets.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BrokerAddress {
    host: Arc<str>,
    port: u16,
}

impl BrokerAddress {
    /// From a host name or address and a port.
    #[must_use]
    pub fn new(host: &str, port: u16) -> Self {
        BrokerAddress { host: host.into(), port }
    }

    /// The host name or address, an IPv6 address without brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }
}

impl fmt::Display for BrokerAddress {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(out, "[{}]:{}", self.host, self.port)
        } else {
            write!(out, "{}:{}", self.host, self.port)
        }
    }
}

impl FromStr for BrokerAddress {
    type Err = String;

    /// Accepts `host:port`, `[ipv6]:port`, and the same after a listener's name as in `SASL_SSL://host:port`.
    fn from_str(text: &str) -> Result<Self, String> {
        // The text is not shown: it may come from where secrets are.
        let wrong = |what: &str| format!("{what}; expected host:port, as broker-1:9092");
        let rest = text.trim();
        let rest = rest.split_once("://").map_or(rest, |(_, rest)| rest);
        let (host, port) = rest.rsplit_once(':').ok_or_else(|| wrong("no port"))?;
        let host = match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
            Some(inner) => inner,
            None if host.contains(':') => return Err(wrong("an IPv6 address needs brackets")),
            None => host,
        };
        if host.is_empty() || host.contains(|c: char| c.is_whitespace() || c == '/' || c == '@') {
            return Err(wrong("no usable host"));
        }
        let port: u16 = port.parse().map_err(|_| wrong("the port is no number from 1 to 65535"))?;
        if port == 0 {
            return Err(wrong("the port is no number from 1 to 65535"));
        }
        Ok(BrokerAddress::new(host, port))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_it_writes() {
        for text in ["localhost:9092", "[::1]:9092", "kafka-0.kafka.svc:65535"] {
            assert_eq!(text.parse::<BrokerAddress>().unwrap().to_string(), text);
        }
        assert_eq!("SASL_SSL://a:1".parse::<BrokerAddress>().unwrap(), BrokerAddress::new("a", 1));
    }

    #[test]
    fn says_what_is_wrong() {
        for (text, part) in [
            ("kafka", "no port"),
            ("kafka:x", "no number"),
            (":9092", "host"),
            ("::1:9092", "brackets"),
            ("a:0", "65535"),
        ] {
            let error = text.parse::<BrokerAddress>().unwrap_err();
            assert!(error.contains(part), "{text}: {error}");
        }
    }
}
