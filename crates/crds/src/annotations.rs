//! What a ScaledObject's annotations ask for.

use tidegate_engine::{Compat, Pause};

use crate::admission::{Refusal, reason};
use crate::nearest::{nearest, suggestion};
use crate::object::Located;
use crate::path;
use crate::problem::Problem;
use crate::scaled_object::ScaledObject;
use crate::scaling_policy::CompatSwitch;

const PAUSED: &str = "autoscaling.keda.sh/paused";
const PAUSED_REPLICAS: &str = "autoscaling.keda.sh/paused-replicas";
const PAUSED_SCALE_IN: &str = "autoscaling.keda.sh/paused-scale-in";
const PAUSED_SCALE_OUT: &str = "autoscaling.keda.sh/paused-scale-out";
const FORCE_ACTIVATION: &str = "autoscaling.keda.sh/force-activation";
const COMPAT: &str = "tidegate.dev/compat";
pub(crate) const TRANSFER_HPA: &str = "scaledobject.keda.sh/transfer-hpa-ownership";

/// Every annotation with a meaning.
const KNOWN: [&str; 8] = [
    PAUSED,
    PAUSED_REPLICAS,
    PAUSED_SCALE_IN,
    PAUSED_SCALE_OUT,
    FORCE_ACTIVATION,
    COMPAT,
    TRANSFER_HPA,
    "scaledobject.keda.sh/hpa-excluded-labels",
];

/// Prefixes under which an unknown annotation is likely a slip.
const OUR_PREFIXES: [&str; 3] = ["autoscaling.keda.sh/", "scaledobject.keda.sh/", "tidegate.dev/"];

/// What the annotations ask for.
pub(crate) struct Annotations {
    pub(crate) pause: Pause,
    pub(crate) force_activation: bool,
    pub(crate) compat: Compat,
}

/// Reads the annotations; problems are added to `problems`.
pub(crate) fn read(object: &Located<&ScaledObject>, problems: &mut Vec<Problem>) -> Annotations {
    warn_of_slips(object, problems);
    let pause = Pause {
        all: flag(object, PAUSED, problems),
        at: paused_replicas(object, problems),
        scale_in: flag(object, PAUSED_SCALE_IN, problems),
        scale_out: flag(object, PAUSED_SCALE_OUT, problems),
    };
    Annotations { pause, force_activation: flag(object, FORCE_ACTIVATION, problems), compat: compat(object, problems) }
}

/// What is wrong with the annotations.
pub(crate) fn check(object: &Located<&ScaledObject>, found: &mut Vec<Refusal>) {
    let mut problems = Vec::new();
    read(object, &mut problems);
    found.extend(problems.into_iter().map(|problem| Refusal { reason: reason::ANNOTATIONS, problem }));
}

fn get<'a>(object: &Located<&'a ScaledObject>, name: &str) -> Option<&'a str> {
    object.value.metadata.annotations.as_ref()?.get(name).map(String::as_str)
}

fn field(name: &str) -> String {
    path::join("metadata.annotations", name)
}

/// A boolean as Go reads one; anything else counts as true, as in KEDA.
pub(crate) fn flag(object: &Located<&ScaledObject>, name: &str, problems: &mut Vec<Problem>) -> bool {
    match get(object, name) {
        None | Some("0" | "f" | "F" | "FALSE" | "false" | "False") => false,
        Some("1" | "t" | "T" | "TRUE" | "true" | "True") => true,
        Some(other) => {
            let message = format!("found {other:?}, which is neither \"true\" nor \"false\" and counts as true");
            problems.push(object.source.warning(&field(name), message));
            true
        }
    }
}

fn paused_replicas(object: &Located<&ScaledObject>, problems: &mut Vec<Problem>) -> Option<u32> {
    let text = get(object, PAUSED_REPLICAS)?;
    match text.parse::<i32>().ok().and_then(|count| u32::try_from(count).ok()) {
        Some(count) => Some(count),
        None => {
            let expected = "a whole number of at least 0, in quotes";
            problems.push(object.source.mismatch(&field(PAUSED_REPLICAS), format!("{text:?}"), expected));
            None
        }
    }
}

fn compat(object: &Located<&ScaledObject>, problems: &mut Vec<Problem>) -> Compat {
    let mut compat = Compat::default();
    for word in get(object, COMPAT).unwrap_or_default().split(',').map(str::trim).filter(|word| !word.is_empty()) {
        match CompatSwitch::ALL.into_iter().find(|switch| switch.as_str() == word) {
            Some(switch) => set(&mut compat, switch),
            None => {
                let known = CompatSwitch::ALL.map(CompatSwitch::as_str);
                let message = format!("unknown switch {word:?}; {}", suggestion(word, &known));
                problems.push(object.source.error(&field(COMPAT), message));
            }
        }
    }
    compat
}

/// Turns one switch on.
pub(crate) fn set(compat: &mut Compat, switch: CompatSwitch) {
    match switch {
        CompatSwitch::PartitionCapRoundsDown => compat.partition_cap_rounds_down = true,
        CompatSwitch::PartitionCapBeforeTolerance => compat.partition_cap_before_tolerance = true,
        CompatSwitch::FallbackZeroScalesToZero => compat.fallback_zero_scales_to_zero = true,
        CompatSwitch::FallbackNeedsWholeFormulaTarget => compat.fallback_needs_whole_formula_target = true,
    }
}

fn warn_of_slips(object: &Located<&ScaledObject>, problems: &mut Vec<Problem>) {
    for name in object.value.metadata.annotations.iter().flat_map(|map| map.keys()) {
        if KNOWN.contains(&name.as_str()) || !OUR_PREFIXES.iter().any(|prefix| name.starts_with(prefix)) {
            continue;
        }
        let advice = match nearest(name, KNOWN) {
            Some(known) => format!("unknown annotation; did you mean {known:?}?"),
            None => "unknown annotation; it has no effect".to_owned(),
        };
        problems.push(object.source.warning(&field(name), advice));
    }
}
