//! Servers that misbehave in every way that a source of a trigger can.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// What a server does with each connection.
#[derive(Clone)]
pub enum Play {
    /// Takes it and closes it.
    Close,
    /// Takes it, reads, and never says a word.
    BlackHole,
    /// Reads something, answers it, and closes.
    Say(Arc<Answer>),
}

/// From what was read to what is answered.
type Answer = dyn Fn(&[u8]) -> Vec<u8> + Send + Sync;

/// A play with its name.
#[derive(Clone)]
pub struct Fault {
    pub name: &'static str,
    pub play: Play,
}

impl Fault {
    pub fn says(name: &'static str, answer: impl Fn(&[u8]) -> Vec<u8> + Send + Sync + 'static) -> Self {
        Fault { name, play: Play::Say(Arc::new(answer)) }
    }

    /// An HTTP answer with a body of JSON.
    pub fn http(name: &'static str, status: &'static str, body: &str) -> Self {
        let body = body.to_owned();
        Fault::says(name, move |_| http(status, body.as_bytes()))
    }
}

impl fmt::Debug for Fault {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.name)
    }
}

pub fn http(status: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let head = format!("HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n");
    [head.as_bytes(), body].concat()
}

/// A server on a free port of the loopback address; it ends when dropped.
pub struct Server {
    pub address: SocketAddr,
    connections: Arc<AtomicUsize>,
    task: JoinHandle<()>,
}

impl Server {
    pub async fn start(play: Play) -> Self {
        Server::start_at("127.0.0.1", play).await
    }

    /// At another address of this machine.
    pub async fn start_at(address: &str, play: Play) -> Self {
        let listener = TcpListener::bind((address, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let connections = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&connections);
        let task = tokio::spawn(async move {
            let mut kept = tokio::task::JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                counted.fetch_add(1, Ordering::SeqCst);
                kept.spawn(perform(play.clone(), stream));
            }
        });
        Server { address, connections, task }
    }

    /// Connections taken so far.
    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn perform(play: Play, mut stream: TcpStream) {
    let mut buffer = vec![0; 64 << 10];
    match play {
        Play::Close => {}
        Play::BlackHole => while stream.read(&mut buffer).await.is_ok_and(|read| read > 0) {},
        Play::Say(answer) => {
            let read = stream.read(&mut buffer).await.unwrap_or(0);
            let _ = stream.write_all(&answer(&buffer[..read])).await;
            let _ = stream.shutdown().await;
        }
    }
}

/// An address where nobody listens.
pub async fn nobody() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap()
}
