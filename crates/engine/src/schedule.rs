//! When sources are asked, and when they are left alone.
//!
//! Wanted properties, tested below and in the crate's property tests:
//! - Triggers with equal source and interval are read in the same instant, so that one request can serve them; different
//!   sources are spread evenly over the interval. Both follow from the source's hash and absolute time alone, so they
//!   hold across targets and restarts, and nothing is random.
//! - A new trigger is read at once. Where many appear at once (a restart), first reads are spread: no more than
//!   [`FIRST_RATE`] sources are first asked in a second, each for all of its triggers that are there by then, and the
//!   second read of a trigger does not follow close on the first.
//! - A source that keeps failing is asked less and less often, but at least every fifth interval or every minute. The
//!   intervals in which it is not asked count as failed reads, so `failureThreshold` is counted per polling interval
//!   however rarely the source is really asked.

use std::time::Duration;

use crate::reading::{ReadError, ReadErrorKind};
use crate::time::{ShiftBack, Timestamp};

/// With more targets than this, first reads are spread.
pub(crate) const CROWD: usize = 20;

/// So many sources are first asked in a second. A thousand distinct sources are known after two seconds, ten thousand
/// after twenty, which is less than KEDA's default polling interval.
const FIRST_RATE: u32 = 500;

/// A source is first asked again for new triggers only after so long, so that many who come one by one are asked for
/// together.
const FIRST_GATHER: Duration = Duration::from_millis(250);

/// Failed reads in a row after which a source is asked less often.
const BREAKS_AFTER: u32 = 3;

/// The shortest and the longest cap of the time between two probes of a failing source.
const SHORTEST_CAP: Duration = Duration::from_secs(5);
const LONGEST_CAP: Duration = Duration::from_secs(60);

/// Spreads bits evenly (the finalizer of SplitMix64).
pub(crate) fn mix(bits: u64) -> u64 {
    let mut x = bits.wrapping_add(0x9e37_79b9_7f4a_7c15);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

/// A number for a name (FNV-1a), the same in every process.
pub(crate) fn hash(name: &str) -> u64 {
    name.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

fn millis(span: Duration) -> i64 {
    i64::try_from(span.as_millis()).unwrap_or(i64::MAX / 4).max(1)
}

/// The first instant after `after` at which triggers of `source` with this interval are read.
pub(crate) fn next_slot(source: u64, interval: Duration, after: Timestamp) -> Timestamp {
    slot_from(source, interval, Timestamp::from_millis(after.as_millis().saturating_add(1)))
}

/// The first instant at or after `from` in the phase of `source`.
fn slot_from(source: u64, interval: Duration, from: Timestamp) -> Timestamp {
    let interval = millis(interval);
    // The remainder is below the interval, which fits.
    let phase = (mix(source) % interval.unsigned_abs()) as i64;
    let past = from.as_millis().saturating_sub(phase).rem_euclid(interval);
    let wait = if past == 0 { 0 } else { interval - past };
    Timestamp::from_millis(from.as_millis().saturating_add(wait))
}

/// Spreads the first reads of a crowd.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Pace {
    /// When the next source may be first asked.
    free: Option<Timestamp>,
}

impl Pace {
    /// When a new trigger of `source` is first read.
    pub(crate) fn first_slot(&mut self, source: &mut Source, now: Timestamp) -> Timestamp {
        if let Some(slot) = source.first.filter(|slot| *slot >= now) {
            return slot;
        }
        let free = self.free.map_or(now, |free| free.max(now));
        self.free = Some(free + Duration::from_secs(1) / FIRST_RATE);
        let slot = source.first.map_or(free, |first| free.max(first + FIRST_GATHER));
        source.first = Some(slot);
        slot
    }
}

impl ShiftBack for Pace {
    fn shift_back(&mut self, by: Duration) {
        self.free.shift_back(by);
    }
}

/// What is known of a source apart from the triggers that ask it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Source {
    /// When new triggers of it are first read together.
    first: Option<Timestamp>,
    /// When it last answered anybody.
    pub(crate) answered: Option<Timestamp>,
    /// Open while it answers nobody.
    pub(crate) breaker: Option<Breaker>,
}

