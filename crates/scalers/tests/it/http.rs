//! What goes over the wire: parameters, headers, credentials of each mode, redirects, tokens, and how often.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::json;
use tidegate_engine::{ReadError, ReadErrorKind, Reading, Timestamp};
use tidegate_scalers::{Clients, Scaler, TriggerInput, catalog};
use wiremock::matchers::{body_string_contains, header, method, path, query_param};
use wiremock::{Match, Mock, MockServer, Request, ResponseTemplate};

use crate::fixtures::input;
use crate::watch;

const AMPLE: Duration = Duration::from_secs(30);

fn trigger(server: &str, metadata: &[(&str, &str)], auth: &[(&str, &str)]) -> TriggerInput {
    let base = [("serverAddress", server), ("query", "up == 1"), ("threshold", "10")];
    input("prometheus", &[&base, metadata].concat(), auth)
}

fn connect(input: &TriggerInput, clients: &Clients) -> Arc<dyn Scaler> {
    catalog::check(input).unwrap_or_else(|problems| panic!("{problems:?}")).connect(clients)
}

async fn read(input: &TriggerInput) -> Result<Reading, ReadError> {
    connect(input, &Clients::new()).read(now(), AMPLE).await
}

fn now() -> Timestamp {
    "2026-06-01T12:00:00.900Z".parse().unwrap()
}

fn number(text: &str) -> ResponseTemplate {
    let result = json!([{ "metric": {}, "value": [1, text] }]);
    let body =
        json!({ "status": "success", "data": { "resultType": "vector", "result": result }, "warnings": ["slow"] });
    ResponseTemplate::new(200).set_body_json(body)
}

/// A request that nothing but the trigger's own plain headers came with.
struct Anonymous;

impl Match for Anonymous {
    fn matches(&self, request: &Request) -> bool {
        !request.headers.contains_key("authorization") && !request.headers.contains_key("x-api-key")
    }
}

#[tokio::test]
async fn the_request_is_keda_s() {
    let server = MockServer::start().await;
    Mock::given(method("GET"))
        .and(path("/prefix/api/v1/query"))
        .and(query_param("query", "up == 1"))
        .and(query_param("time", "1780315200"))
        .and(query_param("namespace", "a&b"))
        .and(query_param("dedup", "true"))
        .and(query_param("max", "5 m"))
        .and(header("x-scope-orgid", "tenant"))
        .and(Anonymous)
        .respond_with(number("3"))
        .expect(1)
        .mount(&server)
        .await;
    let metadata =
        [("namespace", "a&b"), ("queryParameters", "dedup=true, max=5 m"), ("customHeaders", "X-Scope-OrgID=tenant")];
    let reading = read(&trigger(&format!("{}/prefix/", server.uri()), &metadata, &[])).await.unwrap();
    assert_eq!(reading.value, 3.0);
    assert_eq!(reading.figures.unwrap().notes, ["Prometheus warns: slow"]);
}

