//! What survives a restart, as files: the engine's state of each target, and the replicas of each Deployment.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tidegate_engine::{SavedState, TargetId, Timestamp};
use tidegate_runtime::{StateError, StateStore};

use crate::files::replace;
use crate::pods::DeploymentKey;

/// The files, one a target and one a Deployment.
#[derive(Clone, Debug)]
pub(crate) struct FileStates {
    folder: PathBuf,
}

/// The replicas of a Deployment, as the API server of a cluster would remember them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SavedReplicas {
    /// How many were asked for last.
    pub(crate) replicas: u32,
    /// What the manifest said then; another number in it is an order of its own.
    pub(crate) manifest: u32,
}

impl FileStates {
    pub(crate) fn new(folder: PathBuf) -> Self {
        FileStates { folder }
    }

    fn target(&self, target: &TargetId) -> PathBuf {
        self.folder.join(format!("{}_{}.json", target.namespace(), target.name()))
    }

    fn deployment(&self, key: &DeploymentKey) -> PathBuf {
        self.folder.join(format!("{}_{}.replicas.json", key.namespace, key.name))
    }

    fn made(&self, target: &TargetId) -> PathBuf {
        self.folder.join(format!("{}_{}.made.json", target.namespace(), target.name()))
    }

    /// When a ScaledObject was seen here for the first time, in this run or an earlier one: what a cluster's
    /// `creationTimestamp` is to its initial cooldown. A file that cannot be used counts as made now, the safe side.
    pub(crate) fn first_seen(&self, target: &TargetId, now: Timestamp) -> Timestamp {
        let path = self.made(target);
        if let Ok(Some(at)) = load::<Timestamp>(&path) {
            return at.min(now);
        }
        if let Err(error) = save(&path, &now) {
            tracing::warn!(%target, %error, "a restart would begin the initial cooldown anew");
        }
        now
    }

    pub(crate) fn load_replicas(&self, key: &DeploymentKey) -> Result<Option<SavedReplicas>, StateError> {
        load(&self.deployment(key))
    }

    pub(crate) fn save_replicas(&self, key: &DeploymentKey, saved: SavedReplicas) -> Result<(), StateError> {
        save(&self.deployment(key), &saved)
    }
}

impl StateStore for FileStates {
    fn load(&self, target: &TargetId) -> Result<Option<SavedState>, StateError> {
        load(&self.target(target))
    }

    fn save(&self, target: &TargetId, state: &SavedState) -> Result<(), StateError> {
        save(&self.target(target), state)
    }

    fn remove(&self, target: &TargetId) -> Result<(), StateError> {
        [self.target(target), self.made(target)].iter().try_for_each(|path| match fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(StateError(format!("removing the state file {}: {error}", path.display())))
            }
            _ => Ok(()),
        })
    }
}

fn load<T: DeserializeOwned>(path: &Path) -> Result<Option<T>, StateError> {
    let failed = |error: &dyn std::fmt::Display| {
        StateError(format!("reading the state file {}: {error}; remove it to start afresh", path.display()))
    };
    match fs::read(path) {
        Ok(text) => serde_json::from_slice(&text).map(Some).map_err(|error| failed(&error)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(failed(&error)),
    }
}

fn save<T: Serialize>(path: &Path, value: &T) -> Result<(), StateError> {
    let text = serde_json::to_vec(value).map_err(io::Error::other);
    text.and_then(|text| replace(path, &text))
        .map_err(|error| StateError(format!("writing the state file {}: {error}", path.display())))
}

#[cfg(test)]
mod tests {
    use tidegate_engine::Recommendation;

    use super::*;

    #[test]
    fn what_was_seen_first_is_remembered_until_it_is_removed() {
        let folder = tempfile::tempdir().unwrap();
        let states = FileStates::new(folder.path().to_owned());
        let id = TargetId::new("default", "orders");
        let at = Timestamp::from_millis;
        assert_eq!(states.first_seen(&id, at(5_000)), at(5_000));
        assert_eq!(FileStates::new(folder.path().to_owned()).first_seen(&id, at(9_000)), at(5_000));
        assert_eq!(states.first_seen(&id, at(1_000)), at(1_000), "never in the future");
        states.remove(&id).unwrap();
        assert_eq!(states.first_seen(&id, at(9_000)), at(9_000));
    }

    #[test]
    fn a_state_comes_back_as_it_was_and_a_broken_one_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let states = FileStates::new(folder.path().to_owned());
        let id = TargetId::new("default", "orders");
        assert_eq!(states.load(&id).unwrap(), None);
        let at = Timestamp::from_millis(1_700_000_000_123);
        let state = SavedState {
            original_replicas: Some(2),
            last_active: Some(at),
            recommendations: vec![Recommendation { at, replicas: 5 }],
            sequence: 17,
            ..SavedState::default()
        };
        states.save(&id, &state).unwrap();
        assert_eq!(states.load(&id).unwrap(), Some(state));
        fs::write(folder.path().join("default_orders.json"), "{").unwrap();
        assert!(states.load(&id).unwrap_err().0.contains("default_orders.json"));
        states.remove(&id).unwrap();
        states.remove(&id).unwrap();
        assert_eq!(states.load(&id).unwrap(), None);
    }
}
