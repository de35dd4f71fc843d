//! Addresses to listen at, as Go's programs take them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};

/// `:8080`, `8080`, `127.0.0.1:8080`, `[::1]:8080` or `localhost:8080`; nothing and `0` mean not to listen. A port of 0
/// after a colon is any free one.
///
/// # Errors
/// What was found and what was expected.
pub(super) fn address(text: &str) -> Result<Option<SocketAddr>, String> {
    let text = text.trim();
    if text.is_empty() || text == "0" {
        return Ok(None);
    }
    let expected = || format!("found {text:?}, expected a port, :PORT, ADDRESS:PORT, or 0 for not at all");
    if let Ok(port) = text.strip_prefix(':').unwrap_or(text).parse::<u16>() {
        return Ok(Some(SocketAddr::new(everywhere(), port)));
    }
    let text = text.strip_prefix("localhost:").map_or_else(|| text.to_owned(), |port| format!("127.0.0.1:{port}"));
    text.parse().map(Some).map_err(|_| expected())
}

/// All addresses of the machine: of both families where it has IPv6.
fn everywhere() -> IpAddr {
    match TcpListener::bind((Ipv6Addr::UNSPECIFIED, 0)) {
        Ok(_) => Ipv6Addr::UNSPECIFIED.into(),
        Err(_) => Ipv4Addr::UNSPECIFIED.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::address;

    #[test]
    fn addresses_are_read_as_go_reads_them() {
        for (text, port) in [(":8080", 8080), ("8080", 8080), ("6443", 6443), (":0", 0)] {
            let found = address(text).unwrap().unwrap();
            assert!(found.ip().is_unspecified() && found.port() == port, "{text}: {found}");
        }
        for (text, expected) in
            [("127.0.0.1:8085", "127.0.0.1:8085"), ("localhost:8085", "127.0.0.1:8085"), ("[::1]:9000", "[::1]:9000")]
        {
            assert_eq!(address(text).unwrap().unwrap().to_string(), expected);
        }
        assert_eq!(address(""), Ok(None));
        assert_eq!(address("0"), Ok(None));
        for text in ["host.example:80", ":99999", "127.0.0.1", "http://127.0.0.1:80"] {
            assert!(address(text).unwrap_err().contains("ADDRESS:PORT"), "{text}");
        }
    }
}
