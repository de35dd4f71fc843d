//! Every decoder against Kafka's own schemas, as `kafka-protocol` encodes them, in every version that is spoken; and
//! against the same bytes broken at random, which may cost an error and nothing else.

use bytes::BytesMut;
use kafka_protocol::messages::consumer_group_describe_response as newer;
use kafka_protocol::messages::describe_groups_response::{DescribedGroup, DescribedGroupMember};
use kafka_protocol::messages::fetch_response::{AbortedTransaction, FetchableTopicResponse, PartitionData};
use kafka_protocol::messages::find_coordinator_response::Coordinator;
use kafka_protocol::messages::list_groups_response::ListedGroup;
use kafka_protocol::messages::list_offsets_response::{ListOffsetsPartitionResponse, ListOffsetsTopicResponse};
use kafka_protocol::messages::metadata_response as meta;
use kafka_protocol::messages::offset_fetch_response as fetched;
use kafka_protocol::messages::*;
use kafka_protocol::protocol::{Encodable, StrBytes};
use proptest::prelude::*;

use super::cluster::{find_coordinator, metadata};
use super::fetch::fetch;
use super::groups::{consumer_group_describe, describe_groups, list_groups};
use super::offsets::{CommittedVisitor, list_offsets, offset_fetch};
use super::session::{api_versions, sasl_authenticate, sasl_handshake};

fn text(text: &'static str) -> StrBytes {
    StrBytes::from_static_str(text)
}

fn encoded(message: &impl Encodable, version: i16) -> Vec<u8> {
    let mut bytes = BytesMut::new();
    message.encode(&mut bytes, version).unwrap_or_else(|error| panic!("version {version}: {error}"));
    bytes.to_vec()
}

fn a_metadata(version: i16) -> Vec<u8> {
    let partition = meta::MetadataResponsePartition::default()
        .with_partition_index(3)
        .with_leader_id(BrokerId(7))
        .with_replica_nodes(vec![BrokerId(7), BrokerId(8)])
        .with_isr_nodes(vec![BrokerId(7)]);
    let topic = meta::MetadataResponseTopic::default()
        .with_name(Some(TopicName(text("orders"))))
        .with_partitions(vec![partition.clone(), partition.with_leader_id(BrokerId(-1))]);
    let broker = meta::MetadataResponseBroker::default().with_node_id(BrokerId(7)).with_host(text("b")).with_port(9092);
    let response = MetadataResponse::default().with_brokers(vec![broker]).with_topics(vec![topic.clone(), topic]);
    encoded(&response, version)
}

fn an_offset_fetch(version: i16) -> Vec<u8> {
    if version < 8 {
        let partition =
            fetched::OffsetFetchResponsePartition::default().with_partition_index(2).with_committed_offset(41);
        let topic = fetched::OffsetFetchResponseTopic::default().with_name(TopicName(text("orders")));
        let topic = topic.with_partitions(vec![partition.clone(), partition.with_error_code(29)]);
        return encoded(&OffsetFetchResponse::default().with_topics(vec![topic]), version);
    }
    let partition = fetched::OffsetFetchResponsePartitions::default().with_partition_index(2).with_committed_offset(41);
    let topic = fetched::OffsetFetchResponseTopics::default().with_name(TopicName(text("orders")));
    let topic = topic.with_partitions(vec![partition.clone(), partition.with_error_code(29)]);
    let group = fetched::OffsetFetchResponseGroup::default().with_group_id(GroupId(text("g"))).with_topics(vec![topic]);
    encoded(&OffsetFetchResponse::default().with_groups(vec![group.clone(), group.with_error_code(16)]), version)
}

fn a_list_offsets(version: i16) -> Vec<u8> {
    let partition = ListOffsetsPartitionResponse::default().with_partition_index(5).with_offset(99);
    let topic = ListOffsetsTopicResponse::default().with_name(TopicName(text("orders")));
    let topic = topic.with_partitions(vec![partition.clone(), partition.with_error_code(6)]);
    encoded(&ListOffsetsResponse::default().with_topics(vec![topic.clone(), topic]), version)
}

fn a_find_coordinator(version: i16) -> Vec<u8> {
    let response = if version < 4 {
        FindCoordinatorResponse::default().with_host(text("b")).with_port(9092)
    } else {
        let one = Coordinator::default().with_key(text("g")).with_host(text("b")).with_port(9092);
        FindCoordinatorResponse::default().with_coordinators(vec![one.clone(), one])
    };
    encoded(&response, version)
}

