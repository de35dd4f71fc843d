//! Properties of whole traces: many decisions after each other, with the clock moving.
//!
//! - I. Every record of every trace is sound by itself and after those before it, and a second tick changes nothing.
//! - J. The same events give the same records, byte for byte.
//! - K. An engine restarted at any moment decides as the one that went on, and a restart changes no count by itself.
//! - L. Idle workloads do not flap: one step to idle or zero, and none after it.
//! - M. Sources are asked at their intervals, and less often while they fail.

use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;
use tidegate_engine::{Policy, ReadError, Reading};

use crate::bench::Bench;
use crate::cases::{NOW, any_policy, broken, plain, seconds};

/// What the sources say: one value after the other, each for a while; `None` is an error.
#[derive(Clone, Debug)]
struct Plan(Vec<(Duration, Option<f64>)>);

impl Plan {
    fn at(&self, trigger: usize, now: Duration) -> Result<Reading, ReadError> {
        let mut ends = Duration::ZERO;
        let mut value = None;
        for (lasts, next) in &self.0 {
            value = *next;
            ends += *lasts;
            if now < ends {
                break;
            }
        }
        // The triggers say different things, so that their maximum matters.
        value.map(|value| Reading::of(value / (1.0 + trigger as f64), NOW + now)).ok_or_else(broken)
    }

    fn lasts(&self) -> Duration {
        self.0.iter().map(|(lasts, _)| *lasts).sum()
    }
}

fn plan() -> impl Strategy<Value = Plan> {
    let value = prop_oneof![3 => Just(Some(0.0)), 6 => (1..800_u32).prop_map(|v| Some(f64::from(v))), 2 => Just(None)];
    vec(((10..400_u64).prop_map(seconds), value), 1..8).prop_map(Plan)
}

/// A policy that nobody has paused.
fn policy() -> impl Strategy<Value = Policy> {
    any_policy().prop_map(|policy| Policy { pause: Default::default(), created: None, ..policy })
}

fn config() -> ProptestConfig {
    ProptestConfig { cases: 100, max_global_rejects: 10_000, max_shrink_iters: 100, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(config())]

    /// I and J.
    #[test]
    fn traces_are_sound_and_determined(policy in policy(), plan in plan(), replicas in 0..30_u32) {
        let script = |trigger, now| plan.at(trigger, now);
        let mut lines = Vec::new();
        for _ in 0..2 {
            let mut bench = Bench::new(policy.clone(), replicas, &script);
            bench.pass(plan.lasts());
            prop_assert_eq!(&bench.faults, &Vec::<String>::new());
            lines.push(bench.lines());
        }
        prop_assert!(!lines[0].is_empty());
        prop_assert_eq!(&lines[0], &lines[1]);
    }

    /// K: at any moment of any trace, an engine made anew from what is saved decides the same on the same reading. The
    /// bench compares each decision with that of such a twin.
    #[test]
    fn a_restarted_engine_decides_the_same(mut policy in policy(), plan in plan(), replicas in 0..30_u32) {
        policy.triggers.truncate(1);
        let script = |trigger, now| plan.at(trigger, now);
        let mut bench = Bench::new(policy, replicas, &script);
        bench.pass(plan.lasts());
        prop_assert_eq!(&bench.faults, &Vec::<String>::new());
    }

    /// K, at rest: while nothing changes outside, neither a restart nor a kill moves a replica.
    #[test]
    fn a_restart_at_rest_moves_no_replica(policy in policy(), plan in plan(), replicas in 0..30_u32) {
        let script = |trigger, now| plan.at(trigger, now);
        let mut bench = Bench::new(policy, replicas, &script);
        bench.pass(plan.lasts());
        let before = bench.path.len();
        // Longer than any window, period and cooldown of these policies.
        bench.pass(seconds(1500));
        prop_assume!(bench.path.len() == before);
        for _ in 0..2 {
            bench.restart();
            bench.pass(seconds(200));
            bench.kill();
            bench.pass(seconds(200));
        }
        prop_assert_eq!(bench.path.len(), before, "{:?}", bench.path);
        prop_assert_eq!(&bench.faults, &Vec::<String>::new());
    }

    /// L.
    /// PAIN-37.
    #[test]
    fn idle_workloads_do_not_flap(min in 1..10_u32, idle in 0..9_u32, replicas in 0..12_u32, cooldown in 0..600_u64) {
        let idle = idle.min(min - 1);
        let policy = Policy { idle_replicas: Some(idle), cooldown: seconds(cooldown), ..plain(min, 12, 1) };
        let script = |_, now| Ok(Reading::of(0.0, NOW + now));
        let mut bench = Bench::new(policy, replicas, &script);
        bench.pass(seconds(4 * 3600));
        prop_assert_eq!(&bench.faults, &Vec::<String>::new());
        prop_assert!(bench.path.len() <= 3, "{:?}", bench.path);
        prop_assert!(bench.path.windows(2).skip(1).all(|pair| pair[1] < pair[0]), "{:?}", bench.path);
        prop_assert_eq!(bench.replicas, idle.min(replicas.max(idle)), "{:?}", bench.path);
    }
}

#[test]
fn from_idle_to_the_minimum_and_back_in_one_step_each() {
    let policy = Policy { idle_replicas: Some(1), cooldown: seconds(60), ..plain(5, 12, 1) };
    let script = |_, now: Duration| {
        let busy = (seconds(600)..seconds(1200)).contains(&now);
        Ok(Reading::of(if busy { 20.0 } else { 0.0 }, NOW + now))
    };
    let mut bench = Bench::new(policy, 1, &script);
    bench.pass(seconds(4800));
    assert_eq!(bench.path, [1, 5, 1]);
    assert_eq!(bench.faults, Vec::<String>::new());
}

/// M.
#[test]
fn sources_are_asked_at_their_interval_and_less_often_while_they_fail() {
    let healthy = |_, now| Ok(Reading::of(10.0, NOW + now));
    let mut bench = Bench::new(plain(1, 10, 1), 1, &healthy);
    bench.pass(seconds(3600));
    assert!((118..=122).contains(&bench.reads), "{} reads in an hour at one in 30 s", bench.reads);

    let failing = |_, _| Err(broken());
    let mut bench = Bench::new(plain(1, 10, 1), 1, &failing);
    bench.pass(seconds(3600));
    assert!((6..=100).contains(&bench.reads), "{} reads of a failing source", bench.reads);
    assert_eq!(bench.path, [1]);
}

/// The failing source comes back: within a few intervals it is asked again and decided on.
#[test]
fn a_source_that_comes_back_is_soon_believed() {
    let script = |_, now: Duration| {
        if now < seconds(7200) { Err(broken()) } else { Ok(Reading::of(40.0, NOW + now)) }
    };
    let mut bench = Bench::new(plain(1, 10, 1), 1, &script);
    bench.pass(seconds(7200));
    assert_eq!(bench.path, [1]);
    bench.pass(seconds(330));
    assert_eq!(bench.path, [1, 4]);
}
