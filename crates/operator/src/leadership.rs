//! Who of several replicas acts: a Lease, as KEDA uses it, released at the end so that the next one takes over at once.

use std::time::Duration;

use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use kube::api::PostParams;
use kube::{Api, Client};
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::call::{CallError, call};
use crate::jitter::jitter;
use crate::options::LeaseOptions;

/// Whether this process acts. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Leading(watch::Receiver<bool>);

impl Leading {
    /// Now.
    pub(crate) fn now(&self) -> bool {
        *self.0.borrow()
    }

    /// For whoever wants to follow it.
    pub(crate) fn receiver(&self) -> watch::Receiver<bool> {
        self.0.clone()
    }

    /// Waits for the next change; `None` when there will be none.
    pub(crate) async fn changed(&mut self) -> Option<bool> {
        self.0.changed().await.ok()?;
        Some(*self.0.borrow_and_update())
    }
}

/// The task that gets, keeps and gives back the Lease.
#[derive(Debug)]
pub(crate) struct Leadership {
    pub(crate) leading: Leading,
    stop: CancellationToken,
    task: tokio::task::JoinHandle<()>,
}

impl Leadership {
    /// Without options this process always leads.
    pub(crate) fn start(client: Client, namespace: &str, options: Option<LeaseOptions>) -> Leadership {
        let stop = CancellationToken::new();
        let (sender, receiver) = watch::channel(options.is_none());
        let task = match options {
            None => {
                let stopped = stop.clone();
                tokio::spawn(async move {
                    stopped.cancelled().await;
                    sender.send_replace(false);
                })
            }
            Some(options) => {
                let api = Api::namespaced(client, namespace);
                tokio::spawn(Candidate { api, options, sender, seen: None }.run(stop.clone()))
            }
        };
        Leadership { leading: Leading(receiver), stop, task }
    }

    /// Gives the Lease back.
    pub(crate) async fn stop(self) {
        self.stop.cancel();
        let _ = tokio::time::timeout(Duration::from_secs(5), self.task).await;
    }
}

struct Candidate {
    api: Api<Lease>,
    options: LeaseOptions,
    sender: watch::Sender<bool>,
    /// What the Lease's holder last wrote, and when that was first seen. Only our own clock counts: those of the replicas
    /// may differ by more than the Lease lasts.
    seen: Option<(Option<MicroTime>, Instant)>,
}

impl Candidate {
    async fn run(mut self, stop: CancellationToken) {
        let mut renewed: Option<Instant> = None;
        loop {
            let began = Instant::now();
            match self.try_hold().await {
                Ok(true) => {
                    renewed = Some(began);
                    if !self.sender.send_replace(true) {
                        tracing::info!(lease = self.options.name, "this replica leads");
                    }
                }
                Ok(false) => {
                    if self.sender.send_replace(false) {
                        tracing::warn!(lease = self.options.name, "another replica leads now");
                    }
                    renewed = None;
                }
                Err(error) => {
                    tracing::warn!(lease = self.options.name, %error, "cannot get or renew the lease");
                    if renewed.is_some_and(|at| at.elapsed() > self.options.renew_deadline) {
                        tracing::error!(lease = self.options.name, "the lease could not be renewed in time");
                        self.sender.send_replace(false);
                        renewed = None;
                    }
                }
            }
            let jitter = jitter(1.0..1.2);
            tokio::select! {
                () = stop.cancelled() => break,
                () = tokio::time::sleep(self.options.retry_period.mul_f64(jitter)) => {}
            }
        }
        if self.sender.send_replace(false) {
            self.release().await;
        }
    }

    /// Whether this process holds the Lease now.
    async fn try_hold(&mut self) -> Result<bool, CallError> {
        // An answer must not come after the time in which it counts.
        let deadline = self.options.renew_deadline;
        let found = in_time(deadline, call(self.api.get_opt(&self.options.name))).await?;
        let Some(mut lease) = found else {
            let mut lease = Lease { spec: Some(self.held(None)), ..Lease::default() };
            lease.metadata.name = Some(self.options.name.clone());
            return taken(in_time(deadline, call(self.api.create(&PostParams::default(), &lease))).await);
        };
        let spec = lease.spec.clone().unwrap_or_default();
        let holder = spec.holder_identity.as_deref().unwrap_or_default();
        if !holder.is_empty() && holder != self.options.identity && !self.has_expired(&spec) {
            return Ok(false);
        }
        lease.spec = Some(self.held(Some(&spec)));
        taken(in_time(deadline, call(self.api.replace(&self.options.name, &PostParams::default(), &lease))).await)
    }

    fn has_expired(&mut self, spec: &LeaseSpec) -> bool {
        let lasts = spec.lease_duration_seconds.and_then(|seconds| u64::try_from(seconds).ok());
        let lasts = lasts.map_or(self.options.duration, Duration::from_secs);
        match &self.seen {
            Some((written, at)) if *written == spec.renew_time => at.elapsed() > lasts,
            _ => {
                self.seen = Some((spec.renew_time.clone(), Instant::now()));
                false
            }
        }
    }

    fn held(&self, before: Option<&LeaseSpec>) -> LeaseSpec {
        let now = Some(MicroTime(jiff::Timestamp::now()));
        let ours = before.and_then(|before| before.holder_identity.as_deref()) == Some(self.options.identity.as_str());
        let transitions = before.and_then(|before| before.lease_transitions).unwrap_or(0);
        LeaseSpec {
            holder_identity: Some(self.options.identity.clone()),
            lease_duration_seconds: i32::try_from(self.options.duration.as_secs()).ok(),
            acquire_time: if ours { before.and_then(|before| before.acquire_time.clone()) } else { now.clone() },
            renew_time: now,
            lease_transitions: Some(if ours || before.is_none() { transitions } else { transitions + 1 }),
            ..LeaseSpec::default()
        }
    }

    async fn release(&self) {
        let Ok(Some(mut lease)) = call(self.api.get_opt(&self.options.name)).await else { return };
        let Some(spec) = lease.spec.as_mut() else { return };
        if spec.holder_identity.as_deref() == Some(self.options.identity.as_str()) {
            spec.holder_identity = Some(String::new());
            spec.lease_duration_seconds = Some(1);
            if let Err(error) = call(self.api.replace(&self.options.name, &PostParams::default(), &lease)).await {
                tracing::warn!(%error, "cannot give the lease back; it runs out by itself");
            }
        }
    }
}

async fn in_time<T>(deadline: Duration, request: impl Future<Output = Result<T, CallError>>) -> Result<T, CallError> {
    tokio::time::timeout(deadline, request).await.unwrap_or(Err(CallError::Timeout))
}

/// A conflict means that another one was faster.
fn taken(outcome: Result<Lease, CallError>) -> Result<bool, CallError> {
    match outcome {
        Ok(_) => Ok(true),
        Err(error) if error.is_conflict() => Ok(false),
        Err(error) => Err(error),
    }
}
