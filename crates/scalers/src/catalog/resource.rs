//! Scales on what the pods use of their processors or their memory, as a HorizontalPodAutoscaler measures it.
//!
//! On Kubernetes such a trigger becomes a metric of type `Resource` of the HorizontalPodAutoscaler, or `ContainerResource` with
//! `containerName`; the cluster's metrics server has the values. Where Tidegate itself decides, it uses the same arithmetic on
//! the same values.
//!
//! ```yaml
//! triggers:
//!   - type: cpu
//!     metricType: Utilization
//!     metadata:
//!       value: "60"
//! ```
//!
//! `metricType` has to be given: `Utilization` is a percentage of what the pods request (`60`), `AverageValue` a quantity for each
//! pod (`500m` of a core, `128Mi` of memory).
//!
//! Beside other triggers it has no say in whether there is anything to do; alone, or with others of its kind, the workload is
//! always active. Scaling to zero needs a trigger of another kind. It has no part in a formula, and no fallback stands in for
//! it.
//!
//! ## On one machine
//!
//! `tidegate up` measures the processes of each pod; requests are those of the Deployment's manifest. `containerName` needs a
//! pod of one container, since processes are told apart by pods only.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tidegate_engine::{MetricTarget, ReadError, ReadErrorKind, Reading, Timestamp};

use crate::clients::Clients;
use crate::declare::parameters;
use crate::given::{Given, source_of};
use crate::input::{MetricType, TriggerInput};
use crate::ports::{PodUsage, Resource, UsageQuery};
use crate::scaler::{MetricSpec, ResourceMetric};
use crate::trigger::Trigger;

parameters! {
    /// How much one replica is meant to use.
    pub(super) struct Config {
        /// A whole percentage with metricType `Utilization`, a quantity as `500m` or `128Mi` with `AverageValue`.
        value: String = "value" from [Metadata];
        /// The only container that counts. Absent: all of a pod's.
        container_name: Option<String> = "containerName" from [Metadata];
        /// No longer accepted, as in KEDA since 2.18.
        _type: Option<String> = "type" from [Metadata] { removed("give metricType beside the trigger's type instead") };
    }
}

/// The use of one resource.
pub(super) struct Usage {
    query: UsageQuery,
    usage: Option<Arc<dyn PodUsage>>,
}

fn resource(kind: &str) -> Resource {
    if kind == "memory" { Resource::Memory } else { Resource::Cpu }
}

#[async_trait]
impl Trigger for Usage {
    type Config = Config;

    fn check(config: &Config, given: &mut Given<'_>) -> Option<MetricSpec> {
        let target = target(&config.value, given)?;
        let resource = resource(&given.input.kind);
        let metric = match &config.container_name {
            Some(container) => format!("{}-{container}", resource.name()),
            None => resource.name().to_owned(),
        };
        let place = (&given.input.namespace, &given.input.scaled_object);
        Some(MetricSpec {
            metric,
            target,
            activation: 0.0,
            source: source_of(("resource", place)),
            time_limit: None,
            resource: Some(ResourceMetric {
                resource,
                container: config.container_name.clone(),
                value: config.value.clone(),
            }),
        })
    }

    fn connect(config: Config, input: &TriggerInput, clients: &Clients) -> Self {
        let query = UsageQuery {
            namespace: input.namespace.clone(),
            scaled_object: input.scaled_object.clone(),
            resource: resource(&input.kind),
            container: config.container_name,
        };
        Usage { query, usage: clients.usage() }
    }

    async fn read(&self, now: Timestamp, _timeout: Duration) -> Result<Reading, ReadError> {
        match &self.usage {
            Some(usage) => usage.usage(&self.query, now).await,
            None => {
                let UsageQuery { namespace, scaled_object, resource, .. } = &self.query;
                let message = format!(
                    "reading what the pods of {namespace}/{scaled_object} use of {}: nothing here measures that; on a \
                     cluster leave it to the HorizontalPodAutoscaler (mode hpa)",
                    resource.name()
                );
                Err(ReadError::new(ReadErrorKind::Configuration, message))
            }
        }
    }
}

