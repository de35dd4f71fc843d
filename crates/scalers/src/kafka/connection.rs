//! One connection to one broker: requests go out as they come, replies find their requests by correlation id.
//!
//! Many requests may be under way at once. Two tasks own the socket's halves, so a caller that gives up in the middle
//! never leaves half a request on the wire.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::{BufMut, Bytes, BytesMut};
use kafka_protocol::messages::RequestHeader;
use kafka_protocol::protocol::{Encodable, Request, StrBytes};
use tidegate_engine::ReadErrorKind;
use tokio::io::{AsyncReadExt, AsyncWriteExt, ReadHalf, WriteHalf};
use tokio::sync::{mpsc, oneshot};
use tokio::task::AbortHandle;
use tokio::time::Instant;

use crate::kafka::address::BrokerAddress;
use crate::kafka::fault::{Fault, Step};
use crate::kafka::stream::Stream;
use crate::kafka::versions::{Api, Versions};

/// Replies above this are refused: no answer to our questions is this large.
const MAX_REPLY_BYTES: usize = 64 << 20;

type Answer = Result<Bytes, Fault>;
type Waiting = Arc<Mutex<HashMap<i32, oneshot::Sender<Answer>>>>;

/// An open connection. Closed when dropped.
#[derive(Debug)]
pub(crate) struct Connection {
    address: Arc<str>,
    versions: Versions,
    outgoing: mpsc::UnboundedSender<Bytes>,
    waiting: Waiting,
    next_id: AtomicI32,
    broken: Arc<AtomicBool>,
    requests: Arc<AtomicU64>,
    tasks: [AbortHandle; 2],
    /// When a session that the broker limits has to be renewed.
    retire_at: Option<Instant>,
}

impl Connection {
    /// Starts the tasks that own the stream.
    pub(crate) fn new(address: &BrokerAddress, stream: Box<dyn Stream>, requests: Arc<AtomicU64>) -> Self {
        let address: Arc<str> = address.to_string().into();
        let waiting = Waiting::default();
        let broken = Arc::new(AtomicBool::new(false));
        let (outgoing, queue) = mpsc::unbounded_channel();
        let (read, write) = tokio::io::split(stream);
        let ends = Ends { address: Arc::clone(&address), waiting: Arc::clone(&waiting), broken: Arc::clone(&broken) };
        let reader = tokio::spawn(ends.clone().receive(read)).abort_handle();
        let writer = tokio::spawn(ends.send(write, queue)).abort_handle();
        Connection {
            address,
            versions: Versions::default(),
            outgoing,
            waiting,
            next_id: AtomicI32::new(1),
            broken,
            requests,
            tasks: [reader, writer],
            retire_at: None,
        }
    }

    pub(crate) fn with_versions(mut self, versions: Versions) -> Self {
        self.versions = versions;
        self
    }

    /// Replaced by a new connection after `lifetime`.
    pub(crate) fn with_lifetime(mut self, lifetime: Option<Duration>) -> Self {
        self.retire_at = lifetime.map(|lifetime| Instant::now() + lifetime);
        self
    }

    pub(crate) fn address(&self) -> &Arc<str> {
        &self.address
    }

    /// Whether requests may still be sent over it.
    pub(crate) fn usable(&self) -> bool {
        !self.broken.load(Ordering::Acquire) && self.retire_at.is_none_or(|at| Instant::now() < at)
    }

    /// The version in which a request can be sent; an error that says so when there is none.
    pub(crate) fn version(&self, api: Api) -> Result<i16, Fault> {
        self.versions.common(api).ok_or_else(|| {
            let cause = format!("the broker and Tidegate have no version in common (ours: {} to {})", api.min, api.max);
            Fault::new(ReadErrorKind::Refused, &self.address, Step::Request(api.name), cause)
                .hint("brokers from Kafka 1.0 on are supported")
        })
    }

    /// Whether the broker understands a kind of request at all.
    pub(crate) fn knows(&self, api: Api) -> bool {
        self.versions.common(api).is_some()
    }

    /// Sends a request and waits for its reply until `deadline`; gives the reply's body.
    pub(crate) async fn ask<R: Request>(&self, api: Api, request: &R, deadline: Instant) -> Answer {
        let version = self.version(api)?;
        let step = Step::Request(api.name);
        let id = self.next_id.fetch_add(1, Ordering::Relaxed);
        let frame = frame(api, version, id, request)
            .map_err(|cause| Fault::new(ReadErrorKind::Internal, &self.address, step, cause))?;
        let (sender, receiver) = oneshot::channel();
        self.lock().insert(id, sender);
        let _forget = Forget { waiting: &self.waiting, id };
        self.requests.fetch_add(1, Ordering::Relaxed);
        if self.broken.load(Ordering::Acquire) || self.outgoing.send(frame).is_err() {
            return Err(closed(&self.address, "the connection was closed").at(step));
        }
        match tokio::time::timeout_at(deadline, receiver).await {
            Ok(Ok(Ok(reply))) => body::<R>(reply, version)
                .ok_or_else(|| Fault::new(ReadErrorKind::Invalid, &self.address, step, "the reply ends early")),
            Ok(Ok(Err(fault))) => Err(fault.at(step)),
            Ok(Err(_)) => Err(closed(&self.address, "the connection was closed").at(step)),
            Err(_) => {
                // Whoever does not answer in time is not asked again over this connection.
                self.broken.store(true, Ordering::Release);
                Err(Fault::late(&self.address, step))
            }
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<i32, oneshot::Sender<Answer>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

/// Removes a request that nobody waits for any more.
struct Forget<'a> {
    waiting: &'a Waiting,
    id: i32,
}

impl Drop for Forget<'_> {
    fn drop(&mut self) {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.id);
    }
}

