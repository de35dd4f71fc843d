//! A series over time that never outgrows its bound: when it is full, every second point is merged into its neighbour.

use tidegate_engine::Timestamp;

/// Points kept of one series. A day of one sample a second is thinned to one in eight.
const MOST: usize = 16_384;

/// Points in order of time.
#[derive(Clone, Debug)]
pub(crate) struct Thinned<T> {
    points: Vec<(Timestamp, T)>,
    /// Of two neighbours: the one to keep.
    keep: fn(T, T) -> T,
}

impl<T: Copy> Thinned<T> {
    pub(crate) fn new(keep: fn(T, T) -> T) -> Self {
        Thinned { points: Vec::new(), keep }
    }

    /// Adds a point. One from before the last (a clock that went back) is put at the last one's time.
    pub(crate) fn push(&mut self, at: Timestamp, value: T) {
        let at = self.points.last().map_or(at, |(last, _)| at.max(*last));
        if self.points.len() >= MOST {
            let keep = self.keep;
            let merged = self.points.chunks(2).map(|pair| match pair {
                [(at, one), (_, other)] => (*at, keep(*one, *other)),
                [single, ..] => *single,
                // Chunks are never empty.
                [] => (at, value),
            });
            self.points = merged.collect();
        }
        self.points.push((at, value));
    }

    pub(crate) fn points(&self) -> &[(Timestamp, T)] {
        &self.points
    }

    /// The last point at or before `at`.
    pub(crate) fn held(&self, at: Timestamp) -> Option<T> {
        let after = self.points.partition_point(|(time, _)| *time <= at);
        after.checked_sub(1).and_then(|last| self.points.get(last)).map(|(_, value)| *value)
    }

    /// The points in `(from, to]`.
    pub(crate) fn between(&self, from: Timestamp, to: Timestamp) -> &[(Timestamp, T)] {
        let start = self.points.partition_point(|(time, _)| *time <= from);
        let end = self.points.partition_point(|(time, _)| *time <= to);
        self.points.get(start..end.max(start)).unwrap_or(&[])
    }
}

impl Thinned<f64> {
    /// The value at `at` on the straight line between its neighbours; before the first and after the last, those.
    pub(crate) fn interpolated(&self, at: Timestamp) -> Option<f64> {
        let after = self.points.partition_point(|(time, _)| *time <= at);
        match (after.checked_sub(1).and_then(|last| self.points.get(last)), self.points.get(after)) {
            (Some((t0, v0)), Some((t1, v1))) => {
                let part = at.since(*t0).as_secs_f64() / t1.since(*t0).as_secs_f64();
                Some(v0 + (v1 - v0) * part)
            }
            (Some((_, value)), None) | (None, Some((_, value))) => Some(*value),
            (None, None) => None,
        }
    }

    /// When a growing series first reached `value`, on the straight line between its points.
    pub(crate) fn reached(&self, value: f64) -> Option<Timestamp> {
        let at = self.points.iter().position(|(_, known)| *known >= value)?;
        let (t1, v1) = *self.points.get(at)?;
        let Some((t0, v0)) = at.checked_sub(1).and_then(|before| self.points.get(before)).copied() else {
            return Some(t1);
        };
        let part = ((value - v0) / (v1 - v0)).clamp(0.0, 1.0);
        Some(t0 + t1.since(t0).mul_f64(part))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    #[test]
    fn it_stays_bounded_and_keeps_the_peak() {
        let mut series = Thinned::new(f64::max);
        for second in 0..500_000 {
            series.push(at(second * 1000), if second == 123_457 { 9e9 } else { (second % 7) as f64 });
        }
        assert!(series.points().len() <= MOST);
        assert!(series.points().iter().any(|(_, value)| *value == 9e9), "the peak is gone");
        assert!(series.points().windows(2).all(|pair| pair[0].0 <= pair[1].0));
        assert_eq!(series.points().last().unwrap().0, at(499_999_000));
    }

    #[test]
    fn lines_between_points() {
        let mut series = Thinned::new(f64::max);
        for (time, value) in [(1000, 0.0), (2000, 100.0), (3000, 100.0), (4000, 300.0)] {
            series.push(at(time), value);
        }
        assert_eq!(series.interpolated(at(1500)), Some(50.0));
        assert_eq!(series.interpolated(at(9000)), Some(300.0));
        assert_eq!(series.reached(50.0), Some(at(1500)));
        assert_eq!(series.reached(200.0), Some(at(3500)));
        assert_eq!(series.reached(301.0), None);
        assert_eq!(series.held(at(2999)), Some(100.0));
        assert_eq!(series.held(at(999)), None);
        assert_eq!(series.between(at(1000), at(3000)).len(), 2);
    }
}
