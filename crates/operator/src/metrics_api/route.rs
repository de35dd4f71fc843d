//! What a request asks for, from its path and query. Pure.

use axum::http::Uri;

use super::{GROUP, VERSION};

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Route {
    /// `/livez`, `/healthz`, `/readyz`: alive, and open to everyone.
    Health,
    /// `/apis`
    Groups,
    /// `/apis/external.metrics.k8s.io`
    Group,
    /// `/apis/external.metrics.k8s.io/v1beta1`
    Resources,
    /// `/openapi/v2`
    OpenApi2,
    /// `/openapi/v3`
    OpenApi3Index,
    /// `/openapi/v3/apis/external.metrics.k8s.io/v1beta1`
    OpenApi3,
    /// Values of a metric.
    Metric(Question),
    /// Nothing that is served.
    Unknown,
}

/// A question for values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Question {
    /// `None`: in all namespaces.
    pub(super) namespace: Option<String>,
    pub(super) metric: String,
    pub(super) selector: String,
    /// `watch=true`, which is not served.
    pub(super) watch: bool,
}

/// Undoes the escapes of one path segment or query value. `None`: a broken escape, or not UTF-8.
fn unescape(text: &str, plus_is_blank: bool) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => {
                let digit = |byte: Option<u8>| char::from(byte?).to_digit(16);
                u8::try_from(digit(rest.next())? * 16 + digit(rest.next())?).ok()?
            }
            b'+' if plus_is_blank => b' ',
            other => other,
        });
    }
    String::from_utf8(bytes).ok()
}

/// The same, for header values.
pub(super) fn unescape_header(text: &str) -> Option<String> {
    unescape(text, false)
}

fn parameter(query: &str, name: &str) -> Option<Option<String>> {
    let value = query.split('&').find_map(|pair| {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        (unescape(key, true).as_deref() == Some(name)).then_some(value)
    })?;
    Some(unescape(value, true))
}

/// Understands a request's address.
pub(super) fn route(uri: &Uri) -> Route {
    let path = uri.path().trim_end_matches('/');
    match path {
        "/livez" | "/healthz" | "/readyz" => return Route::Health,
        "/apis" => return Route::Groups,
        "/openapi/v2" => return Route::OpenApi2,
        "/openapi/v3" => return Route::OpenApi3Index,
        _ => {}
    }
    let (path, open_api) = match path.strip_prefix("/openapi/v3") {
        Some(rest) => (rest, true),
        None => (path, false),
    };
    let Some(rest) = path.strip_prefix("/apis/").and_then(|rest| rest.strip_prefix(GROUP)) else {
        return Route::Unknown;
    };
    let segments: Option<Vec<String>> = rest.split('/').skip(1).map(|segment| unescape(segment, false)).collect();
    let Some(segments) = segments else { return Route::Unknown };
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    if !rest.is_empty() && !rest.starts_with('/') || segments.iter().any(|segment| !is_segment(segment)) {
        return Route::Unknown;
    }
    match (open_api, segments.as_slice()) {
        (true, [version]) if *version == VERSION => Route::OpenApi3,
        (false, []) => Route::Group,
        (false, [version]) if *version == VERSION => Route::Resources,
        (false, [version, metric]) if *version == VERSION => question(None, metric, uri),
        (false, [version, "namespaces", namespace, metric]) if *version == VERSION => {
            question(Some((*namespace).to_owned()), metric, uri)
        }
        _ => Route::Unknown,
    }
}

/// As the API server: a segment of a path is not empty, not a step, and holds neither a slash nor a percent sign.
fn is_segment(segment: &str) -> bool {
    !matches!(segment, "" | "." | "..") && !segment.contains(['/', '%', '\0'])
}

