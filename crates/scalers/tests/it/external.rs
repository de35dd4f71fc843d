//! External scalers: a real gRPC server that answers well, slowly, wrongly, not at all, and that restarts.

mod server;
mod tls;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures::StreamExt;
use futures::stream::BoxStream;
use tidegate_engine::{MetricTarget, ReadErrorKind, Timestamp};
use tidegate_scalers::{Clients, MetricType, Push, Scaler, Secret, TriggerInput, catalog, metric_of};
use tokio::io::AsyncReadExt;
use tonic::{Code, Status};

use crate::fixtures::input;
use crate::watch::CANARY;
use server::{Running, State, number, spec};

const AMPLE: Duration = Duration::from_secs(30);

fn now() -> Timestamp {
    "2026-06-01T12:00:00Z".parse().unwrap()
}

fn trigger(kind: &str, server: &Running) -> TriggerInput {
    let address = server.address.to_string();
    TriggerInput { index: 2, ..input(kind, &[("scalerAddress", &address), ("warehouse", "north")], &[]) }
}

fn connect(input: &TriggerInput) -> Arc<dyn Scaler> {
    let checked = catalog::check(input).unwrap_or_else(|problems| panic!("{problems:?}"));
    assert!(checked.specs_from_source);
    checked.connect(&Clients::new())
}

/// EXT-01, EXT-02, EXT-03
#[tokio::test]
async fn the_server_names_its_metrics_and_is_asked_for_each() {
    let server = Running::start(State::new()).await;
    *server.state.specs.lock().unwrap() = vec![spec("waiting", 10, 0.0), spec("size.total", 10, 6.111)];
    *server.state.values.lock().unwrap() = vec![number(20, 22.222), number(3, 0.0)];
    let scaler = connect(&trigger("external", &server));
    let specs = scaler.specs(AMPLE).await.unwrap().unwrap();
    let found: Vec<_> = specs.iter().map(|spec| (spec.metric.as_str(), spec.target)).collect();
    let targets = [MetricTarget::AverageValue(10.0), MetricTarget::AverageValue(6.111)];
    assert_eq!(found, [("s2-waiting", targets[0]), ("s2-size.total", targets[1])]);
    let reading = metric_of(&scaler, "s2-size.total").read(now(), AMPLE).await.unwrap();
    assert!((reading.value - 25.222).abs() < 1e-9, "values are added up: {}", reading.value);
    assert_eq!(reading.active, Some(true));
    let calls = ["GetMetricSpec shop/orders", "GetMetrics size.total shop/orders", "IsActive shop/orders"];
    assert_eq!(server.asked(), calls);
    assert!(scaler.pushes().is_none());
}

#[tokio::test]
async fn only_is_active_decides_on_activity() {
    let server = Running::start(State::new()).await;
    *server.state.active.lock().unwrap() = false;
    let scaler = connect(&trigger("external", &server));
    let reading = scaler.read(now(), AMPLE).await.unwrap();
    assert_eq!((reading.value, reading.active), (20.0, Some(false)));
}

/// EXT-03
#[tokio::test]
async fn metadata_is_sent_as_it_is_and_authentication_is_not() {
    let server = Running::start(State::new()).await;
    let mut input = trigger("external", &server);
    input.metric_type = Some(MetricType::Value);
    for (name, text) in [("tokenFromEnv", "TOKEN"), ("emptyFromEnv", "EMPTY"), ("goneFromEnv", "GONE")] {
        input.metadata.insert(name.to_owned(), text.to_owned());
    }
    input.env.insert("TOKEN".to_owned(), Secret::new(CANARY));
    input.env.insert("EMPTY".to_owned(), Secret::new(""));
    input.auth.insert("password".to_owned(), Secret::new("never"));
    let scaler = connect(&input);
    let specs = scaler.specs(AMPLE).await.unwrap().unwrap();
    assert_eq!(specs[0].target, MetricTarget::Value(10.0));
    let address = server.address.to_string();
    let expected = [("scalerAddress", &*address), ("tokenFromEnv", CANARY), ("warehouse", "north")];
    let expected = expected.map(|(name, text)| (name.to_owned(), text.to_owned()));
    assert_eq!(*server.state.metadata.lock().unwrap(), expected);
    // A server may quote what it was given.
    *server.state.instead.lock().unwrap() = Some(Status::internal(format!("bad token {CANARY}")));
    let error = metric_of(&scaler, "s2-waiting").read(now(), AMPLE).await.unwrap_err();
    assert!(error.message.contains("bad token [secret]") && !error.message.contains(CANARY), "{error}");
}

#[tokio::test]
async fn errors_of_the_server_are_errors_of_their_kind() {
    let server = Running::start(State::new()).await;
    let scaler = metric_of(&connect(&trigger("external", &server)), "s2-waiting");
    for (code, kind) in [
        (Code::Unavailable, ReadErrorKind::Unreachable),
        (Code::Unauthenticated, ReadErrorKind::Unauthorized),
        (Code::PermissionDenied, ReadErrorKind::Unauthorized),
        (Code::NotFound, ReadErrorKind::NotFound),
        (Code::Unimplemented, ReadErrorKind::Refused),
        (Code::Internal, ReadErrorKind::Refused),
        (Code::DeadlineExceeded, ReadErrorKind::Timeout),
    ] {
        *server.state.instead.lock().unwrap() = Some(Status::new(code, "the reason"));
        let error = scaler.read(now(), AMPLE).await.unwrap_err();
        assert_eq!(error.kind, kind, "{error}");
        assert!(error.message.contains("the reason") && error.message.contains("GetMetrics"), "{error}");
        assert!(error.message.contains(&server.address.to_string()), "{error}");
    }
    *server.state.instead.lock().unwrap() = None;
    for (values, part) in
        [(vec![], "no value"), (vec![number(1, f64::NAN)], "NaN"), (vec![number(1, f64::INFINITY)], "inf")]
    {
        *server.state.values.lock().unwrap() = values;
        let error = scaler.read(now(), AMPLE).await.unwrap_err();
        assert_eq!(error.kind, ReadErrorKind::Invalid, "{error}");
        assert!(error.message.contains(part), "{error}");
    }
}

