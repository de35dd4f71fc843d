//! One suite for all triggers in the catalogue, so that a new one comes with it: errors of every kind are errors, the
//! deadline holds, secrets do not show, wrong parameters are named.

use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;

use async_trait::async_trait;
use tidegate_engine::{ReadError, ReadErrorKind, Reading, Timestamp};
use tidegate_scalers::catalog::{self, Row};
use tidegate_scalers::{
    Clients, Faults, Kind, Observed, Parameter, Problem, ReadObserver, Scaler, Secret, Source, TriggerInput,
};

use crate::fixtures::{ALL, Fixture};
use crate::server::{Fault, Play, Server, nobody};
use crate::watch::{self, CANARY};

/// Long enough for a loopback answer on a busy machine; no passing test waits for it.
const AMPLE: Duration = Duration::from_secs(30);

fn rows() -> impl Iterator<Item = (&'static Row, &'static Fixture)> {
    catalog::rows().iter().map(|row| {
        let fixture = ALL.iter().find(|fixture| fixture.name == row.name());
        (
            row,
            fixture.unwrap_or_else(|| panic!("no fixture for {}: add tests/it/fixtures/{}.rs", row.name(), row.name())),
        )
    })
}

fn good(fixture: &Fixture, address: &str) -> TriggerInput {
    (fixture.good)(address).remove(0)
}

fn connect(input: &TriggerInput, clients: &Clients) -> Arc<dyn Scaler> {
    catalog::check(input).unwrap_or_else(|problems| panic!("{}: {problems:?}", input.kind)).connect(clients)
}

fn now() -> Timestamp {
    "2026-06-01T12:00:00Z".parse().unwrap()
}

#[test]
fn every_row_is_complete() {
    let names: Vec<_> = catalog::rows().iter().flat_map(|row| row.names).collect();
    for (row, fixture) in rows() {
        assert!(row.summary.ends_with('.'), "{}: the summary is no sentence: {:?}", row.name(), row.summary);
        for name in row.names {
            assert_eq!(names.iter().filter(|other| *other == &name).count(), 1, "{name} is registered twice");
            assert_eq!(catalog::find(name).map(Row::name), Some(row.name()));
        }
        for input in (fixture.good)("localhost:9") {
            let checked = catalog::check(&input).unwrap_or_else(|problems| panic!("{}: {problems:?}", row.name()));
            let named = checked.spec.metric.starts_with("s0-");
            assert_eq!(named, checked.spec.resource.is_none(), "{}", checked.spec.metric);
            assert!(checked.spec.target.amount() > 0.0);
            assert_eq!(checked.warnings, [], "{}", row.name());
        }
    }
    assert!(catalog::rows().is_sorted_by_key(Row::name), "rows are sorted");
    assert_eq!(ALL.len(), catalog::rows().len(), "a fixture without a row");
}

#[tokio::test]
async fn connecting_does_no_io() {
    let server = Server::start(Play::BlackHole).await;
    for (_, fixture) in rows() {
        for input in (fixture.good)(&server.address.to_string()) {
            let _scaler = connect(&input, &Clients::new());
        }
    }
    // Anything that was begun would have its turn before this connection.
    let _last = tokio::net::TcpStream::connect(server.address).await.unwrap();
    while server.connections() == 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(server.connections(), 1);
}

