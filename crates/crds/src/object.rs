//! The objects that a manifest can hold.

use std::sync::Arc;

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use crate::node::Node;
use crate::problem::{Problem, Severity};
use crate::scaled_object::ScaledObject;
use crate::scaling_policy::ScalingPolicy;
use crate::trigger_authentication::{ClusterTriggerAuthentication, TriggerAuthentication};

/// One object of a manifest. Namespaced ones always have a namespace (`default` where none was written).
#[derive(Clone, Debug, PartialEq)]
pub enum Object {
    /// `keda.sh/v1alpha1`.
    ScaledObject(Box<ScaledObject>),
    /// `tidegate.dev/v1alpha1`.
    ScalingPolicy(Box<ScalingPolicy>),
    /// `keda.sh/v1alpha1`.
    TriggerAuthentication(Box<TriggerAuthentication>),
    /// `keda.sh/v1alpha1`; has no namespace.
    ClusterTriggerAuthentication(Box<ClusterTriggerAuthentication>),
    /// `apps/v1`.
    Deployment(Box<Deployment>),
    /// `v1`.
    Secret(Box<Secret>),
    /// `v1`.
    ConfigMap(Box<ConfigMap>),
    /// `tidegate.dev/v1alpha1`; its `spec` is understood by crate `lab`.
    Scenario(Box<Scenario>),
    /// A Kubernetes kind that has no meaning here; a warning says so.
    Ignored {
        /// Its kind.
        kind: String,
        /// Its metadata.
        metadata: Box<ObjectMeta>,
    },
}

/// A load scenario, not looked into here.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Scenario {
    /// Name, namespace, labels and annotations.
    pub metadata: ObjectMeta,
    /// As written.
    pub spec: serde_json::Value,
}

impl Object {
    /// As written in `kind`.
    #[must_use]
    pub fn kind(&self) -> &str {
        match self {
            Object::ScaledObject(_) => "ScaledObject",
            Object::ScalingPolicy(_) => "ScalingPolicy",
            Object::TriggerAuthentication(_) => "TriggerAuthentication",
            Object::ClusterTriggerAuthentication(_) => "ClusterTriggerAuthentication",
            Object::Deployment(_) => "Deployment",
            Object::Secret(_) => "Secret",
            Object::ConfigMap(_) => "ConfigMap",
            Object::Scenario(_) => "Scenario",
            Object::Ignored { kind, .. } => kind,
        }
    }

    /// Its metadata.
    #[must_use]
    pub fn metadata(&self) -> &ObjectMeta {
        match self {
            Object::ScaledObject(object) => &object.metadata,
            Object::ScalingPolicy(object) => &object.metadata,
            Object::TriggerAuthentication(object) => &object.metadata,
            Object::ClusterTriggerAuthentication(object) => &object.metadata,
            Object::Deployment(object) => &object.metadata,
            Object::Secret(object) => &object.metadata,
            Object::ConfigMap(object) => &object.metadata,
            Object::Scenario(object) => &object.metadata,
            Object::Ignored { metadata, .. } => metadata,
        }
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        self.metadata().name.as_deref().unwrap_or_default()
    }

    /// Its namespace; empty for one of the whole cluster.
    #[must_use]
    pub fn namespace(&self) -> &str {
        self.metadata().namespace.as_deref().unwrap_or_default()
    }

    /// `Kind namespace/name`, as problems name it.
    #[must_use]
    pub fn title(&self) -> String {
        title(self.kind(), self.metadata())
    }
}

pub(crate) fn title(kind: &str, metadata: &ObjectMeta) -> String {
    let name = metadata.name.as_deref().unwrap_or("(no name)");
    match metadata.namespace.as_deref() {
        Some(namespace) => format!("{kind} {namespace}/{name}"),
        None => format!("{kind} {name}"),
    }
}

/// Where an object was written. Cheap to clone.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Source {
    /// The file as it was named to [`parse`](crate::parse).
    pub file: Arc<str>,
    /// `Kind namespace/name`.
    pub object: Arc<str>,
    /// The text with its places; `None` for an object that was made in memory.
    pub root: Option<Arc<Node>>,
}

impl Source {
    /// Line and column, from 1, of the field at `path` (`spec.triggers[0].type`); of the nearest field around it when
    /// it was not written. `None` for an object from no text.
    #[must_use]
    pub fn line_of(&self, path: &str) -> Option<(u32, u32)> {
        self.root.as_ref().map(|root| root.position(path))
    }

    /// A problem of the field at `path` that `message` explains.
    #[must_use]
    pub fn problem(&self, severity: Severity, path: &str, message: impl Into<String>) -> Problem {
        let (line, column) = self.line_of(path).unwrap_or_default();
        Problem {
            severity,
            file: self.file.clone(),
            line,
            column,
            object: (!self.object.is_empty()).then(|| self.object.to_string()),
            field: path.to_owned(),
            found: String::new(),
            expected: String::new(),
            message: message.into(),
        }
    }

    /// An error of the field at `path`.
    #[must_use]
    pub fn error(&self, path: &str, message: impl Into<String>) -> Problem {
        self.problem(Severity::Error, path, message)
    }

    /// A warning about the field at `path`.
    #[must_use]
    pub fn warning(&self, path: &str, message: impl Into<String>) -> Problem {
        self.problem(Severity::Warning, path, message)
    }

    /// An error of the form "found X, expected Y".
    #[must_use]
    pub fn mismatch(&self, path: &str, found: impl Into<String>, expected: impl Into<String>) -> Problem {
        Problem { found: found.into(), expected: expected.into(), ..self.error(path, "") }
    }
}

/// A value with where it was written.
#[derive(Clone, Debug, PartialEq)]
pub struct Located<T> {
    /// The value.
    pub value: T,
    /// Where it was written.
    pub source: Source,
}

impl<T> Located<T> {
    /// A value from no file; its problems bear no line.
    pub fn unplaced(value: T) -> Self {
        Located { value, source: Source::default() }
    }

    /// The same place with a part or another form of the value.
    pub fn map<'a, U>(&'a self, part: impl FnOnce(&'a T) -> U) -> Located<U> {
        Located { value: part(&self.value), source: self.source.clone() }
    }
}

impl Located<Object> {
    /// The ScaledObject, if it is one.
    #[must_use]
    pub fn scaled_object(&self) -> Option<Located<&ScaledObject>> {
        match &self.value {
            Object::ScaledObject(object) => Some(self.map(|_| object.as_ref())),
            _ => None,
        }
    }

    /// The ScalingPolicy, if it is one.
    #[must_use]
    pub fn scaling_policy(&self) -> Option<Located<&ScalingPolicy>> {
        match &self.value {
            Object::ScalingPolicy(object) => Some(self.map(|_| object.as_ref())),
            _ => None,
        }
    }

    /// The Deployment, if it is one.
    #[must_use]
    pub fn deployment(&self) -> Option<Located<&Deployment>> {
        match &self.value {
            Object::Deployment(object) => Some(self.map(|_| object.as_ref())),
            _ => None,
        }
    }
}

/// Line and column, from 1, of the field at `path` of an object. See [`Source::line_of`].
#[must_use]
pub fn line_of<T>(object: &Located<T>, path: &str) -> Option<(u32, u32)> {
    object.source.line_of(path)
}
