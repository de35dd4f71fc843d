//! Triggers whose source names its metrics itself: a target with one is put into force with the metrics that the source
//! names, again whenever these change, and what the source pushes is passed on to the live loop.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use futures::StreamExt;
use futures::future::{BoxFuture, FutureExt, join_all};
use futures::stream::{BoxStream, SelectAll};
use tidegate_console::{Store, TargetInfo};
use tidegate_engine::{Policy, ReadError, ReadErrorKind, Reading, TargetId, Timestamp, TriggerPolicy};
use tidegate_runtime::{Handle, Stopped, TargetSetup};
use tidegate_scalers::{MetricSpec, Push, Scaler, metric_of};
use tokio::task::JoinHandle;
use tokio::time::Instant;

/// How long a source may take to name its metrics.
const ASK_LIMIT: Duration = Duration::from_secs(3);
/// How soon a source that has never named its metrics is asked again.
const ASK_AGAIN: Duration = Duration::from_secs(2);

/// A target with such triggers.
pub(super) struct External {
    pub(super) id: TargetId,
    /// With one entry for each trigger of the manifest.
    pub(super) policy: Arc<Policy>,
    /// One for each trigger.
    pub(super) scalers: Vec<Arc<dyn Scaler>>,
    /// Which of them name their metrics themselves.
    pub(super) from_source: Vec<bool>,
    pub(super) handle: Handle,
    pub(super) console: Arc<Store>,
    pub(super) deployment: Arc<str>,
}

/// A target that is followed until this is dropped.
pub(super) struct Followed(JoinHandle<()>);

impl Followed {
    /// Puts the target into force and keeps it up to date.
    pub(super) async fn start(external: External) -> Result<Followed, Stopped> {
        let mut state = State::new(external);
        state.put().await?;
        Ok(Followed(tokio::spawn(async move {
            // Ends only with the live loop.
            let _ = state.run().await;
        })))
    }

    /// Ends it; nothing is put into force after this.
    pub(super) async fn end(mut self) {
        self.0.abort();
        let _ = (&mut self.0).await;
    }
}

impl Drop for Followed {
    fn drop(&mut self) {
        self.0.abort();
    }
}

type Named = Vec<Option<Vec<MetricSpec>>>;
type Asked = Vec<(usize, Result<Option<Vec<MetricSpec>>, ReadError>)>;

struct State {
    external: External,
    /// What the sources have named, by trigger.
    named: Named,
    /// Why a source has not named anything yet, by trigger.
    unnamed: Vec<Arc<Unnamed>>,
}

impl State {
    fn new(external: External) -> Self {
        let named = vec![None; external.scalers.len()];
        let unnamed = external.scalers.iter().map(|_| Arc::default()).collect();
        State { external, named, unnamed }
    }

    async fn run(&mut self) -> Result<(), Stopped> {
        let mut pushes = self.pushes();
        let mut asking: Option<BoxFuture<'static, Asked>> = Some(self.ask());
        let mut next = Instant::now();
        loop {
            tokio::select! {
                asked = ended(&mut asking) => {
                    asking = None;
                    next = Instant::now() + self.pause();
                    self.hear(asked).await?;
                }
                Some((index, push)) = pushes.next(), if !pushes.is_empty() => self.pushed(index, push).await?,
                () = tokio::time::sleep_until(next), if asking.is_none() => asking = Some(self.ask()),
            }
        }
    }

