//! What every request passes through: the check of its `Host`, and headers that keep the page to itself.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::header::{self, HeaderValue};
use axum::http::{HeaderMap, HeaderName, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::reply::Refusal;
use crate::store::StoreOptions;

/// Names under which the console may be asked for.
#[derive(Debug)]
pub(super) struct Hosts {
    /// Any address is accepted in place of a name: rebinding needs a name.
    addresses: bool,
    allowed: Vec<String>,
}

impl Hosts {
    /// The names for a listener on `listening`.
    pub(super) fn new(listening: IpAddr, options: &StoreOptions) -> Self {
        let allowed = options.allowed_hosts.iter().map(|host| host.trim().to_lowercase()).collect();
        Hosts { addresses: !listening.is_loopback(), allowed }
    }

    fn accepts(&self, host: &str) -> bool {
        let host = without_port(host).trim_end_matches('.').to_lowercase();
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        if let Ok(address) = bare.parse::<IpAddr>()
            && (self.addresses || address.is_loopback())
        {
            return true;
        }
        host == "localhost"
            || host.ends_with(".localhost")
            || self.allowed.iter().any(|allowed| allowed == "*" || *allowed == host)
    }
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) && !name.ends_with(':') => name,
        _ => host,
    }
}

/// Only what the page brings with it, no frames, no forms.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
                      connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// Refuses foreign names and adds the headers.
pub(super) async fn guard(State(hosts): State<Arc<Hosts>>, request: Request, next: Next) -> Response {
    let exempt = request.uri().path() == "/healthz";
    let mut response = match host_of(&request) {
        _ if exempt => next.run(request).await,
        None => {
            let message = "the request names no host; send one Host header";
            Refusal::new(StatusCode::BAD_REQUEST, message).into_response()
        }
        Some(host) if !hosts.accepts(&host) => {
            let message = format!("{host:?} is not a name of this console; use 127.0.0.1 or localhost, or allow it");
            Refusal::new(StatusCode::MISDIRECTED_REQUEST, message).into_response()
        }
        Some(_) => next.run(request).await,
    };
    add(response.headers_mut());
    response
}

fn host_of(request: &Request) -> Option<String> {
    if let Some(authority) = request.uri().authority() {
        return Some(authority.as_str().to_owned());
    }
    let mut all = request.headers().get_all(header::HOST).iter();
    let only = all.next().filter(|host| !host.is_empty())?;
    if all.next().is_some() { None } else { only.to_str().ok().map(str::to_owned) }
}

fn add(headers: &mut HeaderMap) {
    let fixed: [(HeaderName, &'static str); 6] = [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::REFERRER_POLICY, "no-referrer"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    ];
    for (name, value) in fixed {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accepts(listening: &str, host: &str) -> bool {
        let options = StoreOptions { allowed_hosts: vec!["Tidegate.example".to_owned()], ..Default::default() };
        Hosts::new(listening.parse().unwrap(), &options).accepts(host)
    }

    #[test]
    fn loopback_names_and_configured_ones_are_accepted() {
        for host in [
            "localhost",
            "LOCALHOST:8080",
            "localhost.:8080",
            "console.localhost:1",
            "127.0.0.1:9000",
            "127.8.8.8",
            "[::1]:9000",
            "[::1]",
            "tidegate.example:80",
        ] {
            assert!(accepts("127.0.0.1", host), "{host} is refused");
        }
    }

    #[test]
    fn other_names_are_refused() {
        for host in [
            "evil.example",
            "evil.example:8080",
            "localhost.evil.example",
            "192.168.1.4:80",
            "",
            "127.0.0.1.evil.example",
        ] {
            assert!(!accepts("127.0.0.1", host), "{host} is accepted");
        }
    }

    #[test]
    fn addresses_are_accepted_where_the_listener_is_not_on_loopback() {
        assert!(accepts("0.0.0.0", "192.168.1.4:80") && accepts("0.0.0.0", "[2001:db8::1]:80"));
        assert!(!accepts("0.0.0.0", "evil.example"));
    }
}
