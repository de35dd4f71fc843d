//! Recommendations of the past, and the windows that look at them.
//!
//! Wanted properties, tested below and in the crate's property tests:
//! - The count scales in to no less than the highest recommendation of the scale-in window, and out to no more than the
//!   lowest of the scale-out window; the newest recommendation belongs to both.
//! - A recommendation counts until its age reaches the window. Without a behaviour the HPA counts it for an instant (here
//!   a millisecond) longer.
//! - Two recommendations of the same instant are one: the later stands.
//! - What is kept is only what a window could still choose, so it stays small however often decisions are made.

use std::time::Duration;

use crate::event::Recommendation;
use crate::policy::Policy;
use crate::time::{ShiftBack, Timestamp};

/// The HPA's scale-in window where no behaviour is given.
const DEFAULT_WINDOW: Duration = Duration::from_secs(300);

/// The windows of a policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Windows {
    up: Duration,
    down: Duration,
    /// With a behaviour a recommendation as old as the window is out, without one it is in.
    inclusive: bool,
}

impl Windows {
    pub(crate) fn of(policy: &Policy) -> Self {
        match &policy.behavior {
            Some(behavior) => Windows {
                up: behavior.scale_up.stabilization,
                down: behavior.scale_down.stabilization,
                inclusive: false,
            },
            None => Windows { up: Duration::ZERO, down: DEFAULT_WINDOW, inclusive: true },
        }
    }

    fn counts(self, at: Timestamp, window: Duration, now: Timestamp) -> bool {
        let cutoff = now - window;
        at > cutoff || (self.inclusive && at == cutoff)
    }

    /// When a recommendation made at `at` leaves `window`.
    fn leaves(self, at: Timestamp, window: Duration) -> Timestamp {
        at + window + Duration::from_millis(u64::from(self.inclusive))
    }
}

/// What the windows made of a recommendation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stabilized {
    /// The count to go on with.
    pub(crate) replicas: u32,
    /// The recommendation that bound it, and how long its window is.
    pub(crate) bound_by: Option<(Recommendation, Duration)>,
    /// When that one leaves the window.
    pub(crate) until: Option<Timestamp>,
}

/// Recommendations before stabilization, oldest first.
#[derive(Clone, Debug, Default)]
pub(crate) struct History {
    kept: Vec<Recommendation>,
    /// Set by [`History::add`]: when the newest was added, and its time before if it only was prolonged.
    newest: Option<(Timestamp, Option<Timestamp>)>,
}

impl History {
    pub(crate) fn restored(kept: Vec<Recommendation>) -> Self {
        History { kept, newest: None }
    }

    /// Keeps the count found first. It is not replaced by a recommendation of the same instant.
    pub(crate) fn begin(&mut self, found: u32, now: Timestamp) {
        self.kept.push(Recommendation { at: now, replicas: found });
        self.newest = None;
    }

    pub(crate) fn as_slice(&self) -> &[Recommendation] {
        &self.kept
    }

    /// The count after the windows, for a recommendation of `wanted` made now.
    pub(crate) fn stabilize(&self, windows: Windows, current: u32, wanted: u32, now: Timestamp) -> Stabilized {
        let mut lowest = Recommendation { at: now, replicas: wanted };
        let mut highest = lowest;
        for past in self.before(now) {
            // Of equal ones the later binds, since it leaves last.
            if past.replicas <= lowest.replicas && windows.counts(past.at, windows.up, now) {
                lowest = past;
            }
            if past.replicas >= highest.replicas && windows.counts(past.at, windows.down, now) {
                highest = past;
            }
        }
        // Without a behaviour the HPA takes the highest, whatever runs now; with one it moves only as far as both
        // windows allow, and not at all where they disagree.
        let up = !windows.inclusive && wanted > current;
        let replicas = if windows.inclusive {
            highest.replicas
        } else if current < lowest.replicas {
            lowest.replicas
        } else {
            current.min(highest.replicas)
        };
        if replicas == wanted {
            return Stabilized { replicas, bound_by: None, until: None };
        }
        let (bound, window) = if up { (lowest, windows.up) } else { (highest, windows.down) };
        // The count can move when the last recommendation that stands against it leaves.
        let against = |past: &Recommendation| if up { past.replicas <= replicas } else { past.replicas >= replicas };
        let last = self.before(now).filter(|past| against(past) && windows.counts(past.at, window, now)).last();
        let until = last.map(|past| windows.leaves(past.at, window));
        Stabilized { replicas, bound_by: Some((bound, window)), until }
    }

