//! A listener in front of one broker that passes on what is said, and counts it. It stays in between: where the broker
//! gives an address, it gives its own.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use bytes::{Buf, BufMut, Bytes, BytesMut};
use kafka_protocol::messages::{
    ApiKey, FindCoordinatorResponse, MetadataRequest, MetadataResponse, RequestHeader, ResponseHeader,
};
use kafka_protocol::protocol::{Decodable, Encodable, HeaderVersion};

use crate::raw::name;

/// What went through since it was last looked at.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    pub connections: usize,
    /// By Kafka's number for the kind of request.
    pub requests: BTreeMap<i16, usize>,
    /// Topics that were asked for by name. All at once are `*`.
    pub asked: BTreeSet<String>,
    /// Topics that the broker told of.
    pub told: BTreeSet<String>,
    /// Whether some question would have had a topic made.
    pub would_create: bool,
}

impl Seen {
    pub fn total(&self) -> usize {
        self.requests.values().sum()
    }
}

pub struct Tap {
    pub address: String,
    port: u16,
    seen: Mutex<Seen>,
}

impl Tap {
    /// Listens until the process ends.
    pub fn before(broker: &str) -> Arc<Tap> {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let tap = Arc::new(Tap { address: format!("127.0.0.1:{port}"), port, seen: Mutex::default() });
        let (broker, own) = (broker.to_owned(), Arc::clone(&tap));
        std::thread::spawn(move || {
            for client in listener.incoming() {
                let (broker, tap) = (TcpStream::connect(&broker).unwrap(), Arc::clone(&own));
                tap.seen.lock().unwrap().connections += 1;
                let client = client.unwrap();
                // Small answers in a row would each wait for the other side's late acknowledgement.
                client.set_nodelay(true).unwrap();
                broker.set_nodelay(true).unwrap();
                std::thread::spawn(move || while tap.pass_on(&client, &broker).is_some() {});
            }
        });
        tap
    }

    pub fn take(&self) -> Seen {
        std::mem::take(&mut self.seen.lock().unwrap())
    }

    /// One question and its answer; `None` when either side is gone.
    fn pass_on(&self, client: &TcpStream, broker: &TcpStream) -> Option<()> {
        let question = frame(client)?;
        let (key, version) = ((&question[..2]).get_i16(), (&question[2..4]).get_i16());
        self.note(key, version, question.clone());
        send(broker, &question)?;
        send(client, &self.in_between(key, version, frame(broker)?))
    }

    fn note(&self, key: i16, version: i16, mut question: Bytes) {
        let mut seen = self.seen.lock().unwrap();
        *seen.requests.entry(key).or_default() += 1;
        if key == ApiKey::Metadata as i16 {
            RequestHeader::decode(&mut question, MetadataRequest::header_version(version)).unwrap();
            let request = MetadataRequest::decode(&mut question, version).unwrap();
            seen.would_create |= request.allow_auto_topic_creation;
            match request.topics {
                None => drop(seen.asked.insert("*".to_owned())),
                Some(topics) => seen.asked.extend(topics.into_iter().map(|topic| topic.name.unwrap().to_string())),
            }
        }
    }

    fn in_between(&self, key: i16, version: i16, answer: Bytes) -> Bytes {
        if key == ApiKey::Metadata as i16 {
            return changed(answer, version, |answer: &mut MetadataResponse| {
                for broker in &mut answer.brokers {
                    (broker.host, broker.port) = (name("127.0.0.1"), i32::from(self.port));
                }
                let told = answer.topics.iter().map(|topic| topic.name.clone().unwrap().to_string());
                self.seen.lock().unwrap().told.extend(told);
            });
        }
        if key == ApiKey::FindCoordinator as i16 {
            return changed(answer, version, |answer: &mut FindCoordinatorResponse| {
                (answer.host, answer.port) = (name("127.0.0.1"), i32::from(self.port));
                for coordinator in &mut answer.coordinators {
                    (coordinator.host, coordinator.port) = (name("127.0.0.1"), i32::from(self.port));
                }
            });
        }
        answer
    }
}

fn changed<R: Decodable + Encodable + HeaderVersion>(
    mut answer: Bytes,
    version: i16,
    change: impl Fn(&mut R),
) -> Bytes {
    let header = ResponseHeader::decode(&mut answer, R::header_version(version)).unwrap();
    let mut body = R::decode(&mut answer, version).unwrap();
    change(&mut body);
    let mut frame = BytesMut::new();
    header.encode(&mut frame, R::header_version(version)).unwrap();
    body.encode(&mut frame, version).unwrap();
    frame.freeze()
}

fn frame(mut from: &TcpStream) -> Option<Bytes> {
    let mut length = [0; 4];
    from.read_exact(&mut length).ok()?;
    let mut frame = vec![0; u32::from_be_bytes(length) as usize];
    from.read_exact(&mut frame).ok()?;
    Some(frame.into())
}

fn send(mut to: &TcpStream, frame: &[u8]) -> Option<()> {
    let mut whole = BytesMut::with_capacity(frame.len() + 4);
    whole.put_u32(u32::try_from(frame.len()).unwrap());
    whole.put_slice(frame);
    to.write_all(&whole).ok()
}
