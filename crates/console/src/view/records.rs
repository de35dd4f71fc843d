//! Decision records with their explanation.

use serde::Serialize;
use tidegate_engine::{Record, TargetId, explain, headline};

use crate::store::{RecordFilter, State, is_action};

/// One record as the API gives it: the record itself, and the same in words.
#[derive(Debug, Serialize)]
pub(crate) struct RecordItem<'a> {
    #[serde(flatten)]
    record: &'a Record,
    /// One line.
    headline: String,
    /// Sentences.
    explanation: String,
    /// Whether it changed the number of replicas, tried to, or advised to.
    action: bool,
}

impl<'a> RecordItem<'a> {
    /// `record` in words.
    pub(crate) fn of(record: &'a Record) -> Self {
        RecordItem { record, headline: headline(record), explanation: explain(record), action: is_action(record) }
    }
}

/// One page of records, newest first.
#[derive(Debug, Serialize)]
pub(crate) struct RecordPage<'a> {
    target: &'a TargetId,
    records: Vec<RecordItem<'a>>,
    /// `before` of the next page; `null` when there is none.
    next: Option<u64>,
}

/// At most `limit` records with a sequence number below `before`. `None`: no such target.
pub(crate) fn record_page<'a>(
    state: &'a State,
    target: &'a TargetId,
    filter: RecordFilter,
    before: Option<u64>,
    limit: usize,
) -> Option<RecordPage<'a>> {
    let decisions = &state.targets.get(target)?.decisions;
    let mut wanted = decisions
        .newest_first()
        .filter(|record| before.is_none_or(|before| record.sequence < before))
        .filter(|record| filter == RecordFilter::All || is_action(record))
        .peekable();
    let mut records = Vec::new();
    while records.len() < limit
        && let Some(record) = wanted.next()
    {
        records.push(record);
    }
    let next = wanted.peek().and(records.last()).map(|last| last.sequence);
    Some(RecordPage { target, records: records.into_iter().map(|record| RecordItem::of(record)).collect(), next })
}
