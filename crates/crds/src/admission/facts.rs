//! What the rules need to know of a cluster, and the forms it comes in.

use std::collections::BTreeSet;
use std::sync::Arc;

use k8s_openapi::api::core::v1::{Container, LimitRange};
use tidegate_engine::Mode;

use crate::quantity::quantity;
use crate::scaled_object::{ScaleTargetRef, ScaledObject};
use crate::scaling_policy::ScalingPolicy;

/// A workload within its namespace.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TargetKey {
    /// As `apps`; empty for the core group.
    pub group: String,
    /// As `Deployment`.
    pub kind: String,
    /// Its name.
    pub name: String,
}

impl TargetKey {
    /// The workload that a ScaledObject or a HorizontalPodAutoscaler names. The API's version does not count.
    #[must_use]
    pub fn new(api_version: &str, kind: &str, name: &str) -> Self {
        let group = api_version.rsplit_once('/').map_or("", |(group, _)| group);
        TargetKey { group: group.to_owned(), kind: kind.to_owned(), name: name.to_owned() }
    }
}

impl From<&ScaleTargetRef> for TargetKey {
    fn from(target: &ScaleTargetRef) -> Self {
        TargetKey::new(target.api_version(), target.kind(), &target.name)
    }
}

/// A HorizontalPodAutoscaler on a workload that does not belong to the ScaledObject in question.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ForeignHpa {
    /// Its name.
    pub name: String,
    /// Whether it is annotated `validations.keda.sh/hpa-ownership: "false"`, which takes it out of the rules.
    pub is_excluded: bool,
    /// Whether it belongs to another ScaledObject.
    pub of_scaled_object: bool,
}

/// What is known of a workload's containers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Containers {
    /// Nothing: not looked for (a dry run), or of a kind whose pods cannot be seen. No rule applies.
    #[default]
    Unknown,
    /// There is no such workload.
    Missing,
    /// These.
    Known(Vec<ContainerResources>),
}

/// Which resources a container has a request or a limit of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ContainerResources {
    /// The container's name.
    pub name: String,
    /// As `cpu`, `memory`.
    pub resources: BTreeSet<String>,
}

impl From<&Container> for ContainerResources {
    fn from(container: &Container) -> Self {
        let given = container.resources.iter();
        let amounts = given.flat_map(|given| given.requests.iter().chain(&given.limits)).flatten();
        let resources = amounts.filter(|(_, amount)| is_positive(&amount.0)).map(|(name, _)| name.clone()).collect();
        ContainerResources { name: container.name.clone(), resources }
    }
}

/// Which resources a namespace's LimitRanges give to containers that name none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LimitDefaults {
    /// As `cpu`, `memory`.
    pub resources: BTreeSet<String>,
}

impl<'a> FromIterator<&'a LimitRange> for LimitDefaults {
    fn from_iter<I: IntoIterator<Item = &'a LimitRange>>(ranges: I) -> Self {
        let items = ranges.into_iter().filter_map(|range| range.spec.as_ref()).flat_map(|spec| &spec.limits);
        let defaults = items
            .filter(|item| item.type_ == "Container")
            .flat_map(|item| item.default.iter().chain(&item.default_request).flatten());
        let resources = defaults.filter(|(_, amount)| is_positive(&amount.0)).map(|(name, _)| name.clone()).collect();
        LimitDefaults { resources }
    }
}

fn is_positive(text: &str) -> bool {
    quantity(text).is_some_and(|amount| amount > 0.0)
}

/// What has to be known of the cluster. Answers come from memory; what is not known is left out.
pub trait Facts {
    /// Names of other ScaledObjects of the namespace that scale the same workload ([`TargetKey`]).
    fn others_with_target(&self, object: &ScaledObject) -> Vec<String>;

    /// Names of other ScaledObjects of the namespace whose HorizontalPodAutoscaler has this name.
    fn others_with_hpa(&self, object: &ScaledObject, hpa: &str) -> Vec<String>;

    /// HorizontalPodAutoscalers on the workload whose owner is not a ScaledObject of this name.
    fn foreign_hpas(&self, object: &ScaledObject) -> Vec<ForeignHpa>;

    /// The workload's containers; only asked where [`needs_containers`](super::needs_containers) says so.
    fn containers(&self, _object: &ScaledObject) -> Containers {
        Containers::Unknown
    }

    /// What the LimitRanges of the object's namespace give.
    fn limit_range_defaults(&self, _object: &ScaledObject) -> LimitDefaults {
        LimitDefaults::default()
    }

    /// The ScalingPolicy that is attached to the object.
    fn scaling_policy(&self, _object: &ScaledObject) -> Option<Arc<ScalingPolicy>> {
        None
    }

    /// Who moves the replicas where no ScalingPolicy says so.
    fn default_mode(&self) -> Mode {
        Mode::Hpa
    }
}

/// A cluster of which nothing is known: only the rules within one object apply.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoFacts;

impl Facts for NoFacts {
    fn others_with_target(&self, _: &ScaledObject) -> Vec<String> {
        Vec::new()
    }

    fn others_with_hpa(&self, _: &ScaledObject, _: &str) -> Vec<String> {
        Vec::new()
    }

    fn foreign_hpas(&self, _: &ScaledObject) -> Vec<ForeignHpa> {
        Vec::new()
    }
}
