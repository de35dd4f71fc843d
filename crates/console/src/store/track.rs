//! One number over a day, at falling resolution, in bounded memory.
//!
//! A [`Track`] keeps the latest points as they came and, beside them, the minimum, maximum and mean of wider and wider
//! buckets. A stretch in which nothing changes costs two entries however long it is, so targets at rest cost next to
//! nothing. A point without a value (`NaN` inside, never shown) is a gap: the source said nothing.
//!
//! Values are kept as `f32` (whole numbers are exact up to 16,777,216); the latest value of anything is kept apart,
//! exactly.

use std::collections::VecDeque;

use tidegate_engine::Timestamp;

/// How much a track keeps.
#[derive(Debug)]
pub(crate) struct Shape {
    /// Points kept as they came.
    pub(crate) raw: usize,
    /// Wider buckets: their width in milliseconds and how many are kept. From narrow to wide.
    pub(crate) tiers: &'static [(i64, usize)],
}

/// Fifteen minutes of readings at one a second, three hours at 10 s, a day at 1 min: at most 48 KB. For the first targets.
pub(crate) const RICH: Shape = Shape { raw: 900, tiers: &[(10_000, 1_080), (60_000, 1_440)] };

/// Five minutes of readings at one a second, an hour at 10 s, a day at 2 min: at most 20 KB. Where there are many targets.
pub(crate) const SLIM: Shape = Shape { raw: 300, tiers: &[(10_000, 360), (120_000, 720)] };

/// The last 40 readings and two hours at 1 min: at most 3 KB. Where there are very many targets.
pub(crate) const TINY: Shape = Shape { raw: 40, tiers: &[(60_000, 120)] };

/// Four minutes at one a second, an hour at 10 s, a day at 5 min: at most 13 KB. For single partitions.
pub(crate) const COARSE: Shape = Shape { raw: 240, tiers: &[(10_000, 360), (300_000, 288)] };

/// Tenths of a second; what times are kept in, counted from a track's base.
const TICK_MS: i64 = 100;
/// How far before its first point a track's base lies, so that a clock set back a little still fits.
const BEFORE_FIRST_MS: i64 = 24 * 3_600_000;

/// What is known about one moment or bucket.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Sample {
    /// When, in milliseconds; a bucket's start.
    pub(crate) at: i64,
    /// Lowest value; `NaN` for a gap.
    pub(crate) min: f32,
    /// Highest value.
    pub(crate) max: f32,
    /// Mean.
    pub(crate) mean: f32,
}

impl Sample {
    fn is_gap(&self) -> bool {
        self.mean.is_nan()
    }

    fn same_values(&self, other: &Self) -> bool {
        self.min.to_bits() == other.min.to_bits()
            && self.max.to_bits() == other.max.to_bits()
            && self.mean.to_bits() == other.mean.to_bits()
    }
}

/// One number over time.
#[derive(Debug)]
pub(crate) struct Track {
    shape: &'static Shape,
    base: Option<i64>,
    raw: Ring<(u32, f32)>,
    tiers: Vec<Tier>,
}

#[derive(Debug)]
struct Tier {
    width: i64,
    done: Ring<(u32, [f32; 3])>,
    open: Option<Open>,
}

/// The bucket that is still being filled.
#[derive(Clone, Copy, Debug)]
struct Open {
    start: i64,
    min: f32,
    max: f32,
    sum: f64,
    count: u32,
}

impl Open {
    fn sample(&self) -> Sample {
        if self.count == 0 {
            return Sample { at: self.start, min: f32::NAN, max: f32::NAN, mean: f32::NAN };
        }
        #[allow(clippy::cast_possible_truncation, reason = "a mean of f32 values fits")]
        let mean = (self.sum / f64::from(self.count)) as f32;
        Sample { at: self.start, min: self.min, max: self.max, mean }
    }

    fn add(&mut self, value: f32) {
        if value.is_nan() {
            return;
        }
        self.min = if self.count == 0 { value } else { self.min.min(value) };
        self.max = if self.count == 0 { value } else { self.max.max(value) };
        self.sum += f64::from(value);
        self.count += 1;
    }
}

