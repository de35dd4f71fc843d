//! The Secret that all replicas share: whoever comes first makes it, whoever sees the need renews it.
//!
//! A write carries the version that it was made from. Of two replicas with the same idea one is refused, reads what the
//! other wrote, and uses that.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use futures::StreamExt;
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::api::{Api, PostParams};
use kube::runtime::{WatchStreamExt, watcher};
use tokio_util::sync::CancellationToken;

use super::managed::{Lifetimes, Plan, Stored, plan};
use super::material::Material;
use super::{CertificateError, Certificates};
use crate::serve::Condition;

/// What the API server shows as the writer.
const FIELD_MANAGER: &str = "tidegate";
/// The Secret is looked at this often even if nothing is said to have changed.
const LOOK_AGAIN: Duration = Duration::from_secs(3600);
/// After a failure, growing from the first to the second.
const RETRY: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(30));
/// Replicas that keep overtaking each other; more means that something else writes.
const MOST_CONFLICTS: usize = 8;

/// Where the Secret is.
pub(super) struct Place {
    api: Api<Secret>,
    namespace: String,
    name: String,
}

impl Place {
    pub(super) fn new(client: kube::Client, namespace: &str, name: &str) -> Place {
        Place { api: Api::namespaced(client, namespace), namespace: namespace.to_owned(), name: name.to_owned() }
    }

    fn failed(&self, what: &'static str) -> impl FnOnce(kube::Error) -> CertificateError {
        let (namespace, name) = (self.namespace.clone(), self.name.clone());
        move |source| CertificateError::Secret { what, namespace, name, source: Box::new(source) }
    }
}

/// Keeps the Secret and what is served in step.
pub(super) struct Keeper {
    place: Place,
    names: Vec<String>,
    lifetimes: Lifetimes,
    certificates: Certificates,
    condition: Condition,
    /// The last good content, to be written again when somebody deletes the Secret: a new authority would have to be
    /// made known everywhere first.
    last: Mutex<Option<(Stored, i64)>>,
}

/// What may pass by itself. The rest is told at once at the start.
fn passing(error: &CertificateError) -> bool {
    match error {
        CertificateError::Secret { source, .. } => match source.as_ref() {
            kube::Error::Api(status) => !matches!(status.code, 401 | 403 | 422),
            _ => true,
        },
        _ => false,
    }
}

impl Keeper {
    pub(super) fn new(place: Place, names: Vec<String>, certificates: Certificates, condition: Condition) -> Keeper {
        let lifetimes = Lifetimes::default();
        Keeper { place, names, lifetimes, certificates, condition, last: Mutex::new(None) }
    }

    /// Gets the first certificate and goes on in a task.
    pub(super) async fn start(self, stop: &CancellationToken) -> Result<(), CertificateError> {
        let mut pause = RETRY.0;
        let wait = loop {
            match self.round().await {
                Ok(wait) => break wait,
                Err(error) if passing(&error) => {
                    tracing::warn!(error = &error as &dyn std::error::Error, "getting the certificate; trying again");
                    self.condition.failed("the Secret cannot be read");
                }
                Err(error) => return Err(error),
            }
            tokio::select! {
                () = tokio::time::sleep(pause) => pause = (pause * 2).min(RETRY.1),
                () = stop.cancelled() => return Err(CertificateError::Stopped),
            }
        };
        let stop = stop.clone();
        tokio::spawn(async move {
            tokio::select! {
                () = self.keep(wait) => {}
                () = stop.cancelled() => {}
            }
        });
        Ok(())
    }

    async fn keep(&self, mut wait: Duration) {
        let changes = watcher::watch_object(self.place.api.clone(), &self.place.name);
        let mut changes = changes.backoff(watcher::DefaultBackoff::default()).boxed();
        let mut pause = RETRY.0;
        loop {
            tokio::select! {
                change = changes.next() => match change {
                    Some(Ok(_)) => {}
                    Some(Err(error)) => {
                        tracing::warn!(%error, "watching the Secret with the certificate");
                        continue;
                    }
                    None => return,
                },
                () = tokio::time::sleep(wait.min(LOOK_AGAIN)) => {}
            }
            match self.round().await {
                Ok(next) => (wait, pause) = (next, RETRY.0),
                Err(error) => {
                    tracing::warn!(error = &error as &dyn std::error::Error, "keeping the certificate");
                    self.judge();
                    (wait, pause) = (pause, (pause * 2).min(RETRY.1));
                }
            }
        }
    }