    /// Whether a recommendation of `wanted` ends a time in which the highest of all was asked for; from here on the window
    /// depends on when that was.
    pub(crate) fn ends_peak(&self, wanted: u32) -> bool {
        self.kept
            .last()
            .is_some_and(|last| last.replicas > wanted && self.kept.iter().all(|past| past.replicas <= last.replicas))
    }

    /// Keeps a recommendation. One of the same instant is replaced.
    pub(crate) fn add(&mut self, windows: Windows, wanted: u32, now: Timestamp) {
        if let Some((at, before)) = self.newest.filter(|(at, _)| *at == now) {
            match (self.kept.last_mut(), before) {
                (Some(last), Some(before)) if last.at == at => last.at = before,
                (Some(last), None) if last.at == at => {
                    self.kept.pop();
                }
                _ => {}
            }
        }
        self.forget(windows, now);
        match self.kept.last_mut() {
            Some(last) if last.replicas == wanted => {
                self.newest = Some((now, Some(last.at)));
                last.at = now;
            }
            _ => {
                self.newest = Some((now, None));
                self.kept.push(Recommendation { at: now, replicas: wanted });
            }
        }
    }

    /// Drops what no window can choose any more: too old, or with a later one at least as high and one at least as low.
    fn forget(&mut self, windows: Windows, now: Timestamp) {
        let longest = windows.up.max(windows.down);
        let (mut lowest, mut highest) = (u32::MAX, 0);
        let mut seen = false;
        let mut keep_from = self.kept.len();
        // Backwards, writing what is kept to the end.
        for index in (0..self.kept.len()).rev() {
            let past = self.kept[index];
            let inside = windows.counts(past.at, longest, now);
            if inside && (!seen || past.replicas < lowest || past.replicas > highest) {
                keep_from -= 1;
                self.kept[keep_from] = past;
                lowest = lowest.min(past.replicas);
                highest = highest.max(past.replicas);
                seen = true;
            }
        }
        self.kept.drain(..keep_from);
    }

    /// Everything but what was added at `now`.
    fn before(&self, now: Timestamp) -> impl Iterator<Item = Recommendation> {
        let own = self.newest.filter(|(at, _)| *at == now);
        let last = self.kept.len().wrapping_sub(1);
        self.kept.iter().enumerate().filter_map(move |(index, past)| match own {
            Some((_, before)) if index == last => before.map(|at| Recommendation { at, ..*past }),
            _ => Some(*past),
        })
    }
}

