//! What pods can tell the test node about themselves.

use std::collections::BTreeMap;
use std::time::Duration;

/// `"true"`: the pod runs no process, the node only says so. Pods without a command pretend as well.
pub(crate) const PRETEND: &str = "node.tidegate.dev/pretend";

/// Of a pod that pretends: `"true"` (the default), `"false"` (never ready), or a duration after which it is ready. May be
/// changed while the pod runs.
pub(crate) const READY: &str = "node.tidegate.dev/ready";

/// Of a pod that pretends: the CPU that each of its containers uses, as `250m`. Without it, it has no metrics. May be
/// changed while the pod runs.
pub(crate) const CPU: &str = "node.tidegate.dev/cpu";

/// The same for memory, as `64Mi`.
pub(crate) const MEMORY: &str = "node.tidegate.dev/memory";

/// When a pod that pretends is ready.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Readiness {
    /// So long after its start.
    After(Duration),
    Never,
}

/// Reads [`READY`]. What cannot be read counts as never, so that it is noticed.
pub(crate) fn readiness(annotations: &BTreeMap<String, String>) -> Readiness {
    match annotations.get(READY).map(String::as_str) {
        None | Some("true") => Readiness::After(Duration::ZERO),
        Some("false") => Readiness::Never,
        Some(text) => tidegate_crds::duration(text).map_or(Readiness::Never, Readiness::After),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readiness_is_read() {
        let of = |text: &str| readiness(&BTreeMap::from([(READY.to_owned(), text.to_owned())]));
        assert_eq!(readiness(&BTreeMap::new()), Readiness::After(Duration::ZERO));
        assert_eq!(of("false"), Readiness::Never);
        assert_eq!(of("1500ms"), Readiness::After(Duration::from_millis(1500)));
        assert_eq!(of("soon"), Readiness::Never);
    }
}
