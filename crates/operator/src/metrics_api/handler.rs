//! One request from its arrival to its answer: who asks, whether they may, what is known.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use axum::body::Body;
use axum::http::header::{ACCEPT, ETAG, IF_NONE_MATCH};
use axum::http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use hyper::body::Incoming;
use serde_json::Value;
use tidegate_engine::Timestamp;
use tokio::time::{Instant, timeout};

use super::access::{Access, Deed};
use super::answer::{self, Item};
use super::authorities::Current;
use super::caller::{self, Caller, bearer, vouched_for};
use super::counters::Counters;
use super::peer::{Peer, Standing};
use super::refusal::{Refusal, json_response};
use super::route::{Question, Route, route};
use super::tokens::Tokens;
use super::{Demand, GROUP, discovery, openapi};
use crate::board::Board;
use crate::serve::Series;
use crate::serve::tls::{Chain, Handler};

/// How long the API server may take to say who somebody is and what they may do. The HorizontalPodAutoscalers'
/// controller gives a request 30 s at most, and has few workers.
const LONGEST_JUDGEMENT: Duration = Duration::from_secs(10);

/// Everything that answering needs.
pub(super) struct Api {
    board: Board,
    demand: Arc<dyn Demand>,
    authorities: Current,
    tokens: Tokens,
    access: Access,
    anonymous: Arc<Caller>,
    counters: Counters,
}

/// Which form of answer a client takes, from its `Accept`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Json,
    Table,
    /// `apidiscovery.k8s.io` in this version.
    Discovery(&'static str),
    /// None that is served.
    Other,
}

impl Api {
    pub(super) fn new(client: &kube::Client, board: Board, demand: Arc<dyn Demand>, authorities: Current) -> Self {
        Api {
            board,
            demand,
            authorities,
            tokens: Tokens::new(client.clone()),
            access: Access::new(client.clone()),
            anonymous: Caller::anonymous(),
            counters: Counters::default(),
        }
    }

    async fn respond(&self, peer: &Peer, request: &Request<Incoming>, route: Route) -> Result<Response<Body>, Refusal> {
        let headers = request.headers();
        if route == Route::Health {
            return Ok(Response::new(Body::from("ok")));
        }
        if request.method() != Method::GET && request.method() != Method::HEAD {
            return Err(Refusal::method_not_allowed(format!("metrics can only be read, not {}", request.method())));
        }
        let judged = timeout(LONGEST_JUDGEMENT, self.judge(peer, headers, &route)).await;
        judged.unwrap_or_else(|_| {
            Err(Refusal::internal("the API server did not say in time whether this request is allowed"))
        })?;
        let form = form(headers);
        if form == Form::Other {
            return Err(Refusal::not_acceptable(
                "only application/json is served, as itself or as a Table of meta.k8s.io/v1",
            ));
        }
        match route {
            Route::Metric(question) => self.values(&question, form),
            Route::Groups => Ok(match form {
                Form::Discovery(version) => aggregated_discovery(version, headers),
                _ => fixed(&GROUPS),
            }),
            Route::Group => Ok(fixed(&GROUP_BODY)),
            Route::Resources => Ok(fixed(&RESOURCES)),
            Route::OpenApi2 => Ok(fixed(&OPEN_API_2)),
            Route::OpenApi3 => Ok(fixed(&OPEN_API_3)),
            Route::OpenApi3Index => Ok(fixed(&OPEN_API_3_INDEX)),
            Route::Health | Route::Unknown => {
                Err(Refusal::not_found(format!("nothing is served at {:?}", request.uri().path())))
            }
        }
    }

    /// Finds out who asks and whether they may.
    async fn judge(&self, peer: &Peer, headers: &HeaderMap, route: &Route) -> Result<(), Refusal> {
        let (caller, passed_on) = self.identify(peer, headers).await?;
        if caller::impersonates(headers) && !passed_on {
            return Err(Refusal::forbidden(
                "acting as somebody else is for the API server to resolve; send this request there",
            ));
        }
        let deed = match route {
            Route::Metric(Question { namespace, metric, .. }) => {
                Deed::Read { namespace: namespace.clone(), metric: metric.clone() }
            }
            // One question for all that is fixed: whoever may see the groups may see what is in them.
            _ => Deed::Path("/apis"),
        };
        let verdict = self.access.may(&caller, deed.clone(), passed_on).await.map_err(|error| {
            tracing::warn!(%error, "asking the API server whether a request is allowed");
            Refusal::internal("the API server did not say whether this request is allowed")
        })?;
        verdict.map_err(|reason| Refusal::forbidden(denial(&caller, &deed, &reason)))
    }

    /// Who asks, and whether the API server passed the request on.
    async fn identify(&self, peer: &Peer, headers: &HeaderMap) -> Result<(Arc<Caller>, bool), Refusal> {
        let authorities = self.authorities.load_full();
        let standing = peer.standing(&authorities);
        if standing == Standing::FrontProxy
            && let Some(caller) = vouched_for(headers, &authorities.front_proxy)
        {
            return Ok((caller, true));
        }
        if let Standing::User(caller) = standing {
            return Ok((caller, false));
        }
        if let Some(token) = bearer(headers) {
            let whose = self.tokens.whose(token).await.map_err(|error| {
                tracing::warn!(%error, "asking the API server whose token it is");
                Refusal::internal("the API server did not say whose token this is")
            })?;
            let caller = whose.ok_or_else(|| Refusal::unauthorized("the token is not valid, or has expired"))?;
            return Ok((caller, false));
        }
        match standing {
            Standing::Nobody => Ok((Arc::clone(&self.anonymous), false)),
            _ => Err(Refusal::unauthorized("the client certificate is not one of this cluster, or has expired")),
        }
    }

