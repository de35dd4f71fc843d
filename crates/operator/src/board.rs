//! What the metrics API answers from: the last value of each metric, kept in memory.
//!
//! Whoever reads it never waits for a source. A stalled source makes a value old, and the answer says how old.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use tidegate_engine::{TargetId, Timestamp};

/// The last knowledge of one external metric.
#[derive(Clone, Debug, PartialEq)]
pub struct BoardValue {
    /// Its name in the HorizontalPodAutoscaler, as `s0-kafka-orders` or `composite-metric`.
    pub metric: Arc<str>,
    /// The value, or why there is none, in words that hold no secret.
    pub value: Result<f64, Arc<str>>,
    /// When the source said so; for an error, when it was noticed.
    pub at: Timestamp,
    /// Whether the value stands in by fallback.
    pub fallback: bool,
}

/// The answer to a question for one metric.
#[derive(Clone, Debug, PartialEq)]
pub enum Lookup {
    /// Nobody by that name has metrics here.
    UnknownTarget,
    /// The ScaledObject is known and has no such metric; these it has.
    UnknownMetric(Vec<Arc<str>>),
    /// This is known of it.
    Known(BoardValue),
}

/// The last values of all targets. Cheap to clone; clones share.
#[derive(Clone, Debug, Default)]
pub struct Board {
    values: Arc<RwLock<HashMap<TargetId, Arc<[BoardValue]>>>>,
}

impl Board {
    /// With nothing known.
    #[must_use]
    pub fn new() -> Self {
        Board::default()
    }

    /// Replaces all that is known of a target's metrics.
    pub fn set(&self, target: &TargetId, values: Vec<BoardValue>) {
        self.values.write().unwrap_or_else(PoisonError::into_inner).insert(target.clone(), values.into());
    }

    /// Forgets a target.
    pub fn remove(&self, target: &TargetId) {
        self.values.write().unwrap_or_else(PoisonError::into_inner).remove(target);
    }

    /// All that is known of one target. `None`: nothing was ever said of it.
    #[must_use]
    pub fn all(&self, target: &TargetId) -> Option<Arc<[BoardValue]>> {
        self.values.read().unwrap_or_else(PoisonError::into_inner).get(target).cloned()
    }

    /// All that is known, of one namespace or of all, sorted.
    #[must_use]
    pub fn list(&self, namespace: Option<&str>) -> Vec<(TargetId, Arc<[BoardValue]>)> {
        let values = self.values.read().unwrap_or_else(PoisonError::into_inner);
        let wanted =
            values.iter().filter(|(target, _)| namespace.is_none_or(|namespace| target.namespace() == namespace));
        let mut found: Vec<_> = wanted.map(|(target, values)| (target.clone(), Arc::clone(values))).collect();
        found.sort_by(|one, other| one.0.cmp(&other.0));
        found
    }

    /// One metric of a target, whatever the case of its name.
    #[must_use]
    pub fn get(&self, target: &TargetId, metric: &str) -> Lookup {
        let Some(values) = self.all(target) else { return Lookup::UnknownTarget };
        match values.iter().find(|value| value.metric.eq_ignore_ascii_case(metric)) {
            Some(value) => Lookup::Known(value.clone()),
            None => Lookup::UnknownMetric(values.iter().map(|value| Arc::clone(&value.metric)).collect()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_metric_is_found_whatever_the_case_of_its_name() {
        let (board, orders) = (Board::new(), TargetId::new("shop", "orders"));
        let value = BoardValue {
            metric: "s0-kafka-Orders".into(),
            value: Ok(7.0),
            at: Timestamp::from_millis(5),
            fallback: false,
        };
        assert_eq!(board.get(&orders, "s0-kafka-orders"), Lookup::UnknownTarget);
        board.set(&orders, vec![value.clone()]);
        assert_eq!(board.get(&orders, "S0-KAFKA-orders"), Lookup::Known(value));
        assert_eq!(board.get(&orders, "s1"), Lookup::UnknownMetric(vec!["s0-kafka-Orders".into()]));
        board.remove(&orders);
        assert_eq!(board.get(&orders, "s0-kafka-orders"), Lookup::UnknownTarget);
    }
}
