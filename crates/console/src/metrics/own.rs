//! Tidegate's own series: what KEDA's leave unsaid. Labels follow KEDA's, so that both can be joined.

use tidegate_engine::{TargetId, Timestamp};

use super::keda::count;
use super::text::Text;
use crate::info::TriggerInfo;
use crate::store::{State, StoreOptions, TargetState};

/// All of them. `streams`: readers of the live stream, and how many were cut off.
pub(super) fn write(text: &mut Text, state: &State, options: &StoreOptions, now: Timestamp, streams: (usize, u64)) {
    text.family("tidegate_build_info", "gauge", "The running version; always 1.")
        .add(&[("version", &options.version), ("commit", &options.git_commit)], 1.0);
    replicas(text, state);
    sources(text, state);
    readings(text, state, now);
    decisions(text, state);
    text.family("tidegate_problems", "gauge", "Things that are wrong with the manifests now.")
        .add(&[], count(state.all_problems().len() as u64));
    if let Some(load) = state.load {
        text.family("tidegate_load_target_rate", "gauge", "Records a second that the load scenario asks for.")
            .add(&[], load.target_rate);
        text.family("tidegate_load_produced_records_total", "counter", "Records that the load scenario has produced.")
            .add(&[], count(load.produced_total));
    }
    text.family("tidegate_console_streams", "gauge", "Readers of the live stream.").add(&[], count(streams.0 as u64));
    text.family("tidegate_console_streams_dropped_total", "counter", "Readers cut off since they did not keep up.")
        .add(&[], count(streams.1));
}

type Number = fn(&TargetState) -> Option<f64>;

fn each(text: &mut Text, state: &State, name: &'static str, kind: &'static str, help: &str, number: Number) {
    let mut family = text.family(name, kind, help);
    for (id, target) in &state.targets {
        family.add_known(&[("namespace", id.namespace()), ("scaledObject", id.name())], number(target));
    }
}

fn replicas(text: &mut Text, state: &State) {
    let families: [(&'static str, &str, Number); 8] = [
        ("tidegate_desired_replicas", "Replicas that the latest decision wants.", |target| {
            target.decisions.latest().map(|record| f64::from(record.desired_replicas))
        }),
        ("tidegate_running_replicas", "Replicas that exist.", |target| {
            target.workload.map(|(_, counts)| f64::from(counts.current))
        }),
        ("tidegate_ready_replicas", "Replicas that are ready.", |target| {
            target.workload.map(|(_, counts)| f64::from(counts.ready))
        }),
        ("tidegate_min_replicas", "Fewest replicas while active.", |target| {
            Some(f64::from(target.limits.map_or(target.info.min, |limits| limits.min)))
        }),
        ("tidegate_max_replicas", "Most replicas.", |target| {
            Some(f64::from(target.limits.map_or(target.info.max, |limits| limits.max)))
        }),
        ("tidegate_useful_replicas", "Most replicas that the sources can keep busy.", |target| {
            target.limits.and_then(|limits| limits.useful).map(f64::from)
        }),
        ("tidegate_active", "Whether the workload counts as active (1) or not (0).", |target| {
            target.decisions.latest().map(|record| f64::from(u8::from(record.active)))
        }),
        ("tidegate_decision_timestamp_seconds", "When the latest decision was made.", |target| {
            target.decisions.latest().map(|record| count(record.at.as_millis().unsigned_abs()) / 1_000.0)
        }),
    ];
    for (name, help, number) in families {
        each(text, state, name, "gauge", help, number);
    }
}

#[allow(clippy::cast_precision_loss, reason = "the format knows no other numbers")]
fn sources(text: &mut Text, state: &State) {
    each(text, state, "tidegate_lag_records", "gauge", "Records waiting in all partitions.", |target| {
        target.lag().map(|lag| lag as f64)
    });
    each(text, state, "tidegate_produced_records_per_second", "gauge", "Arrival rate.", |target| target.rate(0));
    each(text, state, "tidegate_consumed_records_per_second", "gauge", "Service rate.", |target| target.rate(1));
    let mut family = text.family("tidegate_partition_lag_records", "gauge", "Records waiting in a partition.");
    for (id, target) in &state.targets {
        for (index, trigger) in target.triggers.iter().enumerate().filter(|(_, trigger)| trigger.error.is_none()) {
            for partition in trigger.figures().map_or(&[][..], |figures| &figures.partitions) {
                let labels = [
                    ("namespace", id.namespace()),
                    ("scaledObject", id.name()),
                    ("triggerIndex", &index.to_string()),
                    ("topic", &partition.topic),
                    ("partition", &partition.partition.to_string()),
                ];
                family.add(&labels, partition.lag as f64);
            }
        }
    }
}

/// A trigger with its index, whether it is up, its reading's age in seconds, and its capacity.
type Row<'a> = (&'a TargetId, &'a TriggerInfo, String, Option<f64>, Option<f64>, Option<f64>);
type RowNumber = fn(&Row<'_>) -> Option<f64>;

fn readings(text: &mut Text, state: &State, now: Timestamp) {
    let mut rows = Vec::new();
    for (id, target) in &state.targets {
        for (index, (info, trigger)) in target.info.triggers.iter().zip(&target.triggers).enumerate() {
            let index = index.to_string();
            let age = trigger.latest.as_ref().map(|reading| now.since(reading.at).as_secs_f64());
            let up = (trigger.latest.is_some() || trigger.error.is_some())
                .then(|| f64::from(u8::from(trigger.error.is_none())));
            rows.push((id, info, index, up, age, target.capacity(info.target)));
        }
    }
    let families: [(&'static str, &str, RowNumber); 4] = [
        ("tidegate_trigger_up", "Whether the trigger's last read was answered (1) or failed (0).", |row| row.3),
        ("tidegate_reading_age_seconds", "Age of the last good reading.", |row| row.4),
        ("tidegate_trigger_target", "The metric's target: a replica's share, or in all.", |row| {
            Some(row.1.target.amount())
        }),
        ("tidegate_trigger_capacity", "What the running replicas are meant to take of the metric.", |row| row.5),
    ];
    for (name, help, number) in families {
        let mut family = text.family(name, "gauge", help);
        for row in &rows {
            let labels = [
                ("namespace", row.0.namespace()),
                ("metric", &row.1.metric),
                ("scaledObject", row.0.name()),
                ("triggerIndex", &row.2),
            ];
            family.add_known(&labels, number(row));
        }
    }
}

fn decisions(text: &mut Text, state: &State) {
    let mut family = text.family("tidegate_decisions_total", "counter", "Decisions by the rule that bound them.");
    for (id, target) in &state.targets {
        for (rule, number) in &target.decisions.by_rule {
            let labels = [("namespace", id.namespace()), ("scaledObject", id.name()), ("rule", rule.as_str())];
            family.add(&labels, count(*number));
        }
    }
    let mut family = text.family("tidegate_scale_events_total", "counter", "Changes of the replica count.");
    for (id, target) in &state.targets {
        for (direction, number) in ["out", "in"].into_iter().zip(target.decisions.scaled) {
            let labels = [("namespace", id.namespace()), ("scaledObject", id.name()), ("direction", direction)];
            family.add(&labels, count(number));
        }
    }
}
