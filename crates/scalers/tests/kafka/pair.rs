//! Two real brokers, one of which is lost: the partitions' leader and the group's coordinator move to the other.

use std::fs;
use std::path::Path;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::{ClientConfig, Offset, TopicPartitionList};
use tempfile::TempDir;
use tidegate_engine::Timestamp;
use tidegate_scalers::{Clients, Scaler};

use crate::broker::{alone, produce, start, tool};
use crate::offsets::{AMPLE, trigger};
use crate::ports::free_ports;

/// Longer than the controller takes to give up on a broker and to elect another leader.
const PATIENCE: Duration = Duration::from_secs(120);

struct Node {
    address: String,
    pid: u32,
    _guardian: Child,
    _folder: TempDir,
}

impl Node {
    /// Node 1 is the controller too; node 2 is a broker alone.
    fn start(id: u16, port: u16, controller: u16) -> Node {
        let folder = tempfile::tempdir().unwrap();
        let config = folder.path().join("server.properties");
        fs::write(&config, properties(folder.path(), id, port, controller)).unwrap();
        tool("kafka.tools.StorageTool", &["format", "-t", "MkU3OEVBNTcwNTJENDM2Qk", "-c", config.to_str().unwrap()]);
        let (guardian, pid) = start(folder.path(), &config);
        Node { address: format!("localhost:{port}"), pid, _guardian: guardian, _folder: folder }
    }
}

fn properties(folder: &Path, id: u16, port: u16, controller: u16) -> String {
    let (roles, listeners) = match id {
        1 => ("broker,controller", format!("PLAIN://localhost:{port},CONTROLLER://localhost:{controller}")),
        _ => ("broker", format!("PLAIN://localhost:{port}")),
    };
    format!(
        "process.roles={roles}\nnode.id={id}\ncontroller.quorum.voters=1@localhost:{controller}\nlisteners={listeners}\n\
         advertised.listeners=PLAIN://localhost:{port}\ninter.broker.listener.name=PLAIN\n\
         listener.security.protocol.map=PLAIN:PLAINTEXT,CONTROLLER:PLAINTEXT\ncontroller.listener.names=CONTROLLER\n\
         log.dirs={}/data\noffsets.topic.replication.factor=2\noffsets.topic.num.partitions=8\n\
         group.initial.rebalance.delay.ms=0\nbroker.session.timeout.ms=3000\nbroker.heartbeat.interval.ms=500\n",
        folder.display()
    )
}

/// Tries until it succeeds; a cluster that has just started, or lost a broker, refuses for a while.
fn until_done(what: &str, mut attempt: impl FnMut() -> Result<(), String>) {
    let give_up = Instant::now() + PATIENCE;
    while let Err(error) = attempt() {
        assert!(Instant::now() < give_up, "{what}: {error}");
        std::thread::sleep(Duration::from_millis(200));
    }
}

fn commit(servers: &str, group: &str, topic: &str, offsets: &[i64]) {
    let consumer: BaseConsumer =
        ClientConfig::new().set("bootstrap.servers", servers).set("group.id", group).create().unwrap();
    let mut list = TopicPartitionList::new();
    for (partition, offset) in (0..).zip(offsets) {
        list.add_partition_offset(topic, partition, Offset::Offset(*offset)).unwrap();
    }
    until_done("committing", || consumer.commit(&list, CommitMode::Sync).map_err(|error| error.to_string()));
}

async fn value_within_patience(scaler: &dyn Scaler, now: Timestamp) -> f64 {
    let give_up = Instant::now() + PATIENCE;
    loop {
        match scaler.read(now, AMPLE).await {
            Ok(reading) => return reading.value,
            Err(error) => assert!(Instant::now() < give_up, "{error}"),
        }
    }
}

#[tokio::test]
async fn a_lost_broker_moves_leader_and_coordinator_and_the_lag_stays_true() {
    // Not beside other tests: two more Java processes are enough for two cores.
    let _turn = alone().await;
    let [controller, one, two] = free_ports().unwrap();
    let (first, second) = (Node::start(1, one, controller), Node::start(2, two, controller));
    let both = format!("{},{}", first.address, second.address);
    // Partition 0 is led by the second broker, partition 1 by the first; each has a copy on the other.
    until_done("making the topic", || {
        let arguments = ["--bootstrap-server", &first.address, "--create", "--if-not-exists", "--topic", "moved"];
        let made = std::panic::catch_unwind(|| {
            tool(
                "org.apache.kafka.tools.TopicCommand",
                &[&arguments[..], &["--replica-assignment", "2:1,1:2"]].concat(),
            )
        });
        made.map(|_| ()).map_err(|_| "the second broker may not be there yet".to_owned())
    });
    produce(&both, "moved", 2, 10);
    // Eight groups, so that some have the lost broker as their coordinator, whichever partitions it leads.
    let groups: Vec<String> = (0..8).map(|number| format!("moved-{number}")).collect();
    let (clients, now) = (Clients::new(), "2026-01-01T00:00:00Z".parse().unwrap());
    let mut scalers = Vec::new();
    for group in &groups {
        commit(&both, group, "moved", &[4, 7]);
        let scaler = trigger(&both, &[("topic", "moved"), ("consumerGroup", group)], &[], &clients);
        assert_eq!(value_within_patience(&*scaler, now).await, 9.0, "{group}");
        scalers.push(scaler);
    }
    assert!(Command::new("kill").args(["-9", &second.pid.to_string()]).status().unwrap().success());
    for (group, scaler) in groups.iter().zip(&scalers) {
        assert_eq!(value_within_patience(&**scaler, now).await, 9.0, "{group} after the loss");
    }
}