#[tokio::test]
async fn a_server_that_hangs_costs_a_deadline_and_is_asked_anew() {
    let server = Running::start(State::new()).await;
    let scaler = metric_of(&connect(&trigger("external", &server)), "s2-waiting");
    *server.state.hangs.lock().unwrap() = true;
    tokio::time::pause();
    let error = scaler.read(now(), Duration::from_secs(5)).await.unwrap_err();
    tokio::time::resume();
    assert_eq!(error.kind, ReadErrorKind::Timeout, "{error}");
    assert!(error.message.contains(&server.address.to_string()), "{error}");
    *server.state.hangs.lock().unwrap() = false;
    assert_eq!(scaler.read(now(), AMPLE).await.unwrap().value, 20.0);
}

#[tokio::test]
async fn the_last_specs_are_kept_while_the_server_is_away() {
    let server = Running::start(State::new()).await;
    let input = trigger("external", &server);
    let scaler = connect(&input);
    let specs = scaler.specs(AMPLE).await.unwrap();
    server.state.specs.lock().unwrap().clear();
    assert_eq!(scaler.specs(AMPLE).await.unwrap(), specs, "no metric at all is no answer");
    server.stop().await;
    assert_eq!(scaler.specs(AMPLE).await.unwrap(), specs);
    let error = connect(&input).specs(AMPLE).await.unwrap_err();
    assert_eq!(error.kind, ReadErrorKind::Unreachable, "{error}");
}

/// PAIN-31
#[tokio::test]
async fn many_triggers_share_one_connection() {
    let server = Running::start(State::new()).await;
    let clients = Clients::new();
    let scalers: Vec<_> = (0..50)
        .map(|place| {
            let input = TriggerInput { scaled_object: format!("orders-{place}"), ..trigger("external", &server) };
            catalog::check(&input).unwrap().connect(&clients)
        })
        .collect();
    let reads = scalers.iter().map(|scaler| scaler.read(now(), AMPLE));
    for reading in futures::future::join_all(reads).await {
        assert_eq!(reading.unwrap().value, 20.0);
    }
    assert_eq!(server.state.connections.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn the_connection_is_closed_with_its_last_user() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let input = input("external-push", &[("scalerAddress", &address)], &[]);
    let clients = Clients::new();
    let (one, other) = (catalog::check(&input).unwrap(), catalog::check(&input).unwrap());
    let (one, other) = (one.connect(&clients), other.connect(&clients));
    let mut pushes = one.pushes().unwrap();
    assert!(futures::poll!(pushes.next()).is_pending());
    let mut stream = tokio::select! {
        accepted = listener.accept() => accepted.unwrap().0,
        push = pushes.next() => panic!("{push:?}"),
    };
    drop((one, other));
    let mut buffer = [0; 1024];
    assert!(stream.read(&mut buffer).await.unwrap() > 0, "the stream alone keeps the connection");
    drop(pushes);
    while stream.read(&mut buffer).await.is_ok_and(|read| read > 0) {}
}

async fn next(pushes: &mut BoxStream<'static, Push>) -> Push {
    tokio::time::timeout(AMPLE, pushes.next()).await.expect("nothing was pushed").unwrap()
}

/// Polls the pushes until the server was asked for `calls` streams.
async fn until_asked(server: &Running, pushes: &mut BoxStream<'static, Push>, calls: usize) {
    let mut asked = 0;
    tokio::time::timeout(AMPLE, async {
        while asked < calls {
            assert!(futures::poll!(pushes.next()).is_pending());
            asked += server.asked().iter().filter(|call| call.starts_with("Stream")).count();
            tokio::task::yield_now().await;
        }
    })
    .await
    .expect("the streams were not opened");
}

/// EXT-05, EXT-06
#[tokio::test]
async fn pushes_arrive_also_after_a_restart() {
    let server = Running::start(State::new()).await;
    let scaler = connect(&trigger("external-push", &server));
    let mut pushes = scaler.pushes().unwrap();
    assert_eq!(server.asked(), [""; 0], "nothing is asked before somebody listens");
    until_asked(&server, &mut pushes, 2).await;
    for active in [false, true] {
        server.state.activity.send(active).unwrap();
    }
    assert_eq!(next(&mut pushes).await, Push::Active, "a false is passed over");
    let changes = server.state.changes.as_ref().unwrap();
    changes.send(Vec::new()).unwrap();
    changes.send(vec![spec("other", 5, 0.0)]).unwrap();
    let Push::Specs(specs) = next(&mut pushes).await else { panic!("no specs") };
    assert_eq!((specs[0].metric.as_str(), specs[0].target), ("s2-other", MetricTarget::AverageValue(5.0)));
    let server = server.restart().await;
    until_asked(&server, &mut pushes, 2).await;
    server.state.activity.send(true).unwrap();
    assert_eq!(next(&mut pushes).await, Push::Active);
}

/// EXT-07
#[tokio::test]
async fn a_server_without_pushed_specs_still_pushes_activity() {
    let server = Running::start(State { changes: None, ..State::new() }).await;
    let scaler = connect(&trigger("external-push", &server));
    let mut pushes = scaler.pushes().unwrap();
    until_asked(&server, &mut pushes, 1).await;
    server.state.activity.send(true).unwrap();
    assert_eq!(next(&mut pushes).await, Push::Active);
}