#[tokio::test]
async fn credentials_of_each_mode_are_sent() {
    type Case = (&'static [(&'static str, &'static str)], &'static str, &'static str);
    let cases: &[Case] = &[
        (&[("authModes", "bearer"), ("bearerToken", " abc ")], "authorization", "Bearer abc"),
        (&[("authMode", "bearer"), ("token", "abc")], "authorization", "Bearer abc"),
        (&[("authModes", "basic"), ("username", "u"), ("password", "p")], "authorization", "Basic dTpw"),
        (&[("authModes", "basic"), ("username", "u")], "authorization", "Basic dTo="),
        (&[("authModes", "custom"), ("customAuthHeader", "X-Me"), ("customAuthValue", "v")], "x-me", "v"),
        (&[("authModes", "apiKey"), ("apiKey", "k")], "x-api-key", "k"),
        (&[("authModes", "apiKey"), ("apiKey", "k"), ("keyParamName", "X-Key")], "x-key", "k"),
    ];
    for (auth, name, value) in cases {
        let server = MockServer::start().await;
        Mock::given(header(*name, *value)).respond_with(number("1")).expect(1).mount(&server).await;
        assert_eq!(read(&trigger(&server.uri(), &[], auth)).await.unwrap().value, 1.0, "{auth:?}");
    }
    let server = MockServer::start().await;
    Mock::given(query_param("api_key", "k&l")).and(Anonymous).respond_with(number("1")).expect(1).mount(&server).await;
    let auth = [("authModes", "apiKey"), ("apiKey", "k&l"), ("method", "query")];
    assert_eq!(read(&trigger(&server.uri(), &[], &auth)).await.unwrap().value, 1.0);
}

#[tokio::test]
async fn several_modes_are_all_sent() {
    let server = MockServer::start().await;
    Mock::given(header("authorization", "Bearer abc"))
        .and(header("x-api-key", "k"))
        .and(header("x-me", "v"))
        .respond_with(number("1"))
        .expect(1)
        .mount(&server)
        .await;
    let auth = [("bearerToken", "abc"), ("apiKey", "k"), ("customAuthHeader", "X-Me"), ("customAuthValue", "v")];
    let metadata = [("authModes", "apiKey, bearer,custom")];
    assert_eq!(read(&trigger(&server.uri(), &metadata, &auth)).await.unwrap().value, 1.0);
}

#[tokio::test]
async fn credentials_of_no_listed_mode_are_not_sent_and_warned_about() {
    let server = MockServer::start().await;
    Mock::given(Anonymous).respond_with(number("1")).expect(1).mount(&server).await;
    let input = trigger(&server.uri(), &[], &[("bearerToken", "abc")]);
    let warnings = catalog::check(&input).unwrap().warnings;
    assert_eq!(warnings[0].parameter, "bearerToken");
    assert_eq!(warnings[0].message, "is not sent: authModes does not list \"bearer\"");
    assert_eq!(read(&input).await.unwrap().value, 1.0);
}

fn token(text: &str, seconds: u64) -> ResponseTemplate {
    ResponseTemplate::new(200)
        .set_body_json(json!({ "access_token": text, "expires_in": seconds, "token_type": "bearer" }))
}

fn oauth(server: &MockServer) -> TriggerInput {
    let endpoint = format!("{}/token", server.uri());
    let auth = [
        ("authModes", "oauth"),
        ("oauthTokenURI", endpoint.as_str()),
        ("clientID", "me"),
        ("clientSecret", "a+b:c"),
        ("scopes", "read, write"),
        ("endpointParams", "audience=x%20y"),
    ];
    trigger(&server.uri(), &[], &auth)
}

#[tokio::test]
async fn a_token_is_asked_for_once_and_shared() {
    let server = MockServer::start().await;
    Mock::given(path("/token"))
        .and(method("POST"))
        .and(header("authorization", "Basic bWU6YSUyQmIlM0Fj"))
        .and(body_string_contains("grant_type=client_credentials"))
        .and(body_string_contains("scope=read+write"))
        .and(body_string_contains("audience=x+y"))
        .respond_with(token("abc", 3600))
        .expect(1)
        .mount(&server)
        .await;
    Mock::given(header("authorization", "Bearer abc")).respond_with(number("1")).expect(3).mount(&server).await;
    let clients = Clients::new();
    let (one, other) = (connect(&oauth(&server), &clients), connect(&oauth(&server), &clients));
    for (scaler, seconds) in [(&one, 0), (&other, 1), (&one, 2)] {
        let at = now() + Duration::from_secs(seconds);
        assert_eq!(scaler.read(at, AMPLE).await.unwrap().value, 1.0);
    }
}

#[tokio::test]
async fn a_token_that_is_refused_is_renewed_once() {
    let server = MockServer::start().await;
    Mock::given(path("/token")).respond_with(token("old", 3600)).up_to_n_times(1).expect(1).mount(&server).await;
    Mock::given(path("/token")).respond_with(token("new", 3600)).expect(1).mount(&server).await;
    Mock::given(header("authorization", "Bearer old"))
        .respond_with(ResponseTemplate::new(401))
        .expect(1)
        .mount(&server)
        .await;
    Mock::given(header("authorization", "Bearer new")).respond_with(number("1")).expect(1).mount(&server).await;
    assert_eq!(read(&oauth(&server)).await.unwrap().value, 1.0);
}

#[tokio::test]
async fn a_token_server_that_wants_the_form() {
    let server = MockServer::start().await;
    Mock::given(path("/token"))
        .and(body_string_contains("client_secret=a%2Bb%3Ac"))
        .respond_with(token("abc", 60))
        .mount(&server)
        .await;
    let refusal = json!({ "error": "invalid_client", "error_description": "no header" });
    let refusal = ResponseTemplate::new(401).set_body_json(refusal);
    Mock::given(path("/token"))
        .and(header("authorization", "Basic bWU6YSUyQmIlM0Fj"))
        .respond_with(refusal)
        .mount(&server)
        .await;
    Mock::given(header("authorization", "Bearer abc")).respond_with(number("1")).expect(1).mount(&server).await;
    assert_eq!(read(&oauth(&server)).await.unwrap().value, 1.0);
}

#[tokio::test]
async fn a_refused_client_is_named() {
    let server = MockServer::start().await;
    let refusal = json!({ "error": "invalid_client", "error_description": "unknown client a+b:c" });
    Mock::given(path("/token")).respond_with(ResponseTemplate::new(401).set_body_json(refusal)).mount(&server).await;
    let error = read(&oauth(&server)).await.unwrap_err();
    assert_eq!(error.kind, ReadErrorKind::Unauthorized);
    let expected = format!(
        "asking for an access token at {}/token: the server answered 401 Unauthorized: invalid_client: unknown client \
         [secret]; check the credentials and authModes",
        server.uri()
    );
    assert_eq!(&*error.message, expected);
}

#[tokio::test]
async fn redirects_stay_on_the_host_when_there_are_credentials() {
    let (server, other) = (MockServer::start().await, MockServer::start().await);
    // Another name of the same machine, so another host.
    let elsewhere = other.uri().replace("127.0.0.1", "localhost");
    let away = ResponseTemplate::new(302).insert_header("location", format!("{elsewhere}/api/v1/query"));
    Mock::given(path("/away/api/v1/query")).respond_with(away).mount(&server).await;
    let near = ResponseTemplate::new(308).insert_header("location", "/api/v1/query?query=moved");
    Mock::given(path("/near/api/v1/query")).respond_with(near).mount(&server).await;
    Mock::given(path("/api/v1/query"))
        .and(header("x-me", "v"))
        .respond_with(number("1"))
        .expect(1)
        .mount(&server)
        .await;
    Mock::given(path("/api/v1/query")).and(Anonymous).respond_with(number("2")).expect(1).mount(&other).await;

    let custom = [("authModes", "custom"), ("customAuthHeader", "X-Me"), ("customAuthValue", "v")];
    let near = trigger(&format!("{}/near", server.uri()), &[], &custom);
    assert_eq!(read(&near).await.unwrap().value, 1.0);
    let away = format!("{}/away", server.uri());
    assert_eq!(read(&trigger(&away, &[], &[])).await.unwrap().value, 2.0, "nothing to lose");
    for (metadata, auth) in [(&[][..], &custom[..]), (&[("customHeaders", "X-Token=v")], &[])] {
        let error = read(&trigger(&away, metadata, auth)).await.unwrap_err();
        assert_eq!(error.kind, ReadErrorKind::Refused);
        assert!(
            error
                .message
                .contains(&format!("redirected to {elsewhere}/api/v1/query, where its credentials must not go"))
        );
    }
}

#[tokio::test]
async fn identical_queries_at_the_same_time_are_sent_once() {
    let server = MockServer::start().await;
    let slow = number("5").set_delay(Duration::from_millis(300));
    Mock::given(path("/api/v1/query")).respond_with(slow).expect(2).mount(&server).await;
    let clients = Clients::new();
    let scaler = || connect(&trigger(&server.uri(), &[], &[]), &clients);
    let (scalers, other) = ((0..100).map(|_| scaler()).collect::<Vec<_>>(), {
        let auth = [("authModes", "bearer"), ("bearerToken", "abc")];
        connect(&trigger(&server.uri(), &[], &auth), &clients)
    });
    let mut reads: Vec<_> = scalers.iter().map(|scaler| scaler.read(now(), AMPLE)).collect();
    reads.push(other.read(now(), AMPLE));
    for result in futures::future::join_all(reads).await {
        assert_eq!(result.unwrap().value, 5.0);
    }
}

/// Answers on connections that stay open, and counts how many of them there are.
async fn counting() -> (std::net::SocketAddr, Arc<AtomicUsize>) {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (address, connections) = (listener.local_addr().unwrap(), Arc::new(AtomicUsize::new(0)));
    let counted = Arc::clone(&connections);
    let body = br#"{"status":"success","data":{"resultType":"scalar","result":[1,"5"]}}"#;
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            counted.fetch_add(1, Ordering::SeqCst);
            tokio::spawn(async move {
                let mut request = vec![0; 8 << 10];
                while stream.read(&mut request).await.is_ok_and(|read| read > 0) {
                    stream.write_all(&crate::server::http("200 OK", body)).await.unwrap();
                }
            });
        }
    });
    (address, connections)
}