fn a_describe_groups(version: i16) -> Vec<u8> {
    let member = DescribedGroupMember::default().with_member_id(text("m")).with_member_assignment(vec![1, 2, 3].into());
    let group = DescribedGroup::default().with_group_id(GroupId(text("g"))).with_group_state(text("Stable"));
    let group = group.with_members(vec![member.clone(), member]);
    encoded(&DescribeGroupsResponse::default().with_groups(vec![group.clone(), group]), version)
}

fn a_consumer_group_describe(version: i16) -> Vec<u8> {
    let partitions =
        newer::TopicPartitions::default().with_topic_name(TopicName(text("orders"))).with_partitions(vec![1, 2]);
    let assignment = newer::Assignment::default().with_topic_partitions(vec![partitions]);
    let member = newer::Member::default()
        .with_member_id(text("m"))
        .with_subscribed_topic_names(vec![TopicName(text("orders"))])
        .with_assignment(assignment.clone())
        .with_target_assignment(assignment);
    let group = newer::DescribedGroup::default().with_group_id(GroupId(text("g"))).with_group_state(text("Stable"));
    let group = group.with_members(vec![member.clone(), member]);
    encoded(&ConsumerGroupDescribeResponse::default().with_groups(vec![group.clone(), group]), version)
}

fn a_list_groups(version: i16) -> Vec<u8> {
    let mut group = ListedGroup::default().with_group_id(GroupId(text("g"))).with_protocol_type(text("consumer"));
    if version >= 5 {
        group = group.with_group_type(text("classic"));
    }
    encoded(&ListGroupsResponse::default().with_groups(vec![group.clone(), group]), version)
}

fn a_fetch(version: i16) -> Vec<u8> {
    let aborted = AbortedTransaction::default().with_producer_id(ProducerId(5)).with_first_offset(10);
    let partition = PartitionData::default()
        .with_partition_index(4)
        .with_aborted_transactions(Some(vec![aborted]))
        .with_records(Some(batches().into()));
    let topic =
        FetchableTopicResponse::default().with_topic(TopicName(text("orders"))).with_partitions(vec![partition]);
    encoded(&FetchResponse::default().with_responses(vec![topic]), version)
}

/// A record batch's header with what follows it: base offset, attributes, records, producer.
fn batch(base: i64, attributes: i16, count: i32, producer: i64, records: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    bytes.extend(base.to_be_bytes());
    bytes.extend(i32::try_from(49 + records.len()).unwrap().to_be_bytes());
    bytes.extend([0, 0, 0, 0, 2, 0, 0, 0, 0]);
    bytes.extend(attributes.to_be_bytes());
    bytes.extend((count - 1).to_be_bytes());
    bytes.extend([0; 16]);
    bytes.extend(producer.to_be_bytes());
    bytes.extend([0; 6]);
    bytes.extend(count.to_be_bytes());
    bytes.extend(records);
    bytes
}

/// Records of an aborted transaction, of a committed one between them, both markers, and records of no transaction.
fn batches() -> Vec<u8> {
    let abort = [16, 0, 0, 0, 8, 0, 0, 0, 0, 0];
    let commit = [16, 0, 0, 0, 8, 0, 0, 0, 1, 0];
    [
        batch(10, 0x10, 3, 5, &[]),
        batch(13, 0x10, 2, 6, &[]),
        batch(15, 0x30, 1, 5, &abort),
        batch(16, 0x30, 1, 6, &commit),
        batch(17, 0x10, 2, 5, &[]),
        batch(19, 0, 4, -1, &[]),
    ]
    .concat()
}

#[derive(Default)]
struct Told(Vec<String>);

impl CommittedVisitor for Told {
    fn group(&mut self, group: &str) {
        self.0.push(format!("group {group}"));
    }
    fn topic(&mut self, topic: &str) {
        self.0.push(format!("topic {topic}"));
    }
    fn partition(&mut self, partition: i32, committed: i64, error: i16) {
        self.0.push(format!("{partition} {committed} {error}"));
    }
    fn group_error(&mut self, error: i16) {
        self.0.push(format!("error {error}"));
    }
}

#[test]
fn clusters_in_every_version() {
    for version in 4..=12 {
        let (brokers, topics) = metadata(&a_metadata(version), version).unwrap();
        assert_eq!((brokers.len(), brokers[0].id, &*brokers[0].host, brokers[0].port), (1, 7, "b", 9092));
        assert_eq!((topics.len(), &*topics[1].name), (2, "orders"), "version {version}");
        let partitions: Vec<_> = topics[1].partitions.iter().map(|one| (one.partition, one.leader)).collect();
        assert_eq!(partitions, [(3, 7), (3, -1)], "version {version}");
    }
    for version in 0..=4 {
        let found = find_coordinator(&a_find_coordinator(version), version).unwrap();
        assert_eq!(found.len(), if version < 4 { 1 } else { 2 });
        assert_eq!((&*found[0].host, found[0].port, found[0].error), ("b", 9092, 0), "version {version}");
    }
}