impl Source {
    /// Whether it answered somebody lately, so that a failure is the asking trigger's own.
    pub(crate) fn answers(&self, interval: Duration, now: Timestamp) -> bool {
        self.answered.is_some_and(|at| now.since(at) <= interval.saturating_mul(BREAKS_AFTER))
    }
}

/// Keeps a failing source from being asked all the time.
#[derive(Clone, Debug)]
pub(crate) struct Breaker {
    probes: u32,
    probe_at: Timestamp,
    probing_until: Option<Timestamp>,
    error: ReadError,
}

impl Breaker {
    /// Opens once `failures` in a row are enough.
    pub(crate) fn opened(
        failures: u32,
        interval: Duration,
        seed: u64,
        error: &ReadError,
        now: Timestamp,
    ) -> Option<Breaker> {
        (failures >= BREAKS_AFTER).then(|| Breaker {
            probes: 0,
            probe_at: now + pause(0, interval, seed),
            probing_until: None,
            error: error.clone(),
        })
    }

    /// Whether the source may be asked now. If so, nobody else may before the answer or `until`.
    pub(crate) fn lets_through(&mut self, until: Timestamp, now: Timestamp) -> bool {
        if now < self.probe_at || self.probing_until.is_some_and(|until| now < until) {
            return false;
        }
        self.probing_until = Some(until);
        true
    }

    /// The probe failed too.
    pub(crate) fn failed(&mut self, interval: Duration, seed: u64, error: &ReadError, now: Timestamp) {
        self.probes = self.probes.saturating_add(1);
        self.probe_at = now + pause(self.probes, interval, seed);
        self.probing_until = None;
        self.error = error.clone();
    }

    /// What stands for a read that was not made.
    pub(crate) fn refusal(&self) -> ReadError {
        let ReadError { kind, message } = &self.error;
        ReadError::new(*kind, format!("not asked again before {}: {message}", self.probe_at))
    }
}

impl ShiftBack for Breaker {
    fn shift_back(&mut self, by: Duration) {
        self.probe_at.shift_back(by);
        self.probing_until.shift_back(by);
    }
}

impl ShiftBack for Source {
    fn shift_back(&mut self, by: Duration) {
        self.first.shift_back(by);
        self.answered.shift_back(by);
        self.breaker.shift_back(by);
    }
}

/// Whether it is the source that fails, and not what one trigger asks of it.
pub(crate) fn concerns_source(kind: ReadErrorKind) -> bool {
    matches!(kind, ReadErrorKind::Unreachable | ReadErrorKind::Timeout)
}

/// Doubling from twice the interval up to the cap, less up to a fifth by the seed.
fn pause(probes: u32, interval: Duration, seed: u64) -> Duration {
    let cap = interval.saturating_mul(5).clamp(SHORTEST_CAP, LONGEST_CAP);
    let grown = interval.saturating_mul(2_u32.saturating_pow(probes.saturating_add(1).min(16)));
    jittered(grown.min(cap), seed, probes)
}

/// How long to wait before a change that failed `failures` times is tried again: a second, doubling up to a minute.
pub(crate) fn retry_pause(failures: u32, seed: u64) -> Duration {
    let grown = Duration::from_secs(2_u64.saturating_pow(failures.saturating_sub(1).min(6)));
    jittered(grown.min(LONGEST_CAP), seed, failures)
}

fn jittered(span: Duration, seed: u64, turn: u32) -> Duration {
    let thousandths = u32::try_from(mix(seed ^ u64::from(turn)) % 200).unwrap_or(0);
    span - span / 1000 * thousandths
}

#[cfg(test)]
mod tests {
    use super::*;

    const INTERVAL: Duration = Duration::from_secs(30);
    const NOW: Timestamp = Timestamp::from_millis(1_767_225_600_123);

    #[test]
    fn equal_sources_share_their_instants_whenever_they_come() {
        for source in 0..200 {
            let slot = next_slot(source, INTERVAL, NOW);
            assert!(slot > NOW && slot <= NOW + INTERVAL);
            assert_eq!(next_slot(source, INTERVAL, slot), slot + INTERVAL);
            assert_eq!(next_slot(source, INTERVAL, slot - Duration::from_millis(1)), slot);
            assert_eq!(
                next_slot(source, INTERVAL, NOW + Duration::from_millis(1)),
                if slot == NOW + Duration::from_millis(1) { slot + INTERVAL } else { slot }
            );
        }
    }

