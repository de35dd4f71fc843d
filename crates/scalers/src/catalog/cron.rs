//! Scales to a number of replicas between a start and an end, by the clock of a time zone.

use std::time::Duration;

use async_trait::async_trait;
use tidegate_engine::{ReadError, Reading, Timestamp};

use crate::clients::Clients;
use crate::declare::parameters;
use crate::given::{Given, Metric, source_of};
use crate::input::TriggerInput;
use crate::scaler::MetricSpec;
use crate::trigger::Trigger;

parameters! {
    /// When, and how many.
    pub(super) struct Config {
        /// The time zone by its IANA name, as `Europe/Amsterdam`, or `UTC`.
        timezone: String = "timezone" from [Metadata];
        /// When it becomes active: a cron expression of five fields.
        start: String = "start" from [Metadata];
        /// When it ceases to be active: a cron expression of five fields.
        end: String = "end" from [Metadata];
        /// How many replicas it asks for from start to end.
        desired_replicas: i64 = "desiredReplicas" from [Metadata] { min(1.0) };
    }
}

/// A schedule.
pub(super) struct Cron {
    config: Config,
}

#[async_trait]
impl Trigger for Cron {
    type Config = Config;

    fn check(config: &Config, given: &mut Given<'_>) -> Option<MetricSpec> {
        let name = format!("cron-{}-{}-{}", config.timezone, config.start, config.end);
        given.spec(Metric { name: &name, target: ("desiredReplicas", 1.0), activation: 0.0, source: source_of("cron") })
    }

    fn connect(config: Config, _input: &TriggerInput, _clients: &Clients) -> Self {
        Cron { config }
    }

    async fn read(&self, now: Timestamp, _timeout: Duration) -> Result<Reading, ReadError> {
        Ok(Reading::of(self.config.desired_replicas as f64, now))
    }
}