impl ShiftBack for History {
    fn shift_back(&mut self, by: Duration) {
        self.kept.shift_back(by);
        // Nothing was added in this instant of the new time.
        self.newest = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::Behavior;

    const NOW: i64 = 1_000_000;

    fn windows(up: u64, down: u64) -> Windows {
        Windows { up: Duration::from_secs(up), down: Duration::from_secs(down), inclusive: false }
    }

    fn without_behavior() -> Windows {
        Windows { up: Duration::ZERO, down: DEFAULT_WINDOW, inclusive: true }
    }

    fn ago(seconds: i64) -> Timestamp {
        Timestamp::from_millis(NOW - seconds * 1000)
    }

    fn history(past: &[(i64, u32)]) -> History {
        History::restored(past.iter().map(|&(s, replicas)| Recommendation { at: ago(s), replicas }).collect())
    }

    /// `past` are (seconds ago, replicas); `until` is in seconds from now.
    fn check(windows: Windows, past: &[(i64, u32)], current: u32, wanted: u32, expected: (u32, Option<i64>)) {
        let got = history(past).stabilize(windows, current, wanted, ago(0));
        let until = got.until.map(|at| (at.as_millis() - NOW) / 1000);
        assert_eq!((got.replicas, until), expected, "{past:?} {current} -> {wanted}");
    }

    #[test]
    fn scale_in_takes_the_highest_of_its_window() {
        check(windows(0, 300), &[], 5, 3, (3, None));
        check(windows(0, 300), &[(100, 4)], 5, 3, (4, Some(200)));
        check(windows(0, 300), &[(100, 8)], 5, 3, (5, Some(200)));
        check(windows(0, 300), &[(299, 5)], 5, 3, (5, Some(1)));
        check(windows(0, 300), &[(300, 5)], 5, 3, (3, None));
        check(windows(0, 300), &[(200, 5), (100, 4)], 5, 3, (5, Some(100)));
        check(windows(0, 0), &[(0, 5), (1, 5)], 5, 3, (3, None));
    }

    #[test]
    fn scale_out_takes_the_lowest_of_its_window() {
        check(windows(0, 300), &[(10, 2)], 5, 8, (8, None));
        check(windows(60, 300), &[(10, 6)], 5, 8, (6, Some(50)));
        check(windows(60, 300), &[(10, 2)], 5, 8, (5, Some(50)));
        check(windows(60, 300), &[(60, 2)], 5, 8, (8, None));
        check(windows(60, 300), &[(10, 2)], 5, 5, (5, None));
    }

    #[test]
    fn a_hold_lasts_until_the_last_one_against_it_leaves() {
        check(windows(0, 300), &[(200, 9), (150, 5), (100, 4)], 5, 3, (5, Some(150)));
        check(windows(60, 0), &[(50, 1), (20, 5), (10, 7)], 5, 9, (5, Some(40)));
    }

    #[test]
    fn without_behavior_only_scale_in_is_looked_at_and_its_window_is_closed() {
        check(without_behavior(), &[(300, 5)], 5, 3, (5, Some(0)));
        check(without_behavior(), &[(301, 5)], 5, 3, (3, None));
        check(without_behavior(), &[(10, 2)], 5, 8, (8, None));
        // As the HPA: a higher recommendation of the past is taken up even from a lower count.
        check(without_behavior(), &[(10, 10)], 5, 3, (10, Some(290)));
    }

    #[test]
    fn recommendations_of_one_instant_are_one() {
        let windows = windows(60, 300);
        let mut history = history(&[(10, 5)]);
        history.add(windows, 3, ago(0));
        assert_eq!(history.stabilize(windows, 5, 9, ago(0)).replicas, 5, "the one of 10 s ago still counts");
        history.add(windows, 5, ago(0));
        history.add(windows, 9, ago(0));
        let kept: Vec<u32> = history.as_slice().iter().map(|past| past.replicas).collect();
        assert_eq!(kept, [5, 9]);
        assert_eq!(history.as_slice()[0].at, ago(10), "a prolonged one gets its time back");
    }

    #[test]
    fn only_what_can_still_be_chosen_is_kept() {
        let windows = windows(60, 300);
        let mut history = History::default();
        for second in (1..=3600).rev() {
            history.add(windows, u32::try_from(second % 7).unwrap(), ago(second));
        }
        assert!(history.as_slice().len() <= 14, "{}", history.as_slice().len());
        let all: Vec<(i64, u32)> = (1..=3600).rev().map(|s| (s, u32::try_from(s % 7).unwrap())).collect();
        let complete =
            History::restored(all.iter().map(|&(s, replicas)| Recommendation { at: ago(s), replicas }).collect());
        for current in 0..8 {
            for wanted in 0..8 {
                let thin = history.stabilize(windows, current, wanted, ago(0)).replicas;
                assert_eq!(thin, complete.stabilize(windows, current, wanted, ago(0)).replicas, "{current} {wanted}");
            }
        }
    }

    #[test]
    fn the_windows_of_a_policy() {
        let behavior = Behavior::api_server_defaults();
        assert_eq!(behavior.scale_down.stabilization, DEFAULT_WINDOW);
    }
}