fn general() -> Vec<Fault> {
    vec![
        Fault { name: "closes at once", play: Play::Close },
        Fault::says("says nothing and closes", |_| Vec::new()),
        Fault::says("says noise", |_| (0..4096_u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect()),
        Fault::says("says zeros", |_| vec![0; 64]),
    ]
}

#[tokio::test]
async fn errors_of_every_kind_are_errors_and_show_no_secret() {
    watch::log();
    for (row, fixture) in rows() {
        let Some(faults) = fixture.faults else { continue };
        for fault in general().into_iter().chain(faults()) {
            let server = Server::start(fault.play.clone()).await;
            let address = server.address.to_string();
            for (variant, input) in (fixture.good)(&address).into_iter().enumerate() {
                let result = connect(&input, &Clients::new()).read(now(), AMPLE).await;
                let what = format!("{} (variant {variant}) with a source that {:?}", row.name(), fault);
                let error = result.map_or_else(|error| error, |reading| panic!("{what} gave {reading:?}"));
                assert_ne!(error.kind, ReadErrorKind::Internal, "{what}: {error}");
                assert_ne!(error.kind, ReadErrorKind::Timeout, "{what}: {error}");
                assert!(error.message.contains(&address), "{what}: the address is not named: {error}");
                watch::no_secret(&what, &format!("{error} {error:?}"));
            }
        }
    }
    watch::no_secret_in_log();
}

#[tokio::test]
async fn a_source_that_is_not_there_is_named() {
    for (row, fixture) in rows().filter(|(_, fixture)| fixture.faults.is_some()) {
        let address = nobody().await.to_string();
        for input in (fixture.good)(&address) {
            let error = connect(&input, &Clients::new()).read(now(), AMPLE).await.unwrap_err();
            assert_eq!(error.kind, ReadErrorKind::Unreachable, "{}: {error}", row.name());
            assert!(error.message.contains(&address) && error.message.contains("refused"), "{}: {error}", row.name());
            watch::no_secret(row.name(), &format!("{error} {error:?}"));
        }
    }
}

/// With the clock paused, time passes as soon as nothing else can happen, so a read that outlives its deadline would
/// hang for ever and one that keeps it ends at once.
#[tokio::test]
async fn the_deadline_holds_against_a_source_that_says_nothing() {
    let server = Server::start(Play::BlackHole).await;
    for (row, fixture) in rows().filter(|(_, fixture)| fixture.faults.is_some()) {
        for input in (fixture.good)(&server.address.to_string()) {
            let scaler = connect(&input, &Clients::new());
            tokio::time::pause();
            let error = scaler.read(now(), Duration::from_secs(5)).await.unwrap_err();
            tokio::time::resume();
            assert_eq!(error.kind, ReadErrorKind::Timeout, "{}: {error}", row.name());
            assert!(error.message.contains(&server.address.to_string()), "{}: {error}", row.name());
            watch::no_secret(row.name(), &format!("{error} {error:?}"));
        }
    }
}

/// What goes wrong instead of the real read.
enum Instead {
    Panic,
    Hang,
    Value(f64),
}

#[async_trait]
impl Faults for Instead {
    async fn before(&self, _kind: &str, _metric: &str) -> Option<Result<Reading, ReadError>> {
        match self {
            Instead::Panic => panic!("made up by a test: {CANARY}"),
            Instead::Hang => std::future::pending().await,
            Instead::Value(value) => Some(Ok(Reading::of(*value, now()))),
        }
    }
}

#[derive(Default)]
struct Seen(Mutex<Vec<String>>);

impl ReadObserver for Seen {
    fn read(&self, observed: &Observed<'_>) {
        let ending = observed.result.as_ref().map_or_else(|error| format!("{:?}", error.kind), |_| "ok".to_owned());
        self.0.lock().unwrap().push(format!("{} {} {ending}", observed.kind, observed.metric));
    }
}

#[tokio::test(start_paused = true)]
async fn a_fault_inside_is_contained_and_measured() {
    let cases = [
        (Instead::Panic, Err(ReadErrorKind::Internal)),
        (Instead::Hang, Err(ReadErrorKind::Timeout)),
        (Instead::Value(f64::NAN), Err(ReadErrorKind::Invalid)),
        (Instead::Value(f64::INFINITY), Err(ReadErrorKind::Invalid)),
        (Instead::Value(-1.0), Err(ReadErrorKind::Invalid)),
        (Instead::Value(3.0), Ok(3.0)),
    ];
    for (instead, expected) in cases {
        let (faults, seen): (Arc<dyn Faults>, Arc<Seen>) = (Arc::new(instead), Arc::default());
        let clients = Clients::new().with_faults(faults).observed_by(seen.clone());
        for (row, fixture) in rows() {
            let input = good(fixture, "localhost:9");
            let metric = catalog::check(&input).unwrap().spec.metric;
            let result = connect(&input, &clients).read(now(), Duration::from_secs(5)).await;
            if let Err(error) = &result {
                watch::no_secret(row.name(), &error.message);
            }
            assert_eq!(result.map(|reading| reading.value).map_err(|error| error.kind), expected, "{}", row.name());
            let ending = expected.map_or_else(|kind| format!("{kind:?}"), |_| "ok".to_owned());
            assert_eq!(*seen.0.lock().unwrap(), [format!("{} {metric} {ending}", input.kind)]);
            seen.0.lock().unwrap().clear();
        }
    }
}

fn remove(input: &mut TriggerInput, parameter: &Parameter) {
    for name in parameter.names() {
        input.metadata.remove(name);
        input.metadata.remove(&format!("{name}FromEnv"));
        input.auth.remove(name);
    }
}

#[test]
fn a_missing_parameter_is_named_with_its_places() {
    for (row, fixture) in rows() {
        for parameter in row.parameters.iter().filter(|parameter| parameter.required()) {
            for blank in [false, true] {
                let mut input = good(fixture, "localhost:9");
                remove(&mut input, parameter);
                if blank {
                    input.metadata.insert(parameter.name.to_owned(), "  ".to_owned());
                }
                let problems = catalog::check(&input).unwrap_err();
                let problem = problems.iter().find(|problem| problem.parameter == parameter.name);
                let problem = problem.unwrap_or_else(|| panic!("{}: {problems:?}", parameter.name));
                for source in parameter.sources {
                    let place = match source {
                        Source::Metadata => format!("metadata \"{}\"", parameter.name),
                        Source::Env => format!("metadata \"{}FromEnv\"", parameter.name),
                        Source::Auth => format!("authentication parameter \"{}\"", parameter.name),
                    };
                    assert!(problem.message.contains(&place), "{}: {}", row.name(), problem.message);
                }
            }
        }
    }
}

fn warning(input: &TriggerInput, parameter: &str) -> Option<Problem> {
    let checked = catalog::check(input).unwrap_or_else(|problems| panic!("{}: {problems:?}", input.kind));
    checked.warnings.into_iter().find(|warning| warning.parameter == parameter)
}

#[test]
fn unknown_parameters_are_warned_about_with_the_nearest_name() {
    for (row, fixture) in rows().filter(|(row, _)| !row.any_metadata) {
        let readable = |parameter: &&Parameter| parameter.sources.contains(&Source::Metadata);
        for parameter in row.parameters.iter().filter(readable) {
            let mut misspelt = parameter.name.to_owned();
            misspelt.remove(misspelt.len() / 2);
            if row.parameters.iter().any(|parameter| parameter.names().any(|name| name == misspelt)) {
                continue;
            }
            let mut input = good(fixture, "localhost:9");
            input.metadata.insert(misspelt.clone(), "1".to_owned());
            let warning = warning(&input, &misspelt).unwrap_or_else(|| panic!("{}: {misspelt}", row.name()));
            assert!(warning.message.contains(&format!("\"{}", parameter.name)), "{misspelt}: {}", warning.message);
        }
        let mut input = good(fixture, "localhost:9");
        input.metadata.insert("zzz".to_owned(), "1".to_owned());
        assert_eq!(warning(&input, "zzz").unwrap().message, "unknown parameter; it has no effect");
    }
}

#[test]
fn a_parameter_in_the_wrong_place_is_warned_about() {
    for (row, fixture) in rows().filter(|(row, _)| !row.any_metadata) {
        for parameter in row.parameters.iter().filter(|parameter| parameter.removed.is_none()) {
            let mut input = good(fixture, "localhost:9");
            let key = format!("{}FromEnv", parameter.name);
            if !parameter.sources.contains(&Source::Env) {
                input.metadata.insert(key.clone(), "VARIABLE".to_owned());
                assert!(warning(&input, &key).is_some(), "{}: {key}", row.name());
            }
            if !parameter.sources.contains(&Source::Metadata) && !parameter.sources.contains(&Source::Env) {
                let mut input = good(fixture, "localhost:9");
                input.metadata.insert(parameter.name.to_owned(), "text".to_owned());
                let warning = warning(&input, parameter.name).unwrap();
                assert!(warning.message.contains("authentication parameter"), "{}", warning.message);
            }
        }
    }
}

/// Each parameter in each place is a secret that cannot be understood: whatever is said of it, it is not shown.
#[test]
fn no_problem_shows_what_may_be_a_secret() {
    for (row, fixture) in rows() {
        for parameter in &row.parameters {
            for source in parameter.sources {
                let hidden = matches!(parameter.kind, Kind::Secret | Kind::Pairs | Kind::Address);
                if *source == Source::Metadata && !hidden {
                    continue;
                }
                let mut input = good(fixture, "localhost:9");
                remove(&mut input, parameter);
                let bad = Secret::new(format!("{CANARY},{CANARY}"));
                match source {
                    Source::Metadata => {
                        input.metadata.insert(parameter.name.to_owned(), bad.expose().to_owned());
                    }
                    Source::Env => {
                        input.metadata.insert(format!("{}FromEnv", parameter.name), "VARIABLE".to_owned());
                        input.env.insert("VARIABLE".to_owned(), bad);
                    }
                    Source::Auth => {
                        input.auth.insert(parameter.name.to_owned(), bad);
                    }
                }
                let what = format!("{}: {} in {source:?}", row.name(), parameter.name);
                watch::no_secret(&what, &format!("{input:?}"));
                // A metric is named after what it reads, by KEDA's rule; what is said about a trigger is another matter.
                let said = catalog::check(&input).map_or_else(|said| said, |checked| checked.warnings);
                watch::no_secret(&what, &format!("{said:?}"));
            }
        }
    }
}

#[test]
fn unknown_types() {
    let said = |kind: &str| {
        let input = TriggerInput { kind: kind.to_owned(), ..TriggerInput::default() };
        catalog::check(&input).unwrap_err().remove(0).message
    };
    assert_eq!(said("promtheus"), "unknown trigger type \"promtheus\"; did you mean \"prometheus\"?");
    assert_eq!(said("Kafka"), "unknown trigger type \"Kafka\"; did you mean \"kafka\"?");
    assert!(said("rabbitmq").starts_with("trigger type \"rabbitmq\" is known to KEDA, not yet served by Tidegate"));
    assert!(said("xyzzy").starts_with("unknown trigger type \"xyzzy\"; `tidegate scalers list`"));
}
