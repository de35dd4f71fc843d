//! The names of our kinds in the API, in the form that clients of Kubernetes ask for, and reading them from its JSON.

use std::sync::Arc;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use k8s_openapi::{ClusterResourceScope, Metadata, NamespaceResourceScope, Resource};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::cloud_event_source::{CloudEventSource, ClusterCloudEventSource};
use crate::kinds::Known;
use crate::node::Node;
use crate::object::Located;
use crate::parse;
use crate::problem::{Problem, has_errors};
use crate::scaled_job::ScaledJob;
use crate::scaled_object::ScaledObject;
use crate::scaling_policy::ScalingPolicy;
use crate::trigger_authentication::{ClusterTriggerAuthentication, TriggerAuthentication};

/// One of our own kinds, as [`ScaledObject`].
pub trait Manifest: Resource + Metadata<Ty = ObjectMeta> + Serialize + DeserializeOwned + private::Known {
    /// Whether its objects belong to no namespace.
    const CLUSTER_WIDE: bool;

    /// As sent to the API server, with `apiVersion` and `kind`.
    #[must_use]
    fn to_json(&self) -> Value {
        let mut value = json!({"apiVersion": Self::API_VERSION, "kind": Self::KIND});
        let written = serde_json::to_value(self).unwrap_or_default();
        if let (Value::Object(value), Value::Object(written)) = (&mut value, written) {
            value.extend(written);
        }
        value
    }
}

mod private {
    /// Keeps [`Manifest`](super::Manifest) to this crate's types.
    pub trait Known {
        #[doc(hidden)]
        #[allow(private_interfaces)]
        const KNOWN: crate::kinds::Known;
    }
}

macro_rules! kinds {
    ($($kind:ident: $group:literal, $plural:literal, $scope:ident, $wide:literal;)*) => {$(
        impl Resource for $kind {
            const API_VERSION: &'static str = concat!($group, "/v1alpha1");
            const GROUP: &'static str = $group;
            const KIND: &'static str = stringify!($kind);
            const VERSION: &'static str = "v1alpha1";
            const URL_PATH_SEGMENT: &'static str = $plural;
            type Scope = $scope;
        }

        impl Metadata for $kind {
            type Ty = ObjectMeta;

            fn metadata(&self) -> &ObjectMeta {
                &self.metadata
            }

            fn metadata_mut(&mut self) -> &mut ObjectMeta {
                &mut self.metadata
            }
        }

        impl private::Known for $kind {
            #[allow(private_interfaces)]
            const KNOWN: Known = Known::$kind;
        }

        impl Manifest for $kind {
            const CLUSTER_WIDE: bool = $wide;
        }
    )*};
}

kinds! {
    ScaledObject: "keda.sh", "scaledobjects", NamespaceResourceScope, false;
    ScaledJob: "keda.sh", "scaledjobs", NamespaceResourceScope, false;
    TriggerAuthentication: "keda.sh", "triggerauthentications", NamespaceResourceScope, false;
    ClusterTriggerAuthentication: "keda.sh", "clustertriggerauthentications", ClusterResourceScope, true;
    CloudEventSource: "eventing.keda.sh", "cloudeventsources", NamespaceResourceScope, false;
    ClusterCloudEventSource: "eventing.keda.sh", "clustercloudeventsources", ClusterResourceScope, true;
    ScalingPolicy: "tidegate.dev", "scalingpolicies", NamespaceResourceScope, false;
}

/// What could be made of an object's JSON.
#[derive(Clone, Debug)]
pub struct Understood<T> {
    /// The object. Where `problems` holds errors it is only as far as it could be understood, with what is wrong left out:
    /// enough for further checks, not for use. `None`: not even that.
    pub object: Option<Located<T>>,
    /// What does not fit the kind's schema. Fields that are unknown here are warnings: the API server keeps only fields
    /// that the installed definition of the kind has.
    pub problems: Vec<Problem>,
}

impl<T> Understood<T> {
    /// The object with warnings, where nothing is wrong with it.
    ///
    /// # Errors
    /// Everything that is wrong, with the warnings.
    pub fn usable(self) -> Result<(Located<T>, Vec<Problem>), Vec<Problem>> {
        match self.object {
            Some(object) if !has_errors(&self.problems) => Ok((object, self.problems)),
            _ => Err(self.problems),
        }
    }
}

/// Reads an object as the API server sends it. Its problems bear no file and no line.
#[must_use]
pub fn from_json<T: Manifest>(value: &Value) -> Understood<T> {
    let mut problems = Vec::new();
    let root = Arc::new(Node::from_json(value));
    let object = parse::of_api_server(T::KNOWN, &root, &mut problems);
    Understood { object, problems }
}
