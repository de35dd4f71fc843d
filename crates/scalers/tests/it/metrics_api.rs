//! The metrics-api trigger over the wire: formats, credentials, several endpoints, and its own time limit.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tidegate_engine::{ReadError, ReadErrorKind, Reading, Timestamp};
use tidegate_scalers::{Clients, EndpointGroup, Endpoints, TriggerInput, catalog};
use wiremock::matchers::{header, method, path, query_param};
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::fixtures::input;
use crate::server::{Play, Server, http};
use crate::watch::CANARY;

const AMPLE: Duration = Duration::from_secs(30);

fn now() -> Timestamp {
    "2026-06-01T12:00:00Z".parse().unwrap()
}

fn trigger(url: &str, metadata: &[(&str, &str)], auth: &[(&str, &str)]) -> TriggerInput {
    let base = [("url", url), ("valueLocation", "queue.waiting"), ("targetValue", "10")];
    input("metrics-api", &[&base, metadata].concat(), auth)
}

async fn read(clients: &Clients, input: &TriggerInput) -> Result<Reading, ReadError> {
    let checked = catalog::check(input).unwrap_or_else(|problems| panic!("{problems:?}"));
    checked.connect(clients).read(now(), AMPLE).await
}

#[tokio::test]
async fn each_format_gives_its_number() {
    for (format, location, body, expected) in [
        ("json", "queue.waiting", r#"{"queue":{"waiting":12.5}}"#, 12.5),
        ("json", "jobs.#(state==\"new\")#|#", r#"{"jobs":[{"state":"new"},{"state":"old"}]}"#, 1.0),
        ("yaml", "queue.waiting", "queue:\n  waiting: 7\n", 7.0),
        ("xml", "queue.waiting", "<queue><waiting>8</waiting></queue>", 8.0),
        ("prometheus", "waiting{queue=\"a\"}", "waiting{queue=\"b\"} 1\r\nwaiting{queue=\"a\"} 9", 9.0),
    ] {
        let server = MockServer::start().await;
        let answer = ResponseTemplate::new(200).set_body_string(body);
        Mock::given(method("GET")).and(path("/stats")).respond_with(answer).mount(&server).await;
        let input =
            trigger(&format!("{}/stats", server.uri()), &[("format", format), ("valueLocation", location)], &[]);
        assert_eq!(read(&Clients::new(), &input).await.unwrap().value, expected, "{format}");
    }
}

#[tokio::test]
async fn a_negative_number_is_zero_and_inactive() {
    let server = MockServer::start().await;
    let answer = ResponseTemplate::new(200).set_body_string(r#"{"queue":{"waiting":-3}}"#);
    Mock::given(method("GET")).respond_with(answer).mount(&server).await;
    let reading = read(&Clients::new(), &trigger(&server.uri(), &[], &[])).await.unwrap();
    assert_eq!((reading.value, reading.activation_value), (0.0, Some(-3.0)));
}

#[tokio::test]
async fn credentials_are_sent_and_the_query_is_kept() {
    let server = MockServer::start().await;
    Mock::given(method("GET"))
        .and(query_param("a", "1"))
        .and(query_param("key", CANARY))
        .and(header("authorization", format!("Bearer {CANARY}").as_str()))
        .respond_with(ResponseTemplate::new(200).set_body_string(r#"{"queue":{"waiting":1}}"#))
        .expect(1)
        .mount(&server)
        .await;
    let metadata = [("authModes", "apiKey,bearer"), ("method", "query"), ("keyParamName", "key")];
    let auth = [("apiKey", CANARY), ("bearerToken", CANARY)];
    let input = trigger(&format!("{}/?a=1", server.uri()), &metadata, &auth);
    assert_eq!(read(&Clients::new(), &input).await.unwrap().value, 1.0);
}

/// Endpoints of the Service `orders` in `shop`.
struct Known(Result<Vec<EndpointGroup>, ReadError>);

#[async_trait]
impl Endpoints for Known {
    async fn endpoints(&self, namespace: &str, service: &str) -> Result<Vec<EndpointGroup>, ReadError> {
        assert_eq!((namespace, service), ("shop", "orders"));
        self.0.clone()
    }
}

fn answers(number: &'static str) -> Play {
    Play::Say(Arc::new(move |request| {
        assert!(request.starts_with(b"GET /stats?shard=2 HTTP/1.1\r\n"), "{}", String::from_utf8_lossy(request));
        http("200 OK", format!("{{\"queue\":{{\"waiting\":{number}}}}}").as_bytes())
    }))
}

async fn aggregated(plays: Vec<Play>, aggregation: &str) -> Result<Reading, ReadError> {
    let (mut servers, mut groups) = (Vec::new(), Vec::new());
    for play in plays {
        let server = Server::start(play).await;
        let address: IpAddr = server.address.ip();
        groups.push(EndpointGroup { addresses: vec![address], ports: vec![server.address.port()] });
        servers.push(server);
    }
    let clients = Clients::new().with_endpoints(Arc::new(Known(Ok(groups))));
    let metadata = [("aggregateFromKubeServiceEndpoints", "true"), ("aggregationType", aggregation)];
    read(&clients, &trigger("http://orders.shop:8080/stats?shard=2", &metadata, &[])).await
}

#[tokio::test]
async fn endpoints_make_one_number() {
    for (aggregation, expected) in [("average", 2.0), ("sum", 6.0), ("max", 3.0), ("min", 1.0)] {
        let reading = aggregated(vec![answers("1"), answers("2"), answers("3")], aggregation).await.unwrap();
        assert_eq!(reading.value, expected, "{aggregation}");
        assert!(reading.figures.unwrap().notes[0].ends_with("of 3 endpoints"));
    }
}

#[tokio::test]
async fn one_endpoint_that_fails_makes_no_smaller_sum() {
    let error = aggregated(vec![answers("1"), Play::Close, answers("3")], "sum").await.unwrap_err();
    assert_eq!(error.kind, ReadErrorKind::Unreachable, "{error}");
}

#[tokio::test]
async fn endpoints_that_cannot_be_known_are_an_error() {
    let metadata = [("aggregateFromKubeServiceEndpoints", "true")];
    let input = trigger("http://orders.shop/stats", &metadata, &[]);
    let error = read(&Clients::new(), &input).await.unwrap_err();
    assert_eq!(error.kind, ReadErrorKind::Configuration);
    let none = Clients::new().with_endpoints(Arc::new(Known(Ok(Vec::new()))));
    let error = read(&none, &input).await.unwrap_err();
    assert_eq!(error.kind, ReadErrorKind::NotFound);
    assert!(error.message.contains("shop/orders: it has no ready endpoint"), "{error}");
    let broken = ReadError::new(ReadErrorKind::Unreachable, "listing endpoints: refused");
    let broken = Clients::new().with_endpoints(Arc::new(Known(Err(broken))));
    assert_eq!(read(&broken, &input).await.unwrap_err().kind, ReadErrorKind::Unreachable);
}

#[tokio::test]
async fn its_own_time_limit_holds() {
    let server = Server::start(Play::BlackHole).await;
    let input = trigger(&format!("http://{}/", server.address), &[("timeout", "5s")], &[]);
    let checked = catalog::check(&input).unwrap();
    assert_eq!(checked.spec.time_limit, Some(Duration::from_secs(5)));
    let scaler = checked.connect(&Clients::new());
    assert_eq!(scaler.time_limit(), Some(Duration::from_secs(5)));
    tokio::time::pause();
    let error = scaler.read(now(), AMPLE).await.unwrap_err();
    assert!(error.message.contains("within 5000 ms"), "{error}");
}
