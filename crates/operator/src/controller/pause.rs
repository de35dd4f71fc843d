//! What the pause annotations ask for, whatever else is right or wrong with a manifest.

use tidegate_crds::ScaledObject;
use tidegate_engine::{Mode, Pause, Policy};

const PAUSED: &str = "autoscaling.keda.sh/paused";
const PAUSED_REPLICAS: &str = "autoscaling.keda.sh/paused-replicas";
const PAUSED_SCALE_IN: &str = "autoscaling.keda.sh/paused-scale-in";
const PAUSED_SCALE_OUT: &str = "autoscaling.keda.sh/paused-scale-out";

/// What they ask for, and what is wrong with them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Asked {
    pub(super) pause: Pause,
    pub(super) error: Option<String>,
}

impl Asked {
    /// `paused` or `paused-replicas`: there is no HorizontalPodAutoscaler then.
    pub(super) fn is_full(&self) -> bool {
        self.pause.is_full()
    }

    /// Any of them.
    pub(super) fn any(&self) -> bool {
        self.is_full() || self.pause.scale_in || self.pause.scale_out
    }
}

/// Reads them. A count that is no number still pauses, as in KEDA.
pub(super) fn asked(object: &ScaledObject) -> Asked {
    let get = |name: &str| object.metadata.annotations.as_ref()?.get(name).map(String::as_str);
    // A boolean as Go reads one; anything else counts as true.
    let flag =
        |name: &str| get(name).is_some_and(|value| !matches!(value, "0" | "f" | "F" | "FALSE" | "false" | "False"));
    let count = get(PAUSED_REPLICAS).map(|text| text.parse::<i32>().ok().and_then(|count| u32::try_from(count).ok()));
    let bad = count == Some(None);
    let error = bad.then(|| {
        let text = get(PAUSED_REPLICAS).unwrap_or_default();
        format!("metadata.annotations[{PAUSED_REPLICAS:?}]: found {text:?}, expected a whole number of at least 0; scaling is paused meanwhile")
    });
    let pause = Pause {
        all: flag(PAUSED) || bad,
        at: count.flatten(),
        scale_in: flag(PAUSED_SCALE_IN),
        scale_out: flag(PAUSED_SCALE_OUT),
    };
    Asked { pause, error }
}

/// The policy for a pause where no other can be made: nothing is read, and nothing moves but to the count asked for.
pub(super) fn policy(object: &ScaledObject, pause: Pause) -> Policy {
    let spec = &object.spec;
    Policy {
        min_replicas: spec.min_replica_count.unwrap_or(0),
        max_replicas: spec.max_replica_count.unwrap_or(100),
        idle_replicas: None,
        cooldown: std::time::Duration::ZERO,
        initial_cooldown: std::time::Duration::ZERO,
        created: None,
        triggers: Vec::new(),
        behavior: None,
        tolerance: 0.1,
        fallback: None,
        formula: None,
        pause,
        force_activation: false,
        restore_original: spec.advanced.as_ref().and_then(|a| a.restore_to_original_replica_count).unwrap_or(false),
        mode: Mode::Hpa,
        compat: tidegate_engine::Compat::default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(annotations: &[(&str, &str)]) -> Asked {
        let mut object = ScaledObject::default();
        let annotations = annotations.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
        object.metadata.annotations = Some(annotations.collect());
        asked(&object)
    }

    /// PAU-01, PAU-07, PAU-08, PAU-09, ACT-30.
    #[test]
    fn annotations_are_read_as_keda_reads_them() {
        for (value, paused) in [("true", true), ("", true), ("maybe", true), ("false", false), ("0", false)] {
            assert_eq!(with(&[(PAUSED, value)]).is_full(), paused, "{value:?}");
        }
        assert_eq!(with(&[(PAUSED, "false"), (PAUSED_REPLICAS, "4")]).pause.at, Some(4));
        let bad = with(&[(PAUSED_REPLICAS, "four")]);
        assert!(bad.is_full() && bad.error.is_some());
        let one_way = with(&[(PAUSED_SCALE_IN, "true")]);
        assert!(one_way.any() && !one_way.is_full());
    }
}