#[tokio::test]
async fn a_thousand_different_queries_share_a_few_connections() {
    let (address, connections) = counting().await;
    let clients = Clients::new();
    let scalers: Vec<_> = (0..1000)
        .map(|number| {
            let mut input = trigger(&format!("http://{address}"), &[], &[]);
            input.metadata.insert("query".to_owned(), format!("vector({number})"));
            connect(&input, &clients)
        })
        .collect();
    for _ in 0..2 {
        let reads = scalers.iter().map(|scaler| scaler.read(now(), AMPLE));
        for result in futures::future::join_all(reads).await {
            assert_eq!(result.unwrap().value, 5.0);
        }
    }
    let connections = connections.load(Ordering::SeqCst);
    assert!(connections <= 40, "{connections} connections");
}

#[tokio::test]
async fn metadata_services_are_out_of_reach() {
    for server in
        ["http://169.254.169.254", "http://[fe80::1]:9090", "http://[::ffff:169.254.169.254]", "http://2852039166"]
    {
        let error = read(&trigger(server, &[], &[])).await.unwrap_err();
        assert_eq!(error.kind, ReadErrorKind::Configuration, "{error}");
        assert!(error.message.contains("where triggers may not go"), "{error}");
    }
    let server = MockServer::start().await;
    let away = ResponseTemplate::new(302).insert_header("location", "http://169.254.169.254/latest/meta-data");
    Mock::given(path("/api/v1/query")).respond_with(away).mount(&server).await;
    let error = read(&trigger(&server.uri(), &[], &[])).await.unwrap_err();
    assert!(error.message.contains("where triggers may not go"), "{error}");
}

