//! Scales on the number of pods that match a label selector: consumers for each producer, sidecars for each node.
//!
//! The pods of the ScaledObject's own namespace are counted that match `podSelector` and have neither succeeded nor failed;
//! pending, unknown and terminating ones count. With `groupByNode` the nodes are counted that such pods are on. No pod at
//! all is 0, not an error.
//!
//! ```yaml
//! triggers:
//!   - type: kubernetes-workload
//!     metadata:
//!       podSelector: app=producer,tier in (web, api)
//!       value: "0.5"
//! ```
//!
//! Wanted is the count divided by `value`: 10 producers and a value of 0.5 ask for 20 replicas.
//!
//! ## On one machine
//!
//! `tidegate up` counts the pods that it runs itself, by the labels of their Deployment's template. All are on one node.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tidegate_engine::{ReadError, ReadErrorKind, Reading, Timestamp};

use crate::clients::Clients;
use crate::declare::parameters;
use crate::given::{Given, Metric, source_of};
use crate::input::TriggerInput;
use crate::ports::PodCounter;
use crate::scaler::MetricSpec;
use crate::selector::LabelSelector;
use crate::trigger::Trigger;

parameters! {
    /// Which pods are counted.
    pub(super) struct Config {
        /// The pods that are counted, by a label selector as `app=producer,tier in (web, api)`.
        pod_selector: LabelSelector = "podSelector" from [Metadata];
        /// How many pods, or nodes, one replica stands for. Required unless a formula is in use.
        value: f64 = "value" from [Metadata] { default("0") };
        /// Active above this.
        activation_value: f64 = "activationValue" from [Metadata] { default("0") };
        /// Whether nodes are counted instead of pods.
        group_by_node: bool = "groupByNode" from [Metadata] { default("false") };
    }
}

impl crate::value::Value for LabelSelector {
    const KIND: crate::Kind = crate::Kind::Text;
    fn parse(text: &str) -> Result<Self, String> {
        LabelSelector::parse(text)
            .map_err(|expected| format!("a label selector as app=shop,tier in (web, api): {expected}"))
    }
}

/// A selector in a namespace.
pub(super) struct Workload {
    namespace: String,
    selector: LabelSelector,
    group_by_node: bool,
    pods: Option<Arc<dyn PodCounter>>,
}

#[async_trait]
impl Trigger for Workload {
    type Config = Config;

    fn check(config: &Config, given: &mut Given<'_>) -> Option<MetricSpec> {
        let name = format!("workload-{}", given.input.namespace);
        given.spec(Metric {
            name: &name,
            target: ("value", config.value),
            activation: config.activation_value,
            source: source_of("kubernetes-workload"),
        })
    }

    fn connect(config: Config, input: &TriggerInput, clients: &Clients) -> Self {
        Workload {
            namespace: input.namespace.clone(),
            selector: config.pod_selector,
            group_by_node: config.group_by_node,
            pods: clients.pods(),
        }
    }

    async fn read(&self, now: Timestamp, _timeout: Duration) -> Result<Reading, ReadError> {
        let Some(pods) = &self.pods else {
            let message =
                "counting pods: nothing here knows of pods; use this trigger on a cluster or with `tidegate up`";
            return Err(ReadError::new(ReadErrorKind::Configuration, message));
        };
        let count = pods.count(&self.namespace, &self.selector, self.group_by_node).await?;
        #[allow(clippy::cast_precision_loss, reason = "a count of pods")]
        Ok(Reading::of(count as f64, now))
    }
}