impl Track {
    /// An empty track that will keep as much as `shape` says.
    pub(crate) fn new(shape: &'static Shape) -> Self {
        let tiers =
            shape.tiers.iter().map(|&(width, keep)| Tier { width, done: Ring::new(keep), open: None }).collect();
        Track { shape, base: None, raw: Ring::new(shape.raw), tiers }
    }

    /// Adds a value, or a gap, in place of any at the same time. A time before the last one means that the clock was set
    /// back: what lies after it goes.
    pub(crate) fn push(&mut self, at: Timestamp, value: Option<f64>) {
        #[allow(clippy::cast_possible_truncation, reason = "documented precision of the series")]
        let value = value.filter(|value| value.is_finite()).map_or(f32::NAN, |value| value as f32);
        let at = at.as_millis();
        let base = *self.base.get_or_insert(at.saturating_sub(BEFORE_FIRST_MS));
        if at < base || at - base > i64::from(u32::MAX) * TICK_MS {
            *self = Track::new(self.shape);
            return self.push(Timestamp::from_millis(at), Some(f64::from(value)));
        }
        let tick = tick(at, base);
        self.raw.drop_after(|&(earlier, _)| earlier >= tick);
        let repeats = |&(_, earlier): &(u32, f32)| earlier.to_bits() == value.to_bits();
        self.raw.push_or_stretch((tick, value), repeats, |last| last.0 = tick);
        for tier in &mut self.tiers {
            tier.push(at, base, value);
        }
    }

    /// Everything from the last sample before `from` on, in order of time, at the best resolution kept of each stretch.
    pub(crate) fn samples(&self, from: i64) -> Vec<Sample> {
        let Some(base) = self.base else { return Vec::new() };
        let mut layers: Vec<(bool, Vec<Sample>)> = Vec::with_capacity(1 + self.tiers.len());
        let raw = self.raw.iter().map(|&(tick, value)| sample_at(base, tick, [value; 3])).collect();
        layers.push((self.raw.full, raw));
        for tier in &self.tiers {
            let done = tier.done.iter().map(|&(tick, values)| sample_at(base, tick, values));
            layers.push((tier.done.full, done.chain(tier.open.as_ref().map(Open::sample)).collect()));
        }
        let mut joined = Vec::new();
        let mut before = i64::MAX;
        for (incomplete, layer) in layers {
            let kept: Vec<Sample> = layer.iter().copied().take_while(|sample| sample.at < before).collect();
            before = layer.first().map_or(before, |sample| sample.at.min(before));
            joined.push(kept);
            if !incomplete || before <= from {
                break;
            }
        }
        let ordered: Vec<Sample> = joined.into_iter().rev().flatten().collect();
        let start = ordered.partition_point(|sample| sample.at <= from).saturating_sub(1);
        ordered[start..].to_vec()
    }

    /// Bytes held, about.
    #[cfg(test)]
    pub(crate) fn bytes(&self) -> usize {
        self.raw.bytes() + self.tiers.iter().map(|tier| tier.done.bytes() + size_of::<Tier>()).sum::<usize>()
    }
}