/// Length, header and body of a request.
fn frame<R: Request>(api: Api, version: i16, id: i32, request: &R) -> Result<Bytes, String> {
    let header = RequestHeader::default()
        .with_request_api_key(api.key)
        .with_request_api_version(version)
        .with_correlation_id(id)
        .with_client_id(Some(StrBytes::from_static_str("tidegate")));
    let mut frame = BytesMut::with_capacity(256);
    frame.put_i32(0);
    header.encode(&mut frame, R::header_version(version)).map_err(|error| error.to_string())?;
    request.encode(&mut frame, version).map_err(|error| error.to_string())?;
    let length = i32::try_from(frame.len() - 4).map_err(|_| "the request is too large".to_owned())?;
    frame[..4].copy_from_slice(&length.to_be_bytes());
    Ok(frame.freeze())
}

/// The reply without its header: correlation id, and tagged fields in flexible versions.
fn body<R: Request>(reply: Bytes, version: i16) -> Option<Bytes> {
    use kafka_protocol::protocol::HeaderVersion;
    let flexible = <R::Response as HeaderVersion>::header_version(version) >= 1;
    let mut wire = crate::kafka::wire::Wire::new(&reply, flexible);
    wire.i32().ok()?;
    wire.tags().ok()?;
    let skipped = reply.len() - wire.remaining();
    Some(reply.slice(skipped..))
}

fn closed(address: &str, cause: impl Into<Arc<str>>) -> Fault {
    Fault::new(ReadErrorKind::Unreachable, address, Step::Connect, cause)
        .hint("if this happens each time, the listener may want SASL (parameter sasl) or TLS (parameter tls)")
        .passing()
}

impl Fault {
    /// Names the request that a broken connection cost. A failed handshake stays one: with TLS 1.3 a broker refuses a
    /// client's certificate only after we consider the handshake done.
    fn at(mut self, step: Step) -> Self {
        if self.step == Step::Connect {
            self.step = step;
        }
        self
    }
}

/// What both tasks need.
#[derive(Clone)]
struct Ends {
    address: Arc<str>,
    waiting: Waiting,
    broken: Arc<AtomicBool>,
}

impl Ends {
    async fn send(self, mut write: WriteHalf<Box<dyn Stream>>, mut queue: mpsc::UnboundedReceiver<Bytes>) {
        while let Some(frame) = queue.recv().await {
            let sent = async {
                write.write_all(&frame).await?;
                write.flush().await
            };
            if let Err(error) = sent.await {
                self.fail(&closed(&self.address, error.to_string()));
                return;
            }
        }
        let _ = write.shutdown().await;
    }

    async fn receive(self, mut read: ReadHalf<Box<dyn Stream>>) {
        loop {
            match receive_one(&mut read, &self.address).await {
                Ok(reply) => self.deliver(reply),
                Err(fault) => return self.fail(&fault),
            }
        }
    }

    fn deliver(&self, reply: Bytes) {
        let Some(id) = reply.first_chunk::<4>().map(|id| i32::from_be_bytes(*id)) else { return };
        let waiter = self.waiting.lock().unwrap_or_else(PoisonError::into_inner).remove(&id);
        // Nobody waits: the asker gave up.
        if let Some(waiter) = waiter {
            let _ = waiter.send(Ok(reply));
        }
    }

    /// Tells all who wait, and all who come, that the connection is gone.
    fn fail(&self, fault: &Fault) {
        self.broken.store(true, Ordering::Release);
        let waiters = std::mem::take(&mut *self.waiting.lock().unwrap_or_else(PoisonError::into_inner));
        for (_, waiter) in waiters {
            let _ = waiter.send(Err(fault.clone()));
        }
    }
}

async fn receive_one(read: &mut ReadHalf<Box<dyn Stream>>, address: &str) -> Answer {
    let mut length = [0; 4];
    read.read_exact(&mut length).await.map_err(|error| hung_up(address, &error))?;
    let size = usize::try_from(i32::from_be_bytes(length)).unwrap_or(usize::MAX);
    if !(4..=MAX_REPLY_BYTES).contains(&size) {
        return Err(not_kafka(address, length));
    }
    let mut reply = BytesMut::with_capacity(size.min(1 << 20));
    let mut limited = read.take(size as u64);
    while reply.len() < size {
        let got = limited.read_buf(&mut reply).await.map_err(|error| hung_up(address, &error))?;
        if got == 0 {
            return Err(closed(address, "the broker hung up in the middle of a reply"));
        }
    }
    Ok(reply.freeze())
}

fn hung_up(address: &str, error: &std::io::Error) -> Fault {
    if error.kind() == std::io::ErrorKind::UnexpectedEof {
        return closed(address, "the broker hung up");
    }
    if error.get_ref().is_some_and(|inner| inner.is::<rustls::Error>()) {
        return crate::kafka::stream::tls_fault(address, error);
    }
    closed(address, error.to_string())
}

/// The first four bytes are no length of a reply of Kafka's: say whose they look like.
fn not_kafka(address: &str, start: [u8; 4]) -> Fault {
    let fault = Fault::new(
        ReadErrorKind::Invalid,
        address,
        Step::Connect,
        format!("what answers does not speak Kafka's protocol, or its reply is above {MAX_REPLY_BYTES} bytes"),
    );
    match start {
        [0x15 | 0x16, 0x03, ..] => fault.hint("this listener speaks TLS: set tls to enable"),
        [b'H', b'T', b'T', b'P'] => fault.hint("this is an HTTP server: check the port"),
        _ => fault.hint("check the address and port"),
    }
}
