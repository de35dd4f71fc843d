//! The few lines of HTTP that `/metrics` and `/healthz` of a consumer need: GET, one answer a connection.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::figures::Figures;
use crate::error::LabError;

/// A request's head beyond this is refused, and so is one that takes longer than this.
const LONGEST_HEAD: usize = 8 * 1024;
const PATIENCE: Duration = Duration::from_secs(5);

pub(crate) async fn listen(address: SocketAddr) -> Result<TcpListener, LabError> {
    TcpListener::bind(address).await.map_err(|cause| LabError::Listen { address, cause })
}

/// Serves until it is dropped.
pub(crate) async fn serve(listener: TcpListener, figures: Arc<Figures>, group: Arc<str>) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                let (figures, group) = (Arc::clone(&figures), Arc::clone(&group));
                tokio::spawn(async move {
                    let _ = tokio::time::timeout(PATIENCE, answer(stream, &figures, &group)).await;
                });
            }
            Err(error) => {
                tracing::warn!(%error, "a connection for metrics could not be accepted");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

async fn answer(mut stream: TcpStream, figures: &Figures, group: &str) -> std::io::Result<()> {
    let mut head = Vec::new();
    while !head.windows(4).any(|window| window == b"\r\n\r\n") {
        if head.len() > LONGEST_HEAD || stream.read_buf(&mut head).await? == 0 {
            return Ok(());
        }
    }
    let head = String::from_utf8_lossy(&head);
    let mut words = head.split_ascii_whitespace();
    let (status, kind, body) = match (words.next(), words.next().and_then(|path| path.split('?').next())) {
        (Some("GET"), Some("/metrics")) => {
            ("200 OK", "text/plain; version=0.0.4; charset=utf-8", figures.render(group))
        }
        (Some("GET"), Some("/healthz")) if figures.joined.load(Ordering::Relaxed) => {
            ("200 OK", PLAIN, "ok\n".to_owned())
        }
        (Some("GET"), Some("/healthz")) => ("503 Service Unavailable", PLAIN, "not in its group yet\n".to_owned()),
        (Some("GET"), _) => ("404 Not Found", PLAIN, "there are /metrics and /healthz\n".to_owned()),
        _ => ("405 Method Not Allowed", PLAIN, "only GET\n".to_owned()),
    };
    let answer = format!(
        "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(answer.as_bytes()).await?;
    stream.shutdown().await
}

const PLAIN: &str = "text/plain; charset=utf-8";