impl Tier {
    fn push(&mut self, at: i64, base: i64, value: f32) {
        let start = at.div_euclid(self.width) * self.width;
        match &mut self.open {
            Some(open) if open.start == start => open.add(value),
            open => {
                let mut fresh = Open { start, min: f32::NAN, max: f32::NAN, sum: 0.0, count: 0 };
                fresh.add(value);
                let Some(closed) = open.replace(fresh).map(|open| open.sample()) else { return };
                if closed.at > start {
                    self.done.drop_after(|&(earlier, _)| earlier >= tick(start, base));
                    return;
                }
                let tick = tick(closed.at.max(base), base);
                let repeats =
                    |&(_, [min, max, mean]): &(u32, [f32; 3])| closed.same_values(&Sample { at: 0, min, max, mean });
                let entry = (tick, [closed.min, closed.max, closed.mean]);
                self.done.push_or_stretch(entry, repeats, |last| last.0 = tick);
            }
        }
    }
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked against the base by push")]
fn tick(at: i64, base: i64) -> u32 {
    ((at - base) / TICK_MS) as u32
}

fn sample_at(base: i64, tick: u32, [min, max, mean]: [f32; 3]) -> Sample {
    Sample { at: base + i64::from(tick) * TICK_MS, min, max, mean }
}

/// A queue that forgets its oldest entry when it is full, and grows only as needed.
#[derive(Debug)]
struct Ring<T> {
    entries: VecDeque<T>,
    keep: usize,
    /// Something was forgotten.
    full: bool,
}

impl<T: Copy> Ring<T> {
    fn new(keep: usize) -> Self {
        Ring { entries: VecDeque::new(), keep, full: false }
    }

    fn iter(&self) -> impl Iterator<Item = &T> {
        self.entries.iter()
    }

    /// Adds `entry`, or only stretches the last one where it and the one before say the same.
    fn push_or_stretch(&mut self, entry: T, repeats: impl Fn(&T) -> bool, stretch: impl FnOnce(&mut T)) {
        let len = self.entries.len();
        if len >= 2
            && repeats(&self.entries[len - 2])
            && let Some(last) = self.entries.back_mut().filter(|last| repeats(last))
        {
            return stretch(last);
        }
        if len >= self.keep {
            self.entries.pop_front();
            self.full = true;
        } else if len == self.entries.capacity() {
            self.entries.reserve_exact((len / 2).max(8).min(self.keep - len));
        }
        self.entries.push_back(entry);
    }

    fn drop_after(&mut self, later: impl Fn(&T) -> bool) {
        while self.entries.back().is_some_and(&later) {
            self.entries.pop_back();
        }
    }

    #[cfg(test)]
    fn bytes(&self) -> usize {
        self.entries.capacity() * size_of::<T>()
    }
}

/// A whole number that holds until it changes; only changes are kept: at most 12 KB.
#[derive(Debug, Default)]
pub(crate) struct Steps {
    base: Option<i64>,
    /// Ticks since the base, and the value; [`UNKNOWN`] where it is not known.
    changes: VecDeque<(u32, u32)>,
}

/// Changes kept by one [`Steps`].
const MAX_CHANGES: usize = 1_500;
/// No replica count.
const UNKNOWN: u32 = u32::MAX;

impl Steps {
    /// The value from `at` on; `None`: not known.
    pub(crate) fn set(&mut self, at: Timestamp, value: Option<u32>) {
        let at = at.as_millis();
        let base = *self.base.get_or_insert(at.saturating_sub(BEFORE_FIRST_MS));
        if at < base || at - base > i64::from(u32::MAX) * TICK_MS {
            *self = Steps::default();
            return self.set(Timestamp::from_millis(at), value);
        }
        let (tick, value) = (tick(at, base), value.unwrap_or(UNKNOWN));
        while self.changes.back().is_some_and(|&(earlier, _)| earlier > tick) {
            self.changes.pop_back();
        }
        if self.changes.back().is_some_and(|&(_, last)| last == value) {
            return;
        }
        if self.changes.len() >= MAX_CHANGES {
            self.thin();
        } else if self.changes.len() == self.changes.capacity() {
            self.changes.reserve_exact(self.changes.len().clamp(8, MAX_CHANGES - self.changes.len()));
        }
        self.changes.push_back((tick, value));
    }

    /// Forgets every second change of the older half, so that the course of the day stays where it changes often.
    fn thin(&mut self) {
        let mut index = 0;
        self.changes.retain(|_| {
            index += 1;
            index > MAX_CHANGES / 2 || index % 2 == 1
        });
    }

    /// The value now.
    pub(crate) fn last(&self) -> Option<u32> {
        self.changes.back().map(|&(_, value)| value).filter(|&value| value != UNKNOWN)
    }