#[test]
fn offsets_in_every_version() {
    for version in 2..=8 {
        let mut told = Told::default();
        offset_fetch(&an_offset_fetch(version), version, &mut told).unwrap();
        let one = ["topic orders", "2 41 0", "2 41 29"];
        let expected = if version < 8 {
            [&["group "][..], &one, &["error 0"]].concat()
        } else {
            [&["group g"][..], &one, &["error 0", "group g"], &one, &["error 16"]].concat()
        };
        assert_eq!(told.0, expected, "version {version}");
    }
    for version in 1..=7 {
        let mut told = Vec::new();
        list_offsets(&a_list_offsets(version), version, &mut |topic, partition, offset, error| {
            told.push((topic.to_owned(), partition, offset, error));
        })
        .unwrap();
        assert_eq!(told.len(), 4, "version {version}");
        assert_eq!((told[2].clone(), told[3].3), (("orders".to_owned(), 5, 99, 0), 6), "version {version}");
    }
}

#[test]
fn groups_in_every_version() {
    for version in 0..=5 {
        let found = describe_groups(&a_describe_groups(version), version).unwrap();
        assert_eq!((found.len(), &*found[1].group, &*found[1].state, found[1].members), (2, "g", "Stable", 2));
        let (error, listed) = list_groups(&a_list_groups(version), version).unwrap();
        assert_eq!((error, listed.len(), &*listed[1].protocol_type), (0, 2, "consumer"), "version {version}");
    }
    for version in 0..=1 {
        let found = consumer_group_describe(&a_consumer_group_describe(version), version).unwrap();
        assert_eq!((found.len(), &*found[1].group, &*found[1].state, found[1].members), (2, "g", "Stable", 2));
    }
}

#[test]
fn tails_in_every_version() {
    for version in 4..=12 {
        let mut found = Vec::new();
        fetch(&a_fetch(version), version, &mut |topic, fetched| found.push((topic.to_owned(), fetched))).unwrap();
        let (topic, fetched) = &found[0];
        assert_eq!((topic.as_str(), fetched.partition, fetched.error), ("orders", 4, 0), "version {version}");
        let counts: Vec<_> = fetched.stretches.iter().map(|one| (one.base, one.next, one.visible)).collect();
        let expected = [(10, 13, 0), (13, 15, 2), (15, 16, 0), (16, 17, 0), (17, 19, 2), (19, 23, 4)];
        assert_eq!(counts, expected, "version {version}");
        assert!(fetched.stretches[..5].iter().all(|one| one.transactional) && !fetched.stretches[5].transactional);
    }
}

/// All decoders on the same bytes, each in all its versions.
fn decode_all(bytes: &[u8]) {
    let _ = (api_versions(bytes), sasl_handshake(bytes));
    for version in 0..=12 {
        let _ = (sasl_authenticate(bytes, version), metadata(bytes, version), find_coordinator(bytes, version));
        let _ = (describe_groups(bytes, version), consumer_group_describe(bytes, version), list_groups(bytes, version));
        let _ = offset_fetch(bytes, version, &mut Told::default());
        let _ = list_offsets(bytes, version, &mut |_, _, _, _| {});
        let _ = fetch(bytes, version, &mut |_, _| {});
    }
}

proptest! {
    #[test]
    fn broken_replies_never_panic(
        which in 0_usize..8, version in 0_i16..=12, cut in 0_usize..400,
        changes in proptest::collection::vec((0_usize..400, any::<u8>()), 0..6)
    ) {
        let mut bytes = match which {
            0 => a_metadata(version.clamp(4, 12)),
            1 => an_offset_fetch(version.clamp(2, 8)),
            2 => a_list_offsets(version.clamp(1, 7)),
            3 => a_find_coordinator(version.clamp(0, 4)),
            4 => a_describe_groups(version.clamp(0, 5)),
            5 => a_consumer_group_describe(version.clamp(0, 1)),
            6 => a_list_groups(version.clamp(0, 5)),
            _ => a_fetch(version.clamp(4, 12)),
        };
        for (place, value) in changes {
            let length = bytes.len();
            bytes[place % length] = value;
        }
        bytes.truncate(bytes.len().max(1) - cut.min(bytes.len().max(1) - 1) / 2);
        decode_all(&bytes);
    }

    #[test]
    fn noise_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        decode_all(&bytes);
    }
}
