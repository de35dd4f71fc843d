//! Promises about single figures of a record: finite, known or not, how old.

use super::{ACTIVE, AGE, ERROR_VALUE, FINITE, FORMAT_NAME, Findings, NEXT};
use crate::record::{Cause, FORMAT, ReadingRecord, Record, Rule};

pub(super) fn check(record: &Record, findings: &mut Findings) {
    findings.require(&*record.format == FORMAT, FORMAT_NAME, || {
        format!("the record says format {:?}, this is {FORMAT}", record.format)
    });
    findings.require(record.sequence >= 1, FORMAT_NAME, || "the record has sequence 0; the first is 1".to_owned());
    for reading in &record.readings {
        values(reading, findings);
        knowledge(reading, findings);
        age(record, reading, findings);
    }
    formula(record, findings);
    active(record, findings);
    if let Some(next) = &record.next {
        findings.require(next.at >= record.at, NEXT, || {
            format!("{:?} is due at {}, before the decision at {}", next.what, next.at, record.at)
        });
    }
}

fn values(reading: &ReadingRecord, findings: &mut Findings) {
    if let Some(value) = reading.value {
        findings.require(value.is_finite() && value >= 0.0, FINITE, || {
            format!("trigger {} has the value {value}", reading.trigger)
        });
    }
    let target = reading.target.amount();
    findings.require(target.is_finite() && target >= 0.0, FINITE, || {
        format!("trigger {} has the target {target}", reading.trigger)
    });
    findings.require(reading.activation.is_finite(), FINITE, || {
        format!("trigger {} has the activation threshold {}", reading.trigger, reading.activation)
    });
}

fn knowledge(reading: &ReadingRecord, findings: &mut Findings) {
    // A value that was read and cannot be measured (no pod to measure it by) keeps its error, and asks for nothing.
    let read_well = reading.failures == 0 && reading.wanted.is_none();
    if reading.error.is_some() && !reading.fallback && !read_well {
        findings.require(reading.value.is_none(), ERROR_VALUE, || {
            format!("trigger {} failed and yet has the value {:?}", reading.trigger, reading.value)
        });
    }
    if reading.value.is_none() && !reading.fallback {
        findings.require(reading.wanted.is_none(), ERROR_VALUE, || {
            format!("trigger {} is not known and yet asks for {:?} replicas", reading.trigger, reading.wanted)
        });
        findings.require(!reading.active || reading.pushed, ERROR_VALUE, || {
            format!("trigger {} is not known and yet active", reading.trigger)
        });
    }
    findings.require(!reading.fallback || reading.failures > 0 || reading.error.is_some(), ERROR_VALUE, || {
        format!("a fallback stands in for trigger {}, which has not failed", reading.trigger)
    });
}

fn age(record: &Record, reading: &ReadingRecord, findings: &mut Findings) {
    let kept = match (reading.at, reading.age_ms) {
        (None, None) => true,
        (Some(at), Some(age)) => record.at.since(at).as_millis() == u128::from(age),
        _ => false,
    };
    findings.require(kept, AGE, || {
        format!(
            "trigger {} was read at {}, decided on at {}, and its age is said to be {} ms",
            reading.trigger,
            reading.at.map_or("-".to_owned(), |at| at.to_string()),
            record.at,
            reading.age_ms.map_or("-".to_owned(), |age| age.to_string()),
        )
    });
}

fn formula(record: &Record, findings: &mut Findings) {
    let Some(formula) = &record.formula else { return };
    if let Some(value) = formula.value {
        findings.require(value.is_finite(), FINITE, || format!("the formula gives {value}"));
    }
    // A result that cannot be measured (no pod to measure it by) keeps its error, and asks for nothing.
    findings.require(formula.error.is_none() || formula.wanted.is_none(), ERROR_VALUE, || {
        format!("the formula failed and yet asks for {:?} replicas", formula.wanted)
    });
    findings.require(formula.value.is_some() || formula.wanted.is_none(), ERROR_VALUE, || {
        format!("the formula has no result and yet asks for {:?} replicas", formula.wanted)
    });
}

/// With a formula, its result decides; without, any trigger does. A failing trigger decides nothing, so only a known
/// one can contradict the record.
fn active(record: &Record, findings: &mut Findings) {
    if record.steps.iter().any(|step| step.rule == Rule::ForceActivation) {
        findings.require(record.active, ACTIVE, || "forced to be active, and the record says inactive".to_owned());
        return;
    }
    let resources = record.readings.iter().filter(|reading| reading.target.is_resource()).count();
    let only_resources = resources > 0 && resources == record.readings.len();
    if only_resources || record.readings.iter().any(|reading| reading.pushed) {
        // No event source to ask, or one that spoke by itself.
        findings.require(record.active || record.workload.is_none() || record.cause == Cause::Removed, ACTIVE, || {
            "a source says that there is work, or none could; and yet the workload is said to be inactive".to_owned()
        });
        return;
    }
    let expected = match &record.formula {
        Some(formula) if formula.fallback => return,
        Some(formula) => formula.value.is_some_and(|value| value > formula.activation),
        None => record.readings.iter().any(|reading| reading.active),
    };
    findings.require(record.active == expected, ACTIVE, || {
        format!("the workload is said to be {}, its triggers say otherwise", activity(record.active))
    });
}

fn activity(active: bool) -> &'static str {
    if active { "active" } else { "inactive" }
}
