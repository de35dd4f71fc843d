//! The task that writes events, one after the other.

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::events::v1::Event;
use kube::api::{Patch, PatchParams, PostParams};
use kube::{Api, Client};
use tokio::time::Instant;
use tracing::{debug, warn};

use super::budget::Budgets;
use super::pace::Pace;
use super::queue::{Queue, Told};
use super::series::{Key, Series, Step};
use super::wire::{self, Reporter};
use crate::lane::Lane;

/// So often an event is tried before it is dropped: some seconds of an API server that restarts.
const ATTEMPTS: u32 = 6;

/// The wait before the second attempt; it doubles with each.
const FIRST_PAUSE: Duration = Duration::from_millis(200);

/// A request that takes longer has failed.
const REQUEST_LIMIT: Duration = Duration::from_secs(10);

/// Why an event was not written.
enum Refused {
    /// Trying again may help.
    Later(String),
    /// It will never be taken.
    Never(String),
    /// What was to be changed is not there.
    Gone,
}

/// Writes until the queue is closed and empty.
pub(super) async fn run(client: Client, lane: Lane, queue: Arc<Queue>, reporter: Reporter) {
    let mut writer = Writer {
        client,
        reporter,
        series: Series::default(),
        budgets: Budgets::default(),
        pace: Pace::new(),
        serial: 0,
        told_of_loss: false,
    };
    loop {
        while let Some(told) = queue.take() {
            lane.calm().await;
            if !writer.write(told, &queue).await {
                queue.count_dropped();
            }
        }
        if queue.is_closed() {
            return;
        }
        queue.filled().await;
    }
}

struct Writer {
    client: Client,
    reporter: Reporter,
    series: Series,
    budgets: Budgets,
    pace: Pace,
    serial: u64,
    told_of_loss: bool,
}

impl Writer {
    /// Whether it was written or counted.
    async fn write(&mut self, told: Told, queue: &Queue) -> bool {
        let key = self.series.key(&told);
        let now = Instant::now();
        match self.series.next(&key, now) {
            Step::Wait => true,
            Step::Count { name, count } => {
                self.turn(queue).await;
                match self.attempts(|writer| writer.count(&told, &name, count)).await {
                    Ok(()) => true,
                    Err(Refused::Gone) => {
                        self.series.lost(&key);
                        self.create(&told, &key, now, queue).await
                    }
                    Err(Refused::Later(why) | Refused::Never(why)) => self.lost(&told, &why),
                }
            }
            Step::Create => self.create(&told, &key, now, queue).await,
        }
    }

    /// Waits until something may be written.
    async fn turn(&mut self, queue: &Queue) {
        let pause = self.pace.next();
        if !queue.is_hurried() {
            tokio::time::sleep(pause).await;
        }
    }

    async fn create(&mut self, told: &Told, key: &Key, now: Instant, queue: &Queue) -> bool {
        if !self.budgets.spend(key.object(), now) {
            debug!(reason = told.reason, object = key.object(), "an event was dropped: the object has said too much");
            return false;
        }
        self.turn(queue).await;
        self.serial = self.serial.wrapping_add(1) & 0xffff;
        let name = wire::name(&told.about, told.at, self.serial);
        let event = wire::event(told, &name, &self.reporter);
        match self.attempts(|writer| writer.post(&event)).await {
            Ok(()) => {
                self.series.created(key, name, now);
                self.told_of_loss = false;
                true
            }
            Err(Refused::Later(why) | Refused::Never(why)) => self.lost(told, &why),
            Err(Refused::Gone) => self.lost(told, "its namespace is gone"),
        }
    }

    /// Says once, until one is written again, that events get lost. Always `false`.
    fn lost(&mut self, told: &Told, why: &str) -> bool {
        if !std::mem::replace(&mut self.told_of_loss, true) {
            let object = told.about.name.as_deref().unwrap_or_default();
            warn!(reason = told.reason, object, why, "an event could not be written and is dropped");
        }
        false
    }

    async fn attempts<F: Future<Output = Result<(), Refused>>>(
        &self,
        attempt: impl Fn(&Self) -> F,
    ) -> Result<(), Refused> {
        let mut pause = FIRST_PAUSE;
        let mut tried = 0;
        loop {
            tried += 1;
            match attempt(self).await {
                Err(Refused::Later(_)) if tried < ATTEMPTS => {
                    tokio::time::sleep(pause.mul_f64(crate::jitter::jitter(0.75..1.25))).await;
                    pause *= 2;
                }
                other => return other,
            }
        }
    }

    fn post(&self, event: &Event) -> impl Future<Output = Result<(), Refused>> + use<> {
        let namespace = event.metadata.namespace.clone().unwrap_or_default();
        let api: Api<Event> = Api::namespaced(self.client.clone(), &namespace);
        let event = event.clone();
        async move { judged(api.create(&PostParams::default(), &event)).await }
    }

    fn count(&self, told: &Told, name: &str, count: i32) -> impl Future<Output = Result<(), Refused>> + use<> {
        let api: Api<Event> = Api::namespaced(self.client.clone(), wire::namespace(&told.about));
        let (name, change) = (name.to_owned(), wire::counted(count, told.at));
        async move { judged(api.patch(&name, &PatchParams::default(), &Patch::Merge(change))).await }
    }
}

/// Makes a verdict of an attempt.
async fn judged<T>(attempt: impl Future<Output = kube::Result<T>>) -> Result<(), Refused> {
    match tokio::time::timeout(REQUEST_LIMIT, attempt).await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(kube::Error::Api(status))) => match status.code {
            404 => Err(Refused::Gone),
            // Too many requests, and whatever is the server's own trouble.
            429 | 500.. => Err(Refused::Later(status.message)),
            _ => Err(Refused::Never(status.message)),
        },
        Ok(Err(error)) => Err(Refused::Later(error.to_string())),
        Err(_) => Err(Refused::Later("the API server did not answer in time".to_owned())),
    }
}
