//! Who asks.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::http::HeaderMap;

use super::authorities::FrontProxy;
use super::route::unescape_header;

/// A user as the cluster knows it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Caller {
    pub(super) name: String,
    pub(super) uid: Option<String>,
    pub(super) groups: Vec<String>,
    pub(super) extra: BTreeMap<String, Vec<String>>,
}

const ANONYMOUS: &str = "system:anonymous";
const AUTHENTICATED: &str = "system:authenticated";
const UNAUTHENTICATED: &str = "system:unauthenticated";
/// Members may do everything; asking would only fail when the API server is in trouble.
pub(super) const MASTERS: &str = "system:masters";

impl Caller {
    /// Somebody who shows nothing.
    pub(super) fn anonymous() -> Arc<Caller> {
        let groups = vec![UNAUTHENTICATED.to_owned()];
        Arc::new(Caller { name: ANONYMOUS.to_owned(), groups, ..Caller::default() })
    }

    /// Somebody who is known belongs to the group of those who are.
    pub(super) fn authenticated(mut self) -> Arc<Caller> {
        let known = self.name == ANONYMOUS
            || self.groups.iter().any(|group| group == AUTHENTICATED || group == UNAUTHENTICATED);
        if !known {
            self.groups.push(AUTHENTICATED.to_owned());
        }
        Arc::new(self)
    }
}

/// The user that a front proxy vouches for. `None`: it names nobody. Only for requests whose connection showed the front
/// proxy's certificate.
pub(super) fn vouched_for(headers: &HeaderMap, proxy: &FrontProxy) -> Option<Arc<Caller>> {
    let values = |names: &[String]| -> Vec<String> {
        let named = names.iter().flat_map(|name| headers.get_all(name.as_str()));
        named.filter_map(|value| std::str::from_utf8(value.as_bytes()).ok()).map(str::to_owned).collect()
    };
    let name = values(&proxy.user_headers).into_iter().find(|name| !name.is_empty())?;
    let uid = values(&proxy.uid_headers).into_iter().find(|uid| !uid.is_empty());
    let groups = values(&proxy.group_headers);
    let mut extra: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (header, value) in headers {
        let Ok(value) = std::str::from_utf8(value.as_bytes()) else { continue };
        let key = proxy.extra_prefixes.iter().find_map(|prefix| {
            // Header names are in lower case here, whatever was sent.
            header.as_str().strip_prefix(prefix.to_ascii_lowercase().as_str())
        });
        if let Some(key) = key {
            let key = unescape_header(key).unwrap_or_else(|| key.to_owned());
            extra.entry(key).or_default().push(value.to_owned());
        }
    }
    Some(Caller { name, uid, groups, extra }.authenticated())
}

/// The token of an `Authorization: Bearer` header.
pub(super) fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(axum::http::header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.trim().split_once(' ')?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then_some(token)
}

/// Whether the request wants to act as somebody else. The API server resolves that before it passes a request on; here it
/// is refused, since ignoring it would act with rights that were meant to be put aside.
pub(super) fn impersonates(headers: &HeaderMap) -> bool {
    headers.keys().any(|name| name.as_str().starts_with("impersonate-"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
    }

    fn proxy() -> FrontProxy {
        let list = |text: &str| vec![text.to_owned()];
        FrontProxy {
            user_headers: list("X-Remote-User"),
            uid_headers: list("X-Remote-Uid"),
            group_headers: list("X-Remote-Group"),
            extra_prefixes: list("X-Remote-Extra-"),
            ..FrontProxy::default()
        }
    }

    #[test]
    fn the_front_proxy_s_headers_say_who_asks() {
        let headers = headers(&[
            ("x-remote-user", "jane"),
            ("x-remote-uid", "7"),
            ("x-remote-group", "dev"),
            ("x-remote-group", "ops"),
            ("x-remote-extra-example.com%2fscope", "read"),
            ("x-remote-extra-example.com%2fscope", "write"),
        ]);
        let caller = vouched_for(&headers, &proxy()).unwrap();
        assert_eq!((caller.name.as_str(), caller.uid.as_deref()), ("jane", Some("7")));
        assert_eq!(caller.groups, ["dev", "ops", "system:authenticated"]);
        assert_eq!(caller.extra["example.com/scope"], ["read", "write"]);
        assert_eq!(vouched_for(&HeaderMap::new(), &proxy()), None);
    }

    #[test]
    fn nobody_becomes_authenticated_by_being_named_anonymous() {
        let headers = headers(&[("x-remote-user", "system:anonymous"), ("x-remote-group", "system:unauthenticated")]);
        let caller = vouched_for(&headers, &proxy()).unwrap();
        assert_eq!(*caller, *Caller::anonymous());
    }

    #[test]
    fn tokens_and_impersonation_are_seen() {
        assert_eq!(bearer(&headers(&[("authorization", "Bearer abc")])), Some("abc"));
        assert_eq!(bearer(&headers(&[("authorization", "bearer  abc ")])), Some("abc"));
        assert_eq!(bearer(&headers(&[("authorization", "Basic abc")])), None);
        assert_eq!(bearer(&headers(&[("authorization", "Bearer ")])), None);
        assert!(impersonates(&headers(&[("impersonate-extra-a", "b")])));
        assert!(!impersonates(&headers(&[("x-remote-user", "b")])));
    }
}
