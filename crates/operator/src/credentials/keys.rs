//! The names of everything that a trigger can be given something from.

use std::fmt;
use std::path::PathBuf;

use tidegate_crds::{AuthenticationKind, ConfigKind};

/// A Secret or ConfigMap.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct ObjectKey {
    pub(super) kind: ConfigKind,
    pub(super) namespace: String,
    pub(super) name: String,
}

impl ObjectKey {
    pub(super) fn new(kind: ConfigKind, namespace: &str, name: &str) -> Self {
        ObjectKey { kind, namespace: namespace.to_owned(), name: name.to_owned() }
    }

    /// The kind's name in paths and roles.
    pub(super) fn resource(&self) -> &'static str {
        match self.kind {
            ConfigKind::Secret => "secrets",
            ConfigKind::ConfigMap => "configmaps",
        }
    }
}

impl fmt::Display for ObjectKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} {}/{}", self.kind.name(), self.namespace, self.name)
    }
}

/// An authentication object. The namespace is empty for the kind of the whole cluster.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AuthenticationKey {
    /// Whether it is for the whole cluster.
    pub cluster: bool,
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

impl AuthenticationKey {
    /// The one that a trigger of this namespace refers to.
    pub(super) fn new(kind: AuthenticationKind, namespace: &str, name: &str) -> Self {
        match kind {
            AuthenticationKind::TriggerAuthentication => {
                AuthenticationKey { cluster: false, namespace: namespace.to_owned(), name: name.to_owned() }
            }
            AuthenticationKind::ClusterTriggerAuthentication => {
                AuthenticationKey { cluster: true, namespace: String::new(), name: name.to_owned() }
            }
        }
    }

    /// Its kind.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        if self.cluster { "ClusterTriggerAuthentication" } else { "TriggerAuthentication" }
    }
}

impl fmt::Display for AuthenticationKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.cluster {
            true => write!(out, "{} {}", self.kind(), self.name),
            false => write!(out, "{} {}/{}", self.kind(), self.namespace, self.name),
        }
    }
}

/// A service account.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct AccountKey {
    pub(super) namespace: String,
    pub(super) name: String,
}

/// Something that the triggers of a ScaledObject are given something from.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Dependency {
    Object(ObjectKey),
    Authentication(AuthenticationKey),
    Account(AccountKey),
    /// Relative to the root of such files.
    File(PathBuf),
}
