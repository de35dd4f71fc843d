//! Rates from totals that grow.

use std::collections::VecDeque;

use tidegate_engine::Timestamp;

/// How far back a rate looks where readings are close together. Commits come in bursts; this evens them out.
const WINDOW_MS: i64 = 5_000;
/// Totals kept; more than one every 50 ms are thinned out.
const MAX_POINTS: usize = 100;

/// Turns a growing total into a rate.
#[derive(Debug, Default)]
pub(crate) struct Slope {
    points: VecDeque<(i64, u64)>,
}

impl Slope {
    /// Takes the total at a time and gives the rate per second over the last five seconds (or since the last total,
    /// where that is longer ago). `None` until there are two totals, and after a total that shrank: the source was
    /// made anew.
    pub(crate) fn push(&mut self, at: Timestamp, total: u64) -> Option<f64> {
        let at = at.as_millis();
        if self.points.back().is_some_and(|&(earlier, last)| earlier >= at || last > total) {
            self.points.retain(|&(earlier, last)| earlier < at && last <= total);
            if self.points.back().is_none_or(|&(_, last)| last > total) {
                self.points.clear();
            }
        }
        while self.points.len() >= 2 && self.points[1].0 <= at - WINDOW_MS {
            self.points.pop_front();
        }
        if self.points.len() >= MAX_POINTS {
            self.points.remove(MAX_POINTS / 2);
        }
        self.points.push_back((at, total));
        let &(since, first) = self.points.front()?;
        if since >= at {
            return None;
        }
        #[allow(clippy::cast_precision_loss, reason = "a rate is shown, not counted with")]
        Some((total - first) as f64 * 1_000.0 / (at - since) as f64)
    }

    /// Forgets everything, so that an outage does not count as a slow time.
    pub(crate) fn reset(&mut self) {
        self.points.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rates(points: &[(i64, u64)]) -> Vec<Option<f64>> {
        let mut slope = Slope::default();
        points.iter().map(|&(at, total)| slope.push(Timestamp::from_millis(at), total)).collect()
    }

    #[test]
    fn a_rate_needs_two_totals() {
        assert_eq!(rates(&[(0, 10), (1_000, 30)]), [None, Some(20.0)]);
    }

    #[test]
    fn bursts_are_evened_out_over_five_seconds() {
        let burst: Vec<(i64, u64)> = (0..20).map(|second| (second * 1_000, (second as u64 / 5) * 100)).collect();
        assert_eq!(rates(&burst).last(), Some(&Some(20.0)));
    }

    #[test]
    fn readings_far_apart_give_the_rate_between_them() {
        assert_eq!(rates(&[(0, 0), (30_000, 300), (60_000, 900)]), [None, Some(10.0), Some(20.0)]);
    }

    #[test]
    fn a_total_that_shrinks_starts_afresh() {
        assert_eq!(rates(&[(0, 100), (1_000, 110), (2_000, 5), (3_000, 9)]), [None, Some(10.0), None, Some(4.0)]);
    }

    #[test]
    fn two_totals_at_one_time_are_no_infinite_rate() {
        assert_eq!(rates(&[(0, 1), (0, 9)]), [None, None]);
    }
}
