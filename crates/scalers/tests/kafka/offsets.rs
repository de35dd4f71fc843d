//! Lag for every kind of committed offset, against Kafka's own consumer-groups tool.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tidegate_engine::{ReadError, ReadErrorKind, Reading};
use tidegate_scalers::kafka::{ConnectionSettings, GroupLag, LagQuery, LagReader};
use tidegate_scalers::{Clients, Scaler, Secret, TriggerInput, catalog};

use crate::broker::{Broker, shared, tool};

pub const AMPLE: Duration = Duration::from_secs(60);

/// A trigger connected to `clients`.
pub fn trigger(servers: &str, metadata: &[(&str, &str)], auth: &[(&str, &str)], clients: &Clients) -> Arc<dyn Scaler> {
    let mut input = TriggerInput { kind: "kafka".to_owned(), ..TriggerInput::default() };
    input.metadata.insert("bootstrapServers".to_owned(), servers.to_owned());
    input.metadata.extend(metadata.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
    input.auth = auth.iter().map(|(name, value)| ((*name).to_owned(), Secret::new(*value))).collect();
    catalog::check(&input).unwrap_or_else(|problems| panic!("{problems:?}")).connect(clients)
}

/// One read of a trigger without credentials.
pub async fn read(servers: &str, metadata: &[(&str, &str)]) -> Result<Reading, ReadError> {
    let now = "2026-01-01T00:00:00Z".parse().unwrap();
    trigger(servers, metadata, &[], &Clients::new()).read(now, AMPLE).await
}

/// What the reader says of some groups.
pub async fn report(servers: &str, groups: &[&str], topics: Option<&[&str]>) -> Vec<GroupLag> {
    let reader = LagReader::new(ConnectionSettings::plain(servers).unwrap());
    let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    let query = LagQuery { groups: Some(owned(groups)), topics: topics.map(owned) };
    reader.read(&query, AMPLE).await.unwrap().groups
}

/// Case, records, the log's start, committed offset; lag by `earliest`, and by `latest`.
type Row = (&'static str, i64, i64, Option<i64>, f64, f64);

const TABLE: &[Row] = &[
    ("usual", 100, 0, Some(40), 60.0, 60.0),
    ("caught-up", 100, 0, Some(100), 0.0, 0.0),
    ("at-start", 100, 0, Some(0), 100.0, 100.0),
    ("no-commit", 100, 30, None, 70.0, 1.0),
    ("minus-one", 100, 30, Some(-1), 70.0, 1.0),
    ("expired", 100, 30, Some(10), 70.0, 70.0),
    ("truncated", 100, 100, Some(40), 0.0, 0.0),
    ("ahead", 100, 30, Some(500), 70.0, 1.0),
    ("empty", 0, 0, None, 0.0, 1.0),
];

fn prepare(broker: &Broker) {
    let mut raw = broker.raw();
    for (case, records, start, committed, ..) in TABLE {
        let topic = format!("table-{case}");
        raw.create_topic(&topic, 1);
        broker.produce(&topic, 1, usize::try_from(*records).unwrap());
        if *start > 0 {
            raw.delete_records(&topic, *start);
        }
        if let Some(committed) = committed {
            raw.commit(&topic, &topic, &[*committed]);
        }
    }
}

/// The rows that a tool prints below a header with these columns, by group.
fn rows(printed: &str, columns: &[&str]) -> BTreeMap<String, Vec<String>> {
    let mut found = BTreeMap::new();
    let mut places: Vec<usize> = Vec::new();
    for line in printed.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        if words.first() == Some(&"GROUP") {
            places = columns.iter().map(|column| words.iter().position(|word| word == column).unwrap()).collect();
        } else if words.len() > 3 && !places.is_empty() {
            found.insert(words[0].to_owned(), places.iter().map(|place| words[*place].to_owned()).collect());
        }
    }
    found
}

/// PAIN-10
#[tokio::test]
async fn the_table_equals_kafkas_own_tool() {
    let (broker, _turn) = shared().await;
    prepare(broker);
    // First ours: nothing moves meanwhile.
    for (case, _, _, _, earliest, latest) in TABLE {
        let topic = format!("table-{case}");
        for (policy, expected) in [("earliest", earliest), ("latest", latest)] {
            let metadata = [("topic", topic.as_str()), ("consumerGroup", &topic), ("offsetResetPolicy", policy)];
            let reading = read(&broker.plain, &metadata).await.unwrap();
            assert_eq!(reading.value, *expected, "{case}, {policy}: {:?}", reading.figures);
        }
    }
    // As it is: every group with a usable offset has the lag that the tool prints.
    let command = "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand";
    let groups: Vec<String> =
        TABLE.iter().filter(|row| row.3.is_some_and(|at| at >= 0)).map(|row| format!("table-{}", row.0)).collect();
    let mut arguments = vec!["--bootstrap-server", &broker.plain];
    for group in &groups {
        arguments.extend(["--group", group]);
    }
    let described =
        rows(&tool(command, &[&arguments[..], &["--describe"]].concat()), &["CURRENT-OFFSET", "LOG-END-OFFSET", "LAG"]);
    assert_eq!(described.len(), groups.len());
    for group in ["table-usual", "table-caught-up", "table-at-start"] {
        let reading = read(&broker.plain, &[("topic", group), ("consumerGroup", group)]).await.unwrap();
        assert_eq!(reading.value.to_string(), described[group][2], "{group}");
    }
    // Where an offset lies outside of the log, the tool says where a consumer would be put: at the log's start if it has
    // expired, at its end if it is ahead.
    arguments.extend(["--reset-offsets", "--shift-by", "0", "--all-topics", "--dry-run"]);
    let put = rows(&tool(command, &arguments), &["NEW-OFFSET"]);
    let names: Vec<&str> = groups.iter().map(String::as_str).collect();
    let ours = report(&broker.plain, &names, None).await;
    assert_eq!(put.len(), ours.len(), "{put:?}");
    for group in ours {
        let (partition, new) = (&group.partitions[0], put[&*group.group][0].parse::<i64>().unwrap());
        assert_eq!(partition.lag, Some(partition.end - new), "{}: {partition:?}", group.group);
        assert_eq!(partition.end.to_string(), described[&*group.group][1], "{}", group.group);
        assert_eq!(group.state.as_deref(), Some("Empty"));
    }
}

#[tokio::test]
async fn notes_say_how_a_number_came_about() {
    let (broker, _turn) = shared().await;
    let mut raw = broker.raw();
    raw.create_topic("notes", 3);
    broker.produce("notes", 3, 10);
    raw.commit("notes", "notes", &[4, 99]);
    let reading = read(&broker.plain, &[("topic", "notes"), ("consumerGroup", "notes")]).await.unwrap();
    assert_eq!(reading.value, 6.0 + 1.0 + 1.0);
    assert_eq!(reading.parallelism, Some(3));
    let figures = reading.figures.unwrap();
    assert_eq!(figures.produced_total, Some(30));
    assert_eq!(figures.partitions.len(), 3);
    assert_eq!(figures.partitions[1].committed_offset, Some(99));
    let notes = figures.notes.join("\n");
    assert!(notes.contains("no committed offset, counted as 1") && notes.contains("notes/2"), "{notes}");
    assert!(notes.contains("beyond the log's end") && notes.contains("notes/1"), "{notes}");
    let allowed = [("topic", "notes"), ("consumerGroup", "notes"), ("allowIdleConsumers", "true")];
    assert_eq!(read(&broker.plain, &allowed).await.unwrap().parallelism, None);
    let with_lag = [
        ("topic", "notes"),
        ("consumerGroup", "notes"),
        ("limitToPartitionsWithLag", "true"),
        ("partitionLimitation", "0"),
    ];
    let reading = read(&broker.plain, &with_lag).await.unwrap();
    assert_eq!((reading.value, reading.parallelism), (6.0, Some(1)));
}

#[tokio::test]
async fn without_a_topic_the_committed_ones_are_read_and_nothing_known_is_an_error() {
    let (broker, _turn) = shared().await;
    let mut raw = broker.raw();
    for topic in ["several-a", "several-b", "several-c"] {
        raw.create_topic(topic, 2);
        broker.produce(topic, 2, 10);
    }
    raw.commit("several", "several-a", &[10, 3]);
    raw.commit("several", "several-b", &[8, 8]);
    let reading = read(&broker.plain, &[("consumerGroup", "several")]).await.unwrap();
    assert_eq!((reading.value, reading.parallelism), (11.0, Some(4)), "the third topic is not the group's");
    let error = read(&broker.plain, &[("consumerGroup", "nobody-knows")]).await.unwrap_err();
    assert_eq!(error.kind, ReadErrorKind::NotFound);
    assert!(error.message.contains("committed no offsets"), "{error}");
}

#[tokio::test]
async fn a_missing_topic_is_an_error_and_is_not_made() {
    let (broker, _turn) = shared().await;
    for _ in 0..2 {
        let error = read(&broker.plain, &[("topic", "not-there"), ("consumerGroup", "g")]).await.unwrap_err();
        assert_eq!(error.kind, ReadErrorKind::NotFound, "{error}");
        assert!(error.message.contains("not-there") && error.message.contains(&broker.plain), "{error}");
    }
    broker.raw().create_topic("not-there", 1);
}