    /// All changes as samples, from the last before `from` on.
    pub(crate) fn samples(&self, from: i64) -> Vec<Sample> {
        let Some(base) = self.base else { return Vec::new() };
        let time = |tick: u32| base + i64::from(tick) * TICK_MS;
        let start = self.changes.partition_point(|&(tick, _)| time(tick) <= from).saturating_sub(1);
        self.changes
            .range(start..)
            .map(|&(tick, value)| {
                #[allow(clippy::cast_precision_loss, reason = "replica counts are small")]
                let value = if value == UNKNOWN { f32::NAN } else { value as f32 };
                sample_at(base, tick, [value; 3])
            })
            .collect()
    }
}

/// One series laid on a grid of equal buckets: the mean (or, for [`Fold::Last`], the last value), lowest and highest of
/// each. A bucket in which nothing was said holds the value before it.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Column {
    /// What to draw.
    pub(crate) values: Vec<Option<f32>>,
    /// Lowest values.
    pub(crate) low: Vec<Option<f32>>,
    /// Highest values.
    pub(crate) high: Vec<Option<f32>>,
}

/// What stands for a bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fold {
    /// The mean of its samples.
    Mean,
    /// The last of them.
    Last,
}

/// A grid over time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Grid {
    /// Start of the first bucket, in milliseconds.
    pub(crate) start: i64,
    /// Width of a bucket, in milliseconds.
    pub(crate) step: i64,
    /// How many.
    pub(crate) buckets: usize,
}

/// Widths that divide a minute, an hour or a day evenly.
const NICE_STEPS_S: [i64; 17] = [1, 2, 3, 5, 10, 15, 20, 30, 60, 120, 180, 300, 600, 900, 1_800, 3_600, 7_200];

impl Grid {
    /// Covers `from..=to` with at most `points` buckets (one more where the ends do not fall on the grid).
    pub(crate) fn over(from: i64, to: i64, points: usize) -> Self {
        let span = (to - from).max(1);
        let points = i64::try_from(points.max(1)).unwrap_or(i64::MAX);
        let least = (span + points - 1) / points;
        let nice = NICE_STEPS_S.iter().map(|step| step * 1_000).find(|&step| step >= least);
        let step = nice.unwrap_or_else(|| (least + 3_599_999) / 3_600_000 * 3_600_000);
        let start = from.div_euclid(step) * step;
        let buckets = usize::try_from((to - start).div_euclid(step) + 1).unwrap_or(1);
        Grid { start, step, buckets }
    }

    /// Start of each bucket, in milliseconds.
    pub(crate) fn times(&self) -> Vec<i64> {
        (0..self.buckets).map(|index| self.start + self.step * i64::try_from(index).unwrap_or(0)).collect()
    }

    /// Lays samples in order of time on the grid.
    pub(crate) fn lay(&self, samples: &[Sample], fold: Fold) -> Column {
        let mut column = Column::default();
        let mut rest = samples.iter().copied().peekable();
        let mut held: Option<f32> = None;
        while let Some(sample) = rest.next_if(|sample| sample.at < self.start) {
            held = Some(sample.mean).filter(|mean| !mean.is_nan());
        }
        for start in self.times() {
            let (mut low, mut high, mut sum, mut count) = (f32::INFINITY, f32::NEG_INFINITY, 0.0_f64, 0_u32);
            while let Some(sample) = rest.next_if(|sample| sample.at < start + self.step) {
                held = Some(sample.mean).filter(|mean| !mean.is_nan());
                if !sample.is_gap() {
                    low = low.min(sample.min);
                    high = high.max(sample.max);
                    sum += f64::from(sample.mean);
                    count += 1;
                }
            }
            #[allow(clippy::cast_possible_truncation, reason = "a mean of f32 values fits")]
            let value = match fold {
                Fold::Mean if count > 0 => Some((sum / f64::from(count)) as f32),
                _ => held,
            };
            column.values.push(value);
            column.low.push(if count > 0 { Some(low) } else { held });
            column.high.push(if count > 0 { Some(high) } else { held });
        }
        column
    }
}

#[cfg(test)]
mod tests;