    #[test]
    fn different_sources_are_spread_over_the_interval() {
        let mut by_second = [0_u32; 30];
        for source in 0..10_000 {
            let after = next_slot(source, INTERVAL, NOW).as_millis() - NOW.as_millis() - 1;
            by_second[usize::try_from(after / 1000).unwrap()] += 1;
        }
        let most = by_second.iter().max().unwrap();
        assert!(f64::from(*most) < 1.2 * 10_000.0 / 30.0, "{by_second:?}");
    }

    #[test]
    fn a_crowd_of_sources_is_first_asked_at_an_even_pace() {
        let mut pace = Pace::default();
        let mut by_second = [0_u32; 20];
        for _ in 0..10_000 {
            let slot = pace.first_slot(&mut Source::default(), NOW);
            by_second[usize::try_from(slot.since(NOW).as_secs()).unwrap()] += 1;
        }
        assert_eq!(by_second, [FIRST_RATE; 20]);
    }

    #[test]
    fn one_source_is_first_asked_for_many_triggers_together() {
        let (mut pace, mut source) = (Pace::default(), Source::default());
        let mut slots: Vec<Timestamp> = Vec::new();
        // A thousand triggers of one source come within a second.
        for millisecond in 0..1000 {
            let now = NOW + Duration::from_millis(millisecond);
            let slot = pace.first_slot(&mut source, now);
            assert!(slot >= now && slot <= now + FIRST_GATHER);
            slots.push(slot);
        }
        slots.dedup();
        assert!(slots.len() <= 5, "{slots:?}");
    }

    fn outage() -> ReadError {
        ReadError::new(ReadErrorKind::Unreachable, "connecting to kafka:9092: connection refused")
    }

    #[test]
    fn a_source_is_left_alone_after_three_failures_and_probed_by_one() {
        assert!(Breaker::opened(2, INTERVAL, 1, &outage(), NOW).is_none());
        let mut breaker = Breaker::opened(3, INTERVAL, 1, &outage(), NOW).unwrap();
        let until = |at: Timestamp| at + Duration::from_secs(10);
        assert!(!breaker.lets_through(until(NOW), NOW));
        let later = NOW + Duration::from_secs(60);
        assert!(breaker.lets_through(until(later), later));
        assert!(!breaker.lets_through(until(later), later), "one probe is enough");
        assert!(breaker.lets_through(until(later), until(later)), "a probe that never answers blocks nobody");
        breaker.failed(INTERVAL, 1, &outage(), later);
        assert!(!breaker.lets_through(until(later), later));
        let refusal = breaker.refusal();
        assert_eq!(refusal.kind, ReadErrorKind::Unreachable);
        assert!(refusal.message.starts_with("not asked again before 2026-"), "{refusal}");
        assert!(refusal.message.ends_with("connection refused"), "{refusal}");
    }

    #[test]
    fn pauses_grow_to_a_cap_that_follows_the_interval() {
        let check = |interval_s: u64, probes: u32, most_s: u64| {
            for seed in 0..100 {
                let pause = pause(probes, Duration::from_secs(interval_s), seed);
                assert!(pause <= Duration::from_secs(most_s), "{interval_s} {probes} {pause:?}");
                assert!(pause >= Duration::from_secs(most_s) * 4 / 5, "{interval_s} {probes} {pause:?}");
            }
        };
        check(1, 0, 2);
        check(1, 1, 4);
        check(1, 2, 5);
        check(1, 40, 5);
        check(5, 40, 25);
        check(30, 0, 60);
        check(30, 40, 60);
        check(300, 40, 60);
    }

    #[test]
    fn a_failed_change_is_tried_again_ever_later() {
        let check = |failures: u32, most_s: u64| {
            let pause = retry_pause(failures, 42);
            assert!(pause <= Duration::from_secs(most_s) && pause >= Duration::from_secs(most_s) * 4 / 5, "{pause:?}");
        };
        check(1, 1);
        check(2, 2);
        check(6, 32);
        check(7, 60);
        check(100, 60);
    }
}