#[tokio::test]
async fn a_name_that_does_not_exist() {
    let error = read(&trigger("http://no-such-host.invalid:9090", &[], &[])).await.unwrap_err();
    assert_eq!(error.kind, ReadErrorKind::Unreachable);
    assert!(
        error.message.contains("http://no-such-host.invalid:9090/api/v1/query: the name could not be resolved"),
        "{error}"
    );
}

#[tokio::test]
async fn an_answer_without_end_is_cut_off() {
    let server = MockServer::start().await;
    let body = vec![b' '; 9 << 20];
    Mock::given(path("/api/v1/query"))
        .respond_with(ResponseTemplate::new(200).set_body_bytes(body))
        .mount(&server)
        .await;
    let error = read(&trigger(&server.uri(), &[], &[])).await.unwrap_err();
    assert_eq!(error.kind, ReadErrorKind::Invalid);
    assert!(error.message.contains("longer than 8 MiB"), "{error}");
}

#[tokio::test]
async fn the_trigger_s_own_time_limit() {
    let server = crate::server::Server::start(crate::server::Play::BlackHole).await;
    let scaler = connect(&trigger(&format!("http://{}", server.address), &[("timeout", "50")], &[]), &Clients::new());
    assert_eq!(scaler.time_limit(), Some(Duration::from_millis(50)));
    let error = scaler.read(now(), AMPLE).await.unwrap_err();
    assert_eq!(error.kind, ReadErrorKind::Timeout);
    assert!(error.message.contains("no answer within 50 ms"), "{error}");
    watch::no_secret("an error", &error.message);
}