fn question(namespace: Option<String>, metric: &str, uri: &Uri) -> Route {
    let query = uri.query().unwrap_or_default();
    let selector = match parameter(query, "labelSelector") {
        None => String::new(),
        Some(Some(selector)) => selector,
        // What is not even text matches no rule of selectors, and is refused as one.
        Some(None) => "%".to_owned(),
    };
    let watch = parameter(query, "watch").flatten().is_some_and(|watch| matches!(watch.as_str(), "true" | "1"));
    Route::Metric(Question { namespace, metric: metric.to_owned(), selector, watch })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn metric(namespace: Option<&str>, metric: &str, selector: &str) -> Route {
        Route::Metric(Question {
            namespace: namespace.map(str::to_owned),
            metric: metric.to_owned(),
            selector: selector.to_owned(),
            watch: false,
        })
    }

    #[test]
    fn addresses_are_understood_as_the_api_server_writes_them() {
        let base = "/apis/external.metrics.k8s.io/v1beta1";
        for (address, expected) in [
            ("/apis".to_owned(), Route::Groups),
            ("/apis/".to_owned(), Route::Groups),
            ("/apis/external.metrics.k8s.io".to_owned(), Route::Group),
            (base.to_owned(), Route::Resources),
            ("/openapi/v3/apis/external.metrics.k8s.io/v1beta1".to_owned(), Route::OpenApi3),
            ("/readyz?verbose".to_owned(), Route::Health),
            (format!("{base}/namespaces/shop/s0-kafka-orders"), metric(Some("shop"), "s0-kafka-orders", "")),
            (
                format!("{base}/namespaces/shop/s0?labelSelector=scaledobject.keda.sh%2Fname%3Dorders"),
                metric(Some("shop"), "s0", "scaledobject.keda.sh/name=orders"),
            ),
            (
                format!("{base}/namespaces/shop/s0?limit=5&labelSelector=a+in+%28b%29"),
                metric(Some("shop"), "s0", "a in (b)"),
            ),
            (format!("{base}/externalmetrics"), metric(None, "externalmetrics", "")),
            (format!("{base}/namespaces/shop/s0-a%20b"), metric(Some("shop"), "s0-a b", "")),
            (format!("{base}/namespaces/shop"), Route::Unknown),
            (format!("{base}/namespaces/shop/s0/name"), Route::Unknown),
            (format!("{base}/namespaces/../s0"), Route::Unknown),
            (format!("{base}/namespaces/a%2Fb/s0"), Route::Unknown),
            (format!("{base}/namespaces//s0"), Route::Unknown),
            ("/apis/external.metrics.k8s.iox/v1beta1".to_owned(), Route::Unknown),
            ("/apis/external.metrics.k8s.io/v1".to_owned(), Route::Unknown),
            ("/apis/custom.metrics.k8s.io/v1beta1".to_owned(), Route::Unknown),
            ("/".to_owned(), Route::Unknown),
        ] {
            assert_eq!(route(&address.parse().unwrap()), expected, "{address}");
        }
    }

    proptest! {
        #[test]
        fn any_address_is_understood_or_unknown(text in "(/[ -~&&[^ \"<>\\\\^`{|}#]]{0,30}){0,6}(\\?[a-zA-Z%=&+0-9]{0,40})?") {
            let Ok(uri) = text.parse::<Uri>() else { return Ok(()) };
            if let Route::Metric(question) = route(&uri) {
                prop_assert!(is_segment(&question.metric));
                prop_assert!(question.namespace.is_none_or(|namespace| is_segment(&namespace)));
            }
        }

        #[test]
        fn any_metric_name_comes_through(name in "[^/%\u{0}]{1,60}") {
            prop_assume!(is_segment(&name));
            let escaped: String = name.bytes().map(|byte| format!("%{byte:02X}")).collect();
            let address = format!("/apis/external.metrics.k8s.io/v1beta1/namespaces/shop/{escaped}");
            prop_assert_eq!(route(&address.parse().unwrap()), metric(Some("shop"), &name, ""));
        }
    }
}
