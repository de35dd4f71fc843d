//! From a group's offsets to the reading of a trigger: the value, the useful parallelism, and the figures beside them.

use std::collections::BTreeMap;
use std::sync::Arc;

use tidegate_engine::{Figures, PartitionFigures, ReadError, ReadErrorKind, Reading, Timestamp};

use crate::kafka::lag::{Reset, Rules, Special, even, lag};
use crate::kafka::pass::{GroupOffsets, PartitionOffsets, Want};
use crate::kafka::progress::{NO_PROGRESS_FOR, Progress};

/// How a trigger makes a value of lags.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Shape {
    pub(crate) rules: Rules,
    /// Only these partitions, sorted.
    pub(crate) partitions: Option<Vec<i32>>,
    pub(crate) threshold: i64,
    /// Whether more replicas than partitions are useless.
    pub(crate) bounded: bool,
    /// Whether more replicas than partitions with lag are.
    pub(crate) only_with_lag: bool,
    pub(crate) even: bool,
    pub(crate) exclude_persistent: bool,
}

/// Sums over the partitions that count.
#[derive(Default)]
struct Sums {
    /// Lag that counts for the value.
    lag: i64,
    /// The same with persistent lag.
    whole: i64,
    produced: i64,
    consumed: i64,
    with_lag: usize,
    figures: Vec<PartitionFigures>,
    special: BTreeMap<Special, Vec<String>>,
    stuck: Vec<String>,
}

/// The reading of one trigger.
///
/// # Errors
/// When the group has committed nothing and no topic is given, or no partition is left to count.
pub(crate) fn from_offsets(
    want: &Want,
    found: &GroupOffsets,
    shape: &Shape,
    progress: &mut Progress,
    now: Timestamp,
) -> Result<Reading, ReadError> {
    let mut sums = Sums::default();
    for topic in &found.topics {
        for partition in topic.partitions.iter().filter(|partition| shape.counts(partition.partition)) {
            sums.add(&topic.name, partition, shape, progress, now);
        }
    }
    let partitions = sums.figures.len();
    if partitions == 0 {
        return Err(nothing(want, found, shape));
    }
    let mut value = if shape.even { even(sums.lag, shape.threshold, partitions) } else { sums.lag };
    if shape.only_with_lag {
        // In the value and not in the parallelism: partitions catch up from one moment to the next, and a bound that
        // falls so fast would scale in past the stabilization window.
        let with_lag = i64::try_from(sums.with_lag).unwrap_or(i64::MAX);
        value = value.min(with_lag.saturating_mul(shape.threshold));
    }
    #[allow(clippy::cast_precision_loss, reason = "a lag is exact below 2^53 records")]
    Ok(Reading {
        activation_value: (sums.whole != value).then_some(sums.whole as f64),
        parallelism: shape.bounded.then(|| u32::try_from(partitions).unwrap_or(u32::MAX)),
        figures: Some(Arc::new(sums.into_figures(found, shape))),
        ..Reading::of(value.max(0) as f64, now)
    })
}

impl Shape {
    fn counts(&self, partition: i32) -> bool {
        self.partitions.as_ref().is_none_or(|only| only.binary_search(&partition).is_ok())
    }
}

impl Sums {
    fn add(
        &mut self,
        topic: &Arc<str>,
        partition: &PartitionOffsets,
        shape: &Shape,
        progress: &mut Progress,
        now: Timestamp,
    ) {
        let (lag, special) = lag(partition, shape.rules);
        let name = || format!("{topic}/{}", partition.partition);
        let stuck =
            shape.exclude_persistent && progress.is_stuck(topic, partition.partition, partition.committed, lag, now);
        self.whole = self.whole.saturating_add(lag);
        if stuck {
            self.stuck.push(name());
        } else {
            self.lag = self.lag.saturating_add(lag);
        }
        self.with_lag += usize::from(lag > 0 && !stuck);
        self.produced = self.produced.saturating_add(partition.end.max(partition.high.unwrap_or(0)));
        // A group without a committed offset has its place at the log's start, so that its first commit does not look
        // like the work of a moment.
        let place = partition.committed.or(partition.start).unwrap_or(0);
        self.consumed = self.consumed.saturating_add(place.max(0));
        if let Some(special) = special {
            self.special.entry(special).or_default().push(name());
        }
        self.figures.push(PartitionFigures {
            topic: Arc::clone(topic),
            partition: partition.partition,
            lag,
            end_offset: partition.end,
            committed_offset: partition.committed,
            log_start_offset: partition.start,
        });
    }

    fn into_figures(self, found: &GroupOffsets, shape: &Shape) -> Figures {
        let mut notes: Vec<String> =
            self.special.iter().map(|(special, names)| explain(*special, names, shape.rules)).collect();
        if !self.stuck.is_empty() {
            notes.push(format!(
                "no commit for {} s although there is lag, so left out of the value: {}",
                NO_PROGRESS_FOR.as_secs(),
                listed(&self.stuck)
            ));
        }
        if shape.even {
            notes.push(format!("lag {} evened out over {} partitions", self.lag, self.figures.len()));
        }
        if !found.gone.is_empty() {
            let names: Vec<String> = found.gone.iter().map(ToString::to_string).collect();
            notes.push(format!("topics with committed offsets that do not exist any more: {}", listed(&names)));
        }
        Figures {
            produced_total: u64::try_from(self.produced).ok(),
            consumed_total: u64::try_from(self.consumed).ok(),
            members: found.members,
            group_state: found.state.clone(),
            partitions: self.figures,
            notes,
        }
    }
}

/// How a rule came to its number, in a sentence.
fn explain(special: Special, names: &[String], rules: Rules) -> String {
    let counted = match rules {
        Rules { zero_on_invalid: true, .. } => "counted as 0 (scaleToZeroOnInvalidOffset)",
        Rules { reset: Reset::Earliest, .. } => "counted from the log's start (offsetResetPolicy earliest)",
        Rules { reset: Reset::Latest, .. } => {
            "counted as 1, so that a consumer finds its place (offsetResetPolicy latest)"
        }
    };
    let names = listed(names);
    match special {
        Special::NoCommit => format!("no committed offset, {counted}: {names}"),
        Special::Ahead => {
            format!(
                "committed offset beyond the log's end (truncated, or the topic was made again), {counted}: {names}"
            )
        }
        Special::Expired => {
            format!("committed offset older than what retention left, counted from the log's start: {names}")
        }
        Special::Markers => format!("transaction markers and aborted records not counted: {names}"),
    }
}

/// The first few names, and how many more there are.
fn listed(names: &[String]) -> String {
    const SHOWN: usize = 5;
    let shown = names.iter().take(SHOWN).map(String::as_str).collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(SHOWN) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

fn nothing(want: &Want, found: &GroupOffsets, shape: &Shape) -> ReadError {
    let group = &want.group;
    let message = match (&want.topics, &shape.partitions) {
        (None, _) if !found.gone.is_empty() => format!(
            "kafka: group {group} has committed offsets only of topics that do not exist any more; give parameter topic"
        ),
        (None, _) => format!(
            "kafka: group {group} has committed no offsets and no topic is given, so nothing is known of its lag; \
             give parameter topic, or let one of its consumers commit first"
        ),
        (Some(topics), Some(_)) => format!(
            "kafka: partitionLimitation leaves no partition of topic {}; check the partitions' numbers",
            topics.join(",")
        ),
        (Some(topics), None) => format!("kafka: topic {} has no partitions", topics.join(",")),
    };
    ReadError::new(ReadErrorKind::NotFound, message)
}