/// The target in the form that `metricType` asks for.
fn target(value: &str, given: &mut Given<'_>) -> Option<MetricTarget> {
    let wrong = |given: &mut Given<'_>, expected: &str| {
        given.problem("value", format!("found {value:?}, expected {expected}"));
        None
    };
    match given.input.metric_type {
        Some(MetricType::Utilization) => match serde_json::from_str::<i32>(value) {
            Ok(percent) if percent > 0 => Some(MetricTarget::Utilization(f64::from(percent))),
            _ => wrong(given, "a whole percentage above zero, as 60, with metricType Utilization"),
        },
        Some(MetricType::AverageValue) => match crate::quantity::parse(value).filter(|amount| *amount > 0.0) {
            Some(amount) => Some(MetricTarget::ResourceAverage(amount)),
            None => wrong(given, "a quantity above zero, as 500m or 128Mi, with metricType AverageValue"),
        },
        Some(MetricType::Value) => {
            given.problem("", "metricType Value does not go with this trigger; use Utilization or AverageValue");
            None
        }
        None => {
            given.problem(
                "",
                "metricType is required and absent: Utilization (a percentage) or AverageValue (a quantity)",
            );
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use tidegate_engine::{MetricTarget, ReadErrorKind, Timestamp};

    use crate::{Clients, MetricSpec, MetricType, Problem, Resource, TriggerInput, catalog};

    fn check(
        kind: &str,
        metric_type: Option<MetricType>,
        metadata: &[(&str, &str)],
    ) -> Result<MetricSpec, Vec<Problem>> {
        catalog::check(&input(kind, metric_type, metadata)).map(|checked| checked.spec)
    }

    fn input(kind: &str, metric_type: Option<MetricType>, metadata: &[(&str, &str)]) -> TriggerInput {
        let metadata = metadata.iter().map(|&(name, text)| (name.to_owned(), text.to_owned())).collect();
        TriggerInput { kind: kind.to_owned(), metric_type, metadata, ..TriggerInput::default() }
    }

    #[test]
    fn targets_are_those_of_an_hpa() {
        let spec = check("cpu", Some(MetricType::Utilization), &[("value", "60")]).unwrap();
        assert_eq!((spec.metric.as_str(), spec.target), ("cpu", MetricTarget::Utilization(60.0)));
        let spec = check("cpu", Some(MetricType::AverageValue), &[("value", "500m")]).unwrap();
        assert_eq!(spec.target, MetricTarget::ResourceAverage(0.5));
        let one = [("value", "128Mi"), ("containerName", "app")];
        let spec = check("memory", Some(MetricType::AverageValue), &one).unwrap();
        assert_eq!((spec.metric.as_str(), spec.target), ("memory-app", MetricTarget::ResourceAverage(134_217_728.0)));
        let resource = spec.resource.unwrap();
        assert_eq!((resource.resource, resource.container.as_deref()), (Resource::Memory, Some("app")));
        assert_eq!(resource.value, "128Mi");
    }

    #[test]
    fn what_an_hpa_would_refuse_is_said() {
        use MetricType::{AverageValue, Utilization, Value};
        for (metric_type, value, part) in [
            (None, "60", "metricType is required"),
            (Some(Value), "60", "Utilization or AverageValue"),
            (Some(Utilization), "60%", "whole percentage"),
            (Some(Utilization), "60.5", "whole percentage"),
            (Some(Utilization), "0", "whole percentage"),
            (Some(Utilization), "3000000000", "whole percentage"),
            (Some(AverageValue), "many", "a quantity"),
            (Some(AverageValue), "-1", "a quantity"),
        ] {
            let problems = check("cpu", metric_type, &[("value", value)]).unwrap_err();
            assert!(problems[0].message.contains(part), "{value}: {problems:?}");
        }
        let removed = [("value", "60"), ("type", "Utilization")];
        assert!(check("cpu", Some(Utilization), &removed).unwrap_err()[0].message.contains("metricType"));
    }

    #[tokio::test]
    async fn where_nothing_measures_it_is_said() {
        let input = input("cpu", Some(MetricType::Utilization), &[("value", "60")]);
        let scaler = catalog::check(&input).unwrap().connect(&Clients::new());
        let now: Timestamp = "2026-06-01T12:00:00Z".parse().unwrap();
        let error = scaler.read(now, std::time::Duration::from_secs(1)).await.unwrap_err();
        assert_eq!(error.kind, ReadErrorKind::Configuration);
    }
}
