//! A broker that is gone and comes back: nothing is moved on missing knowledge, and the run goes on afterwards.

use std::path::Path;

use nix::sys::signal::Signal;
use tidegate_engine::{Record, Timestamp};
use tidegate_lab::broker::EmbeddedBroker;
use tidegate_lab::scenario::TopicSpec;

use super::story::{DEPLOYMENT, SCALED_OBJECT, sound};
use super::{LIMIT, Up, processes_of, records};
use crate::support::{folder, run, wait_for};

/// Waits for a record made after `since` that `is` what is wanted.
fn record_of(folder: &Path, what: &str, since: Timestamp, is: impl Fn(&Record) -> bool) -> Record {
    wait_for(what, LIMIT, || records(folder).into_iter().find(|record| record.at > since && is(record)))
}

fn failed(record: &Record) -> bool {
    record.readings[0].error.is_some()
}

#[test]
fn a_broker_that_is_gone_and_back_moves_nothing_in_between() {
    let broker = EmbeddedBroker::start(&[TopicSpec { name: "orders".to_owned(), partitions: 4 }]).unwrap();
    let address = broker.bootstrap_servers().to_owned();
    let broker_map = format!(
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: tidegate-broker}}\ndata: {{bootstrapServers: \"{address}\"}}\n"
    );
    // Slow consumers, so that there is lag for as long as this takes.
    let deployment = DEPLOYMENT.replace("20/s", "1/s");
    let folder =
        folder(&[("broker.yaml", &broker_map), ("deployment.yaml", &deployment), ("scaledobject.yaml", SCALED_OBJECT)]);
    let produced = run(&["produce", "-b", &address, "--topic", "orders", "--rate", "400/s", "--duration", "1s"]);
    assert_eq!(produced.code, Some(0), "{}", produced.err);

    let mut up = Up::start(folder.path(), &["--headless"]);
    let running = record_of(folder.path(), "the scale-out", Timestamp::EPOCH, |record| record.desired_replicas == 4);
    broker.pause().unwrap();
    let gone = record_of(folder.path(), "the outage in a record", running.at, failed);
    record_of(folder.path(), "a second record of it", gone.at, failed);
    broker.resume().unwrap();
    let back = record_of(folder.path(), "the return in a record", gone.at, |record| !failed(record));

    let records = records(folder.path());
    sound(&records);
    for record in records.iter().filter(|record| record.at >= gone.at && record.at < back.at) {
        assert_eq!(record.desired_replicas, 4, "moved while nothing was known: {record:?}");
    }
    up.signal(Signal::SIGTERM);
    let (code, printed) = up.end();
    assert_eq!(code, Some(0), "{printed}");
    assert_eq!(processes_of(folder.path()), Vec::<i32>::new());
}
