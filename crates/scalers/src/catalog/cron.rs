//! Scales to a number of replicas between a start and an end, by the clock of a time zone.
//!
//! It is active when the next thing to happen, of start and end, is an end; then the metric is `desiredReplicas`, else 0,
//! against a target of 1. Nothing is remembered, so any number of starts and ends a day work, and a restart changes
//! nothing. With other triggers beside it, `desiredReplicas` is a floor while the schedule is active, never a ceiling.
//! After the end, going to zero waits for `cooldownPeriod` and going to fewer replicas for the stabilization window.
//!
//! ```yaml
//! triggers:
//!   - type: cron
//!     metadata:
//!       timezone: Europe/Amsterdam
//!       start: 0 8 * * mon-fri
//!       end: 0 18 * * mon-fri
//!       desiredReplicas: "10"
//! ```
//!
//! ## Expressions
//!
//! Five fields: minute, hour, day of month, month, day of week. `*` and `?` are the same; lists `1,15`, ranges `9-17`,
//! steps `*/10` and `5/20`, names `jan` to `dec` and `sun` to `sat`. Sunday is 0, not 7; ranges do not wrap; there are no
//! seconds and no `@daily`. When the day of month or the day of week holds a plain star, both must match; otherwise one
//! is enough. A prefix `TZ=Zone ` counts before `timezone`.
//!
//! When the clock changes, a start or end inside the skipped hour does not happen that day, and one inside the repeated
//! hour happens twice. An expression that matches nothing within five years never happens: with such a start the
//! trigger is always active, with such an end never.

use std::time::Duration;

use async_trait::async_trait;
use jiff::tz::TimeZone;
use std::sync::Arc;
use tidegate_engine::{Figures, ReadError, ReadErrorKind, Reading, Timestamp};

use crate::clients::Clients;
use crate::declare::parameters;
use crate::given::{Given, Metric, source_of};
use crate::input::{MetricType, TriggerInput};
use crate::scaler::MetricSpec;
use crate::schedule::Schedule;
use crate::trigger::Trigger;

parameters! {
    /// When, and how many.
    pub(super) struct Config {
        /// The time zone by its IANA name, as `Europe/Amsterdam`, or `UTC`. `Local` is the zone of the machine that
        /// decides.
        timezone: Zone = "timezone" from [Metadata];
        /// When it becomes active: a cron expression.
        start: Expression = "start" from [Metadata];
        /// When it ceases to be active: a cron expression, other than `start`.
        end: Expression = "end" from [Metadata];
        /// How many replicas it asks for from start to end.
        desired_replicas: i64 = "desiredReplicas" from [Metadata] { min(1.0) };
    }
}

/// A time zone with the name it was asked for by.
#[derive(Clone)]
pub(super) struct Zone {
    name: String,
    zone: TimeZone,
}

/// An expression with its own zone, if it names one.
#[derive(Clone)]
pub(super) struct Expression {
    text: String,
    schedule: Schedule,
    zone: Option<Zone>,
}

impl crate::value::Value for Zone {
    const KIND: crate::Kind = crate::Kind::Text;
    fn parse(text: &str) -> Result<Self, String> {
        let zone = match text {
            "Local" => TimeZone::system(),
            _ => TimeZone::get(text).map_err(|_| "the IANA name of a time zone, as Europe/Amsterdam or UTC")?,
        };
        Ok(Zone { name: text.to_owned(), zone })
    }
}

impl crate::value::Value for Expression {
    const KIND: crate::Kind = crate::Kind::Text;
    fn parse(text: &str) -> Result<Self, String> {
        let schedule = Schedule::parse(text)?;
        let zone = schedule.zone().map(Zone::parse).transpose()?;
        Ok(Expression { text: text.to_owned(), schedule, zone })
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
        let Config { timezone, start, end, .. } = config;
        if start.text == end.text {
            given.problem("end", "found the same expression as in \"start\", expected another time");
        }
        for (name, expression, effect) in [("start", start, "always"), ("end", end, "never")] {
            if never(&expression.schedule) {
                given.warn(name, format!("matches no day within five years, so the trigger is {effect} active"));
            }
        }
        if [Some(timezone), start.zone.as_ref(), end.zone.as_ref()].iter().flatten().any(|zone| zone.name == "Local") {
            given.warn("timezone", "\"Local\" means another time on another machine; name the zone");
        }
        if given.input.metric_type == Some(MetricType::Value) {
            let message = "metricType Value multiplies by the ready replicas each time, so this trigger grows to the \
                           maximum; leave metricType out";
            given.warn("", message);
        }
        let name = format!("cron-{}-{}-{}", timezone.name, in_name(&start.text), in_name(&end.text));
        let metric = Metric { name: &name, target: ("", 1.0), activation: 0.0, source: source_of("cron") };
        given.spec(metric)
    }

    fn connect(config: Config, _input: &TriggerInput, _clients: &Clients) -> Self {
        Cron { config }
    }

    async fn read(&self, now: Timestamp, _timeout: Duration) -> Result<Reading, ReadError> {
        let Config { timezone, start, end, desired_replicas } = &self.config;
        let instant = jiff::Timestamp::from_millisecond(now.as_millis()).map_err(|error| {
            ReadError::new(ReadErrorKind::Internal, format!("evaluating the cron schedule at {now}: {error}"))
        })?;
        let next = |expression: &Expression| {
            let zone = expression.zone.as_ref().unwrap_or(timezone);
            expression.schedule.next(instant, &zone.zone).map(|next| (next, shown(next, zone)))
        };
        let (start, end) = (next(start), next(end));
        let active = active(start.as_ref().map(|next| next.0), end.as_ref().map(|next| next.0));
        #[allow(clippy::cast_precision_loss, reason = "a count of replicas")]
        let value = if active { *desired_replicas as f64 } else { 0.0 };
        let note = |what, next: Option<(jiff::Timestamp, String)>| match next {
            Some((_, shown)) => format!("next {what} at {shown}"),
            None => format!("no {what} within five years"),
        };
        let notes = vec![note("start", start), note("end", end)];
        let figures = Some(Arc::new(Figures { notes, ..Figures::default() }));
        Ok(Reading { figures, ..Reading::of(value, now) })
    }
}

/// Active when the next thing to happen is an end. No start at all counts as one long ago; then no end at all, too.
fn active(start: Option<jiff::Timestamp>, end: Option<jiff::Timestamp>) -> bool {
    match (start, end) {
        (None, _) => true,
        (Some(_), None) => false,
        (Some(start), Some(end)) => end <= start,
    }
}

/// Whether no year of any kind has a day for it: looked for from just before a leap year on.
fn never(schedule: &Schedule) -> bool {
    schedule.next(jiff::Timestamp::constant(1_700_000_000, 0), &TimeZone::UTC).is_none()
}

fn in_name(expression: &str) -> String {
    expression.replace(' ', "").replace('*', "x").replace('/', "Sl").replace('?', "Qm").replace(',', "Cm")
}

/// In UTC and as the zone's clock shows it.
fn shown(instant: jiff::Timestamp, zone: &Zone) -> String {
    let local = zone.zone.to_datetime(instant);
    format!("{instant} ({} in {})", local.strftime("%H:%M"), zone.name)
}

#[cfg(test)]
mod tests;