    /// Reads, decides, writes and uses. Gives back when to look again.
    async fn round(&self) -> Result<Duration, CertificateError> {
        for _ in 0..MOST_CONFLICTS {
            let found = self.place.api.get_opt(&self.place.name).await.map_err(self.place.failed("reading"))?;
            let stored = found.as_ref().map(read).unwrap_or_default();
            let known = self.last.lock().unwrap_or_else(PoisonError::into_inner).clone();
            let (stored, lost) = match known {
                Some((last, _)) if stored == Stored::default() => (last, true),
                _ => (stored, false),
            };
            match plan(&stored, &self.names, &self.lifetimes, now())? {
                Plan::Keep(wait) if !lost => {
                    self.use_it(&stored)?;
                    return Ok(wait);
                }
                Plan::Keep(_) => self.write(found, &stored, "the lost one again").await?,
                Plan::Write(next, why) => self.write(found, &next, why).await?,
            }
        }
        Err(CertificateError::Making(format!(
            "Secret {}/{} was changed by others {MOST_CONFLICTS} times in a row",
            self.place.namespace, self.place.name
        )))
    }

    /// Writes, unless somebody else was quicker; either way it is read again.
    async fn write(&self, found: Option<Secret>, stored: &Stored, why: &'static str) -> Result<(), CertificateError> {
        let parameters = PostParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PostParams::default() };
        let written = match found {
            Some(mut secret) => {
                secret.data.get_or_insert_default().extend(data(stored));
                self.place.api.replace(&self.place.name, &parameters, &secret).await
            }
            None => {
                let metadata = ObjectMeta { name: Some(self.place.name.clone()), ..ObjectMeta::default() };
                let secret = Secret { metadata, data: Some(data(stored)), ..Secret::default() };
                self.place.api.create(&parameters, &secret).await
            }
        };
        match written {
            Ok(_) => {
                let (namespace, name) = (&self.place.namespace, &self.place.name);
                tracing::info!(%namespace, %name, why, "certificate written");
                Ok(())
            }
            Err(kube::Error::Api(status)) if status.is_conflict() || status.is_already_exists() => Ok(()),
            Err(error) => Err(self.place.failed("writing")(error)),
        }
    }

    fn use_it(&self, stored: &Stored) -> Result<(), CertificateError> {
        let material =
            Material::read(&stored.certificate, &stored.key, &stored.authorities).map_err(CertificateError::Making)?;
        self.certificates.replace(&material);
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some((stored.clone(), material.not_after));
        self.judge();
        Ok(())
    }

    /// What is in use stays good until it expires, whatever became of the Secret.
    fn judge(&self) {
        match *self.last.lock().unwrap_or_else(PoisonError::into_inner) {
            Some((_, not_after)) if now() < not_after => self.condition.met(),
            Some(_) => self.condition.failed("the certificate has expired"),
            None => self.condition.failed("there is no certificate"),
        }
    }
}

fn now() -> i64 {
    jiff::Timestamp::now().as_second()
}

const KEYS: [&str; 4] = ["tls.crt", "tls.key", "ca.crt", "ca.key"];

fn read(secret: &Secret) -> Stored {
    let [certificate, key, authorities, authority_key] = KEYS.map(|name| {
        let data = secret.data.as_ref();
        data.and_then(|data| data.get(name)).map(|bytes| bytes.0.clone()).unwrap_or_default()
    });
    Stored { certificate, key, authorities, authority_key }
}

fn data(stored: &Stored) -> BTreeMap<String, ByteString> {
    let values = [&stored.certificate, &stored.key, &stored.authorities, &stored.authority_key];
    KEYS.into_iter().zip(values).map(|(name, value)| (name.to_owned(), ByteString(value.clone()))).collect()
}
