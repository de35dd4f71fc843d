//! Which pods to start and which to stop. Pure.

/// A pod as the plan sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PodView {
    /// Counts pods as they are made; the newest has the highest.
    pub(crate) number: u64,
    /// Made from an older template.
    pub(crate) outdated: bool,
    /// Passes its readiness probes.
    pub(crate) ready: bool,
    /// Being stopped already.
    pub(crate) terminating: bool,
    /// `controller.kubernetes.io/pod-deletion-cost`; the cheapest go first.
    pub(crate) cost: i32,
}

/// What to do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Plan {
    /// How many new pods to start.
    pub(crate) start: usize,
    /// Which pods to stop, by number.
    pub(crate) stop: Vec<u64>,
}

/// Brings `pods` to `replicas` pods of the newest template.
///
/// Outdated pods are replaced as a Deployment's default strategy does: a quarter more pods than asked for (rounded up)
/// may exist, and a quarter (rounded down) may be missing.
pub(crate) fn plan(pods: &[PodView], replicas: usize) -> Plan {
    let live: Vec<PodView> = pods.iter().copied().filter(|pod| !pod.terminating).collect();
    let (outdated, current): (Vec<_>, Vec<_>) = live.iter().copied().partition(|pod| pod.outdated);
    let mut stop = victims(current.clone(), current.len().saturating_sub(replicas));
    if outdated.is_empty() {
        return Plan { start: replicas.saturating_sub(current.len()), stop };
    }
    let (surge, unavailable) = (replicas.div_ceil(4), replicas / 4);
    let ready = live.iter().filter(|pod| pod.ready).count();
    let may_go = ready.saturating_sub(replicas - unavailable);
    // Those that are not ready serve nobody, so they are no loss.
    let unready = outdated.iter().filter(|pod| !pod.ready).count();
    stop.extend(victims(outdated, unready + may_go));
    let room = (replicas + surge).saturating_sub(live.len() - stop.len());
    Plan { start: replicas.saturating_sub(current.len()).min(room), stop }
}

/// The `count` pods to stop first: those not ready, then the cheapest, then the newest.
fn victims(mut pods: Vec<PodView>, count: usize) -> Vec<u64> {
    pods.sort_by_key(|pod| (pod.ready, pod.cost, std::cmp::Reverse(pod.number)));
    pods.into_iter().take(count).map(|pod| pod.number).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ready(number: u64) -> PodView {
        PodView { number, outdated: false, ready: true, terminating: false, cost: 0 }
    }

    #[test]
    fn starts_what_is_missing() {
        assert_eq!(plan(&[ready(1)], 3), Plan { start: 2, stop: vec![] });
        assert_eq!(plan(&[], 0), Plan::default());
    }

    #[test]
    fn a_terminating_pod_counts_for_nothing() {
        let pods = [PodView { terminating: true, ..ready(1) }, ready(2)];
        assert_eq!(plan(&pods, 1), Plan::default());
        assert_eq!(plan(&pods, 2), Plan { start: 1, stop: vec![] });
    }

    #[test]
    fn stops_the_unready_then_the_cheapest_then_the_newest() {
        let pods = [ready(1), PodView { cost: 5, ..ready(4) }, PodView { ready: false, cost: 9, ..ready(2) }, ready(3)];
        assert_eq!(plan(&pods, 3).stop, vec![2]);
        assert_eq!(plan(&pods, 2).stop, vec![2, 3]);
        assert_eq!(plan(&pods, 1).stop, vec![2, 3, 1]);
        assert_eq!(plan(&pods, 0).stop, vec![2, 3, 1, 4]);
        let cheap = [PodView { cost: -1, ..ready(1) }, ready(2)];
        assert_eq!(plan(&cheap, 1).stop, vec![1], "a cost below zero goes before the newest");
    }

    #[test]
    fn replaces_outdated_pods_a_few_at_a_time() {
        let old = |number| PodView { outdated: true, ..ready(number) };
        let starting = |number| PodView { ready: false, ..ready(number) };
        let four = [old(1), old(2), old(3), old(4)];
        assert_eq!(plan(&four, 4), Plan { start: 2, stop: vec![4] }, "one may be missing, one may be more");
        let next = [old(1), old(2), old(3), starting(5), starting(6)];
        assert_eq!(plan(&next, 4), Plan::default(), "waits until new ones are ready");
        let later = [old(1), old(2), old(3), ready(5), ready(6)];
        assert_eq!(plan(&later, 4), Plan { start: 2, stop: vec![3, 2] });
        assert_eq!(plan(&[old(1)], 1), Plan { start: 1, stop: vec![] }, "the only one goes last");
        assert_eq!(plan(&[old(1), ready(2)], 1), Plan { start: 0, stop: vec![1] });
        assert_eq!(plan(&four, 0).stop.len(), 4);
    }

    /// From any start, carrying plans out ends at the wanted count of new pods and never stops more than it has to.
    #[test]
    fn carried_out_it_comes_to_rest() {
        for (old, new, replicas) in (0..6).flat_map(|o| (0..6).flat_map(move |n| (0..8).map(move |r| (o, n, r)))) {
            let mut pods: Vec<PodView> = (0..old).map(|n| PodView { outdated: true, ..ready(n) }).collect();
            pods.extend((0..new).map(|n| ready(100 + n)));
            for round in 0.. {
                let plan = plan(&pods, replicas);
                if plan == Plan::default() {
                    break;
                }
                assert!(round < 50, "no rest from {old} old, {new} new, {replicas} wanted");
                pods.retain(|pod| !plan.stop.contains(&pod.number));
                pods.extend((0..plan.start).map(|n| ready(1000 + round * 100 + n as u64)));
                let missing = replicas.saturating_sub(pods.len());
                assert!(missing <= replicas / 4, "{missing} missing of {replicas}");
            }
            assert_eq!((pods.len(), pods.iter().any(|pod| pod.outdated)), (replicas, false));
        }
    }
}
