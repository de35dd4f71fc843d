//! The streams of `external-push`: opened when they are asked, opened again after they broke, with waits in between.

use std::future::Future;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use futures::StreamExt;
use futures::stream::{self, BoxStream};
use tokio::time::Instant;
use tonic::{Code, Response, Status, Streaming};

use super::{Asked, Client};
use crate::externalscaler::{GetMetricSpecResponse, IsActiveResponse, ScaledObjectRef};
use crate::grpc::Backoff;
use crate::scaler::Push;

/// A stream that was open for this long worked, even if nothing came.
const LASTED: Duration = Duration::from_secs(60);

/// Everything that the server tells unasked. Never ends, since activity is asked for again and again.
pub(super) fn stream(asked: &Arc<Asked>) -> BoxStream<'static, Push> {
    let active = follow(Follow::new(asked, "StreamIsActive", false), |client, request| {
        let mut client = client;
        async move { client.stream_is_active(request).await }
    });
    let active = active.filter_map(|answer: IsActiveResponse| async move { answer.result.then_some(Push::Active) });
    let specs = follow(Follow::new(asked, "StreamMetricSpec", true), |client, request| {
        let mut client = client;
        async move { client.stream_metric_spec(request).await }
    });
    let named = Arc::clone(asked);
    let specs = specs.filter_map(move |answer| {
        let named = named.pushed(&answer);
        async move { named }
    });
    stream::select(active, specs).boxed()
}

impl Asked {
    /// Metrics that were pushed; `None` when they cannot be used.
    fn pushed(&self, answer: &GetMetricSpecResponse) -> Option<Push> {
        match self.understand(answer) {
            Ok(specs) => {
                *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(specs.clone());
                Some(Push::Specs(specs))
            }
            Err(message) => {
                let error = self.invalid("following StreamMetricSpec", &message);
                tracing::warn!(
                    namespace = %self.namespace,
                    scaled_object = %self.name,
                    %error,
                    "keeping the metrics that the external scaler named last"
                );
                None
            }
        }
    }
}

/// One stream and its history.
struct Follow<T> {
    asked: Arc<Asked>,
    call: &'static str,
    /// A server without this call is not asked again.
    optional: bool,
    open: Option<Streaming<T>>,
    backoff: Backoff,
    begun: Instant,
}

impl<T> Follow<T> {
    fn new(asked: &Arc<Asked>, call: &'static str, optional: bool) -> Self {
        let (asked, open, backoff) = (Arc::clone(asked), None, Backoff::default());
        Follow { asked, call, optional, open, backoff, begun: Instant::now() }
    }

    /// The stream ended, or could not be opened. False when it is not worth another try.
    async fn wait(&mut self, ended: Result<(), Status>) -> bool {
        self.open = None;
        let wait = match &ended {
            Err(status) if self.optional && status.code() == Code::Unimplemented => return false,
            Ok(()) => {
                self.backoff.worked();
                self.backoff.wait()
            }
            Err(_) => {
                // Servers may send nothing at all, not even headers, while there is nothing to tell.
                if self.begun.elapsed() >= LASTED {
                    self.backoff.worked();
                }
                self.backoff.wait()
            }
        };
        let Asked { namespace, name, connection, .. } = &*self.asked;
        let wait = Backoff::spread(wait);
        if let Err(status) = ended {
            let error = self.asked.hide(connection.failed(self.call, &status));
            tracing::info!(%namespace, scaled_object = %name, %error, ?wait, "the stream broke; it is opened again");
        }
        tokio::time::sleep(wait).await;
        true
    }
}

/// The messages of all its streams, one after the other.
fn follow<T, F>(
    follow: Follow<T>,
    open: impl Fn(Client, ScaledObjectRef) -> F + Clone + Send + 'static,
) -> impl stream::Stream<Item = T> + Send
where
    T: Send + 'static,
    F: Future<Output = Result<Response<Streaming<T>>, Status>> + Send,
{
    stream::unfold(follow, move |mut follow| {
        let open = open.clone();
        async move {
            loop {
                let ended = match &mut follow.open {
                    Some(stream) => match stream.message().await {
                        Ok(Some(message)) => {
                            follow.backoff.worked();
                            return Some((message, follow));
                        }
                        Ok(None) => Ok(()),
                        Err(status) => Err(status),
                    },
                    None => {
                        follow.begun = Instant::now();
                        let channel = follow.asked.connection.channel();
                        let opened = match channel {
                            Ok(channel) => open(Client::new(channel), follow.asked.reference()).await,
                            Err(error) => Err(Status::failed_precondition(error.message.to_string())),
                        };
                        match opened {
                            Ok(stream) => {
                                follow.open = Some(stream.into_inner());
                                continue;
                            }
                            Err(status) => Err(status),
                        }
                    }
                };
                if !follow.wait(ended).await {
                    return None;
                }
            }
        }
    })
}