    fn pushes(&self) -> SelectAll<BoxStream<'static, (usize, Push)>> {
        let streams = self.external.scalers.iter().enumerate().filter_map(|(index, scaler)| {
            let pushes = scaler.pushes()?;
            Some(pushes.map(move |push| (index, push)).boxed())
        });
        futures::stream::select_all(streams)
    }

    /// Asks all sources at the same time.
    fn ask(&self) -> BoxFuture<'static, Asked> {
        let External { scalers, from_source, .. } = &self.external;
        let asked = scalers.iter().zip(from_source).enumerate().filter(|(_, (_, from_source))| **from_source);
        let asked = asked.map(|(index, (scaler, _))| {
            let scaler = Arc::clone(scaler);
            async move { (index, scaler.specs(ASK_LIMIT).await) }
        });
        join_all(asked.collect::<Vec<_>>()).boxed()
    }

    /// As often as the triggers are polled, and soon while a source is not known at all.
    fn pause(&self) -> Duration {
        let External { policy, from_source, .. } = &self.external;
        let waiting = self.named.iter().zip(from_source).any(|(named, from_source)| *from_source && named.is_none());
        let polled = policy.triggers.iter().filter(|trigger| from_source.get(trigger.index) == Some(&true));
        let interval = polled.map(|trigger| trigger.polling_interval).min().unwrap_or(ASK_AGAIN);
        if waiting { interval.min(ASK_AGAIN) } else { interval }
    }

    async fn hear(&mut self, asked: Asked) -> Result<(), Stopped> {
        let before = self.named.clone();
        for (index, answer) in asked {
            match answer {
                Ok(specs) => self.named[index] = specs.or(self.named[index].take()),
                Err(error) => self.unnamed[index].set(error),
            }
        }
        if self.named == before { Ok(()) } else { self.put().await }
    }

    async fn pushed(&mut self, index: usize, push: Push) -> Result<(), Stopped> {
        match push {
            Push::Active => {
                let place = self.triggers().position(|(_, trigger)| trigger.index == index);
                match place {
                    Some(place) => self.external.handle.activated(self.external.id.clone(), place).await,
                    None => Ok(()),
                }
            }
            Push::Specs(specs) if self.named[index].as_ref() == Some(&specs) => Ok(()),
            Push::Specs(specs) => {
                self.named[index] = Some(specs);
                self.put().await
            }
        }
    }

    /// The policy's triggers, one for each metric, with what reads them.
    fn triggers(&self) -> impl Iterator<Item = (Arc<dyn Scaler>, TriggerPolicy)> + '_ {
        let External { policy, scalers, from_source, .. } = &self.external;
        policy.triggers.iter().zip(scalers).zip(from_source).flat_map(|((trigger, scaler), from_source)| {
            if !from_source {
                return vec![(Arc::clone(scaler), trigger.clone())];
            }
            match self.named.get(trigger.index).and_then(Option::as_ref) {
                Some(specs) => {
                    specs.iter().map(|spec| (metric_of(scaler, &spec.metric), named(trigger, spec))).collect()
                }
                // A value without its target would be of no use.
                None => vec![(Arc::clone(&self.unnamed[trigger.index]) as Arc<dyn Scaler>, trigger.clone())],
            }
        })
    }

    async fn put(&mut self) -> Result<(), Stopped> {
        let (scalers, triggers) = self.triggers().unzip();
        let External { id, policy, handle, console, deployment, .. } = &self.external;
        let policy = Arc::new(Policy { triggers, ..Policy::clone(policy) });
        console.target(id, TargetInfo::of(&policy, "Deployment", deployment));
        handle.put(TargetSetup { id: id.clone(), policy, scalers }).await
    }
}

async fn ended(asking: &mut Option<BoxFuture<'static, Asked>>) -> Asked {
    match asking {
        Some(asking) => asking.await,
        None => std::future::pending().await,
    }
}

/// A trigger with one of the metrics that its source named.
fn named(trigger: &TriggerPolicy, spec: &MetricSpec) -> TriggerPolicy {
    TriggerPolicy { metric: spec.metric.as_str().into(), target: spec.target, source: spec.source, ..trigger.clone() }
}

/// Stands in for a source that has not named its metrics yet.
#[derive(Default)]
struct Unnamed(Mutex<Option<ReadError>>);

impl Unnamed {
    fn set(&self, error: ReadError) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
    }
}

#[async_trait]
impl Scaler for Unnamed {
    async fn read(&self, _now: Timestamp, _timeout: Duration) -> Result<Reading, ReadError> {
        let error = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        Err(error.unwrap_or_else(|| {
            ReadError::new(ReadErrorKind::Unreachable, "the source has not named its metrics yet; it is being asked")
        }))
    }
}