    fn values(&self, question: &Question, form: Form) -> Result<Response<Body>, Refusal> {
        let now = Timestamp::from_millis(jiff::Timestamp::now().as_millisecond());
        let items: Vec<Item> = answer::items(&self.board, question)?;
        for item in &items {
            self.demand.asked(&item.target, &item.value.metric);
        }
        let body = match form {
            Form::Table => Ok(answer::table(&items, now).to_string()),
            _ => serde_json::to_string(&answer::list(&items)),
        };
        let body = body.map_err(|error| Refusal::internal(format!("writing the answer: {error}")))?;
        Ok(json_response(StatusCode::OK, "application/json", body))
    }
}

fn denial(caller: &Caller, deed: &Deed, reason: &str) -> String {
    let what = match deed {
        Deed::Read { namespace: Some(namespace), metric } => {
            format!("list resource {metric:?} in API group {GROUP:?} in the namespace {namespace:?}")
        }
        Deed::Read { namespace: None, metric } => {
            format!("list resource {metric:?} in API group {GROUP:?} at the cluster scope")
        }
        Deed::Path(path) => format!("get path {path:?}"),
    };
    let reason = if reason.is_empty() { String::new() } else { format!(": {reason}") };
    format!("User {:?} cannot {what}{reason}", caller.name)
}

impl Handler for Api {
    type Connection = Peer;

    fn connected(&self, chain: Chain) -> Peer {
        Peer::new(chain)
    }

    async fn answer(&self, peer: &Peer, request: Request<Incoming>) -> Response<Body> {
        let started = Instant::now();
        let route = route(request.uri());
        let for_metric = matches!(route, Route::Metric(_));
        let response = self.respond(peer, &request, route).await.unwrap_or_else(|refusal| refusal.response());
        if for_metric {
            self.counters.add(response.status().as_u16(), started.elapsed());
        }
        response
    }
}

impl Series for Api {
    fn write(&self, page: &mut String) {
        self.counters.write(page);
    }
}

/// The first form among those accepted that is served. Clients list theirs in the order of preference.
fn form(headers: &HeaderMap) -> Form {
    let accept = headers.get(ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or_default();
    if accept.trim().is_empty() {
        return Form::Json;
    }
    let forms = accept.split(',').map(|range| {
        let mut parts = range.split(';').map(str::trim);
        let kind = parts.next().unwrap_or_default();
        let parameter = |name: &str| {
            let mut parts = range.split(';').skip(1).filter_map(|part| part.trim().split_once('='));
            parts.find_map(|(key, value)| (key == name).then_some(value))
        };
        match (kind, parameter("as"), parameter("g"), parameter("v")) {
            ("application/json", Some("Table"), Some("meta.k8s.io"), Some("v1")) => Form::Table,
            ("application/json", Some("APIGroupDiscoveryList"), Some("apidiscovery.k8s.io"), Some("v2")) => {
                Form::Discovery("v2")
            }
            ("application/json", Some("APIGroupDiscoveryList"), Some("apidiscovery.k8s.io"), Some("v2beta1")) => {
                Form::Discovery("v2beta1")
            }
            ("application/json" | "application/*" | "*/*", None, _, _) => Form::Json,
            _ => Form::Other,
        }
    });
    forms.into_iter().find(|form| *form != Form::Other).unwrap_or(Form::Other)
}

macro_rules! body {
    ($name:ident, $make:path) => {
        static $name: LazyLock<String> = LazyLock::new(|| Value::to_string(&$make()));
    };
}
body!(GROUPS, discovery::groups);
body!(GROUP_BODY, discovery::group);
body!(RESOURCES, discovery::resources);
body!(OPEN_API_2, openapi::v2);
body!(OPEN_API_3, openapi::v3);
body!(OPEN_API_3_INDEX, openapi::v3_index);

fn fixed(body: &'static LazyLock<String>) -> Response<Body> {
    json_response(StatusCode::OK, "application/json", body.as_str())
}

/// With a mark by which the API server sees that nothing changed.
fn aggregated_discovery(version: &'static str, headers: &HeaderMap) -> Response<Body> {
    let kind = match version {
        "v2" => "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList",
        _ => "application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList",
    };
    let body = discovery::aggregated(version).to_string();
    let mark = format!("\"{}\"", openapi::hash(&body));
    let known = headers.get(IF_NONE_MATCH).is_some_and(|known| known.as_bytes() == mark.as_bytes());
    let mut response = if known {
        json_response(StatusCode::NOT_MODIFIED, kind, Body::empty())
    } else {
        json_response(StatusCode::OK, kind, body)
    };
    if let Ok(mark) = HeaderValue::from_str(&mark) {
        response.headers_mut().insert(ETAG, mark);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_form_that_is_served_is_given() {
        for (accept, expected) in [
            ("", Form::Json),
            ("*/*", Form::Json),
            ("application/json", Form::Json),
            ("application/vnd.kubernetes.protobuf, */*", Form::Json),
            ("application/json;as=Table;v=v1;g=meta.k8s.io,application/json", Form::Table),
            ("application/json;as=Table;g=meta.k8s.io;v=v1beta1, application/json", Form::Json),
            (
                "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json",
                Form::Discovery("v2"),
            ),
            ("application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList", Form::Discovery("v2beta1")),
            ("application/vnd.kubernetes.protobuf", Form::Other),
            ("text/html", Form::Other),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(ACCEPT, accept.parse().unwrap());
            assert_eq!(form(&headers), expected, "{accept}");
        }
        assert_eq!(form(&HeaderMap::new()), Form::Json);
    }
}
