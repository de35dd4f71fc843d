//! A few administrative requests to a plain listener, one after the other.

use std::io::{Read, Write};
use std::net::TcpStream;

use bytes::{BufMut, Bytes, BytesMut};
use kafka_protocol::messages::create_topics_request::CreatableTopic;
use kafka_protocol::messages::delete_records_request::{DeleteRecordsPartition, DeleteRecordsTopic};
use kafka_protocol::messages::delete_topics_request::DeleteTopicState;
use kafka_protocol::messages::offset_commit_request::{OffsetCommitRequestPartition, OffsetCommitRequestTopic};
use kafka_protocol::messages::{
    CreateTopicsRequest, DeleteRecordsRequest, DeleteTopicsRequest, FindCoordinatorRequest, GroupId,
    OffsetCommitRequest, OffsetFetchRequest, RequestHeader, TopicName,
};
use kafka_protocol::protocol::{Decodable, Encodable, HeaderVersion, Request, StrBytes};

/// An open connection.
pub struct Raw(TcpStream);

pub fn name(text: &str) -> StrBytes {
    StrBytes::from_string(text.to_owned())
}

impl Raw {
    pub fn connect(address: &str) -> Raw {
        Raw(TcpStream::connect(address).unwrap())
    }

    pub fn ask<R: Request>(&mut self, version: i16, request: &R) -> R::Response {
        let mut frame = BytesMut::new();
        frame.put_i32(0);
        let header = RequestHeader::default().with_request_api_key(R::KEY).with_request_api_version(version);
        header.with_correlation_id(7).encode(&mut frame, R::header_version(version)).unwrap();
        request.encode(&mut frame, version).unwrap();
        let length = u32::try_from(frame.len() - 4).unwrap();
        frame[..4].copy_from_slice(&length.to_be_bytes());
        self.0.write_all(&frame).unwrap();
        let mut length = [0; 4];
        self.0.read_exact(&mut length).unwrap();
        let mut reply = vec![0; u32::from_be_bytes(length) as usize];
        self.0.read_exact(&mut reply).unwrap();
        let flexible = <R::Response as HeaderVersion>::header_version(version) >= 1;
        let mut reply = Bytes::from(reply).slice(if flexible { 5 } else { 4 }..);
        R::Response::decode(&mut reply, version).unwrap()
    }

    /// Makes a topic, on one broker. Right after a topic of this name was deleted this may take a few attempts.
    pub fn create_topic(&mut self, topic: &str, partitions: i32) {
        let wanted = CreatableTopic::default().with_name(TopicName(name(topic)));
        let wanted = wanted.with_num_partitions(partitions).with_replication_factor(1);
        let request = CreateTopicsRequest::default().with_topics(vec![wanted]).with_timeout_ms(10_000);
        let reply = self.ask(5, &request);
        assert_eq!(reply.topics[0].error_code, 0, "creating {topic}: {:?}", reply.topics[0].error_message);
    }

    pub fn delete_topic(&mut self, topic: &str) {
        let names = vec![DeleteTopicState::default().with_name(Some(TopicName(name(topic))))];
        let reply = self.ask(6, &DeleteTopicsRequest::default().with_topics(names).with_timeout_ms(10_000));
        assert_eq!(reply.responses[0].error_code, 0, "deleting {topic}");
    }

    /// Deletes all records before an offset.
    pub fn delete_records(&mut self, topic: &str, before: i64) {
        let partition = DeleteRecordsPartition::default().with_partition_index(0).with_offset(before);
        let topic = DeleteRecordsTopic::default().with_name(TopicName(name(topic))).with_partitions(vec![partition]);
        let reply = self.ask(2, &DeleteRecordsRequest::default().with_topics(vec![topic]).with_timeout_ms(10_000));
        assert_eq!(reply.topics[0].partitions[0].error_code, 0);
    }

    /// Commits offsets as a tool does, without being a member.
    pub fn commit(&mut self, group: &str, topic: &str, offsets: &[i64]) {
        let partitions = offsets.iter().zip(0..).map(|(offset, partition)| {
            OffsetCommitRequestPartition::default().with_partition_index(partition).with_committed_offset(*offset)
        });
        let topic = OffsetCommitRequestTopic::default().with_name(TopicName(name(topic)));
        let request = OffsetCommitRequest::default()
            .with_group_id(GroupId(name(group)))
            .with_generation_id_or_member_epoch(-1)
            .with_retention_time_ms(-1)
            .with_topics(vec![topic.with_partitions(partitions.collect())]);
        let reply = self.ask(7, &request);
        for partition in &reply.topics[0].partitions {
            assert_eq!(partition.error_code, 0, "committing for {group}");
        }
    }

    /// Whether the broker coordinates groups by now; the first question has it begin to.
    pub fn coordinates(&mut self) -> bool {
        let asked = self.ask(1, &FindCoordinatorRequest::default().with_key(name("any")));
        if asked.error_code != 0 {
            return false;
        }
        let group = GroupId(name("any"));
        let request = OffsetFetchRequest::default().with_group_id(group).with_topics(None);
        self.ask(2, &request).error_code == 0
    }
}
