//! The bodies of reviews: how much of them is in memory at once, and how long one may take to come.
//!
//! Whoever reaches the port may send one, so that many large or slow ones must cost neither the process its memory nor
//! other reviews more than a moment.

use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody, to_bytes};
use axum::http::StatusCode;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::timeout;

/// etcd takes no object above 1.5 MiB; a review carries two and some words.
const LARGEST_BYTES: usize = 4 * 1024 * 1024;
/// What all bodies that are being read or judged may have, in KiB. A usual one has some ten KiB.
const ROOM_KIB: usize = 16 * 1024;
/// How long one may take to get its room and to come whole. The API server waits 10 s for the answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// The room for bodies.
#[derive(Debug)]
pub(super) struct Bodies {
    room: Semaphore,
}

/// A body, and its share of the room until it is dropped.
#[derive(Debug)]
pub(super) struct Received<'a> {
    pub(super) bytes: Bytes,
    _share: SemaphorePermit<'a>,
}

impl Default for Bodies {
    fn default() -> Self {
        Bodies { room: Semaphore::new(ROOM_KIB) }
    }
}

impl Bodies {
    /// Reads a body whole.
    ///
    /// # Errors
    /// What to answer in its place: 413 for more than 4 MiB, 408 for one that does not come, 503 while there is no room.
    pub(super) async fn read(&self, body: Body) -> Result<Received<'_>, (StatusCode, String)> {
        // One that does not say its size may be as large as any.
        let expected = body.size_hint().upper().and_then(|bytes| usize::try_from(bytes).ok()).unwrap_or(LARGEST_BYTES);
        let shares = u32::try_from(expected.min(LARGEST_BYTES).div_ceil(1024)).unwrap_or(u32::MAX);
        let share = timeout(PATIENCE, self.room.acquire_many(shares)).await;
        let Ok(Ok(share)) = share else {
            let message = format!("{ROOM_KIB} KiB of other reviews are waiting to be judged; send it again later");
            return Err((StatusCode::SERVICE_UNAVAILABLE, message));
        };
        let bytes = timeout(PATIENCE, to_bytes(body, LARGEST_BYTES)).await.map_err(|_| {
            let message = format!("the review did not come within {} s; send it again", PATIENCE.as_secs());
            (StatusCode::REQUEST_TIMEOUT, message)
        })?;
        let bytes = bytes.map_err(|error| (StatusCode::PAYLOAD_TOO_LARGE, format!("reading the review: {error}")))?;
        Ok(Received { bytes, _share: share })
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use futures::{StreamExt, stream};

    use super::*;

    /// A body of unknown size that says something and never ends.
    fn endless() -> Body {
        Body::from_stream(stream::iter([Ok::<_, Infallible>("{")]).chain(stream::pending()))
    }

    async fn refused(bodies: &Bodies, body: Body) -> StatusCode {
        bodies.read(body).await.expect_err("it is refused").0
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_does_not_come_is_given_up() {
        let bodies = Bodies::default();
        assert_eq!(refused(&bodies, endless()).await, StatusCode::REQUEST_TIMEOUT);
        assert_eq!(bodies.room.available_permits(), ROOM_KIB);
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_is_too_large_is_refused() {
        let large = vec![b'a'; LARGEST_BYTES + 1];
        assert_eq!(refused(&Bodies::default(), Body::from(large)).await, StatusCode::PAYLOAD_TOO_LARGE);
    }

    #[tokio::test(start_paused = true)]
    async fn so_many_bytes_are_held_at_once_and_no_more() {
        let bodies = Bodies::default();
        let mut held = Vec::new();
        for _ in 0..ROOM_KIB * 1024 / LARGEST_BYTES {
            held.push(bodies.read(Body::from(vec![b'a'; LARGEST_BYTES])).await.unwrap());
        }
        assert_eq!(refused(&bodies, Body::from("{}")).await, StatusCode::SERVICE_UNAVAILABLE);
        drop(held.pop());
        assert_eq!(bodies.read(Body::from("{}")).await.unwrap().bytes, "{}");
    }
}
