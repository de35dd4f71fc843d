//! What a track keeps, thins out and forgets.

use super::*;

fn at(second: i64) -> Timestamp {
    Timestamp::from_millis(second * 1_000)
}

/// A day at one reading a second.
const DAY: i64 = 86_400;

fn day() -> Track {
    day_in(&RICH)
}

fn day_in(shape: &'static Shape) -> Track {
    let mut track = Track::new(shape);
    for second in 0..DAY {
        track.push(at(second), Some((second % 1_000) as f64));
    }
    track
}

#[test]
fn a_day_at_one_reading_a_second_stays_within_its_bytes() {
    for (shape, most) in [(&RICH, 49_000), (&SLIM, 21_000), (&COARSE, 13_000), (&TINY, 3_500)] {
        let bytes = day_in(shape).bytes();
        assert!(bytes <= most, "{bytes} bytes in {shape:?}");
    }
    let track = day();
    let samples = track.samples(0);
    assert!(samples.len() >= 900 + 900 + 1_200, "{} samples", samples.len());
    assert!(samples.first().unwrap().at < 120_000, "the day's start is gone: {:?}", samples.first());
    assert!(samples.windows(2).all(|pair| pair[0].at < pair[1].at), "out of order");
    assert_eq!(samples.last().unwrap().mean, ((DAY - 1) % 1_000) as f32);
}

#[test]
fn the_latest_minutes_are_kept_as_they_came() {
    let samples = day().samples((DAY - 60) * 1_000);
    let values: Vec<f32> = samples.iter().map(|sample| sample.mean).collect();
    let expected: Vec<f32> = (DAY - 60..DAY).map(|second| (second % 1_000) as f32).collect();
    assert_eq!(values, expected);
}

#[test]
fn buckets_keep_the_lowest_and_highest() {
    let grid = Grid::over(0, (DAY - 1) * 1_000, 100);
    let column = grid.lay(&day().samples(grid.start), Fold::Mean);
    assert_eq!(grid.step, 900_000);
    let high = column.high.iter().flatten().copied().fold(0.0, f32::max);
    let low = column.low.iter().flatten().copied().fold(f32::MAX, f32::min);
    assert_eq!((low, high), (0.0, 999.0));
}

#[test]
fn what_does_not_change_costs_nothing() {
    let mut track = Track::new(&RICH);
    for second in 0..DAY {
        track.push(at(second), Some(7.0));
    }
    assert!(track.bytes() < 1_000, "{} bytes", track.bytes());
    let grid = Grid::over(0, (DAY - 1) * 1_000, 500);
    let column = grid.lay(&track.samples(0), Fold::Mean);
    assert!(column.values.iter().all(|value| *value == Some(7.0)), "{:?}", column.values);
}

#[test]
fn a_gap_is_no_value_and_ends_with_the_next_value() {
    let mut track = Track::new(&RICH);
    track.push(at(0), Some(5.0));
    track.push(at(10), None);
    track.push(at(11), None);
    track.push(at(20), Some(6.0));
    let grid = Grid { start: 0, step: 5_000, buckets: 6 };
    let column = grid.lay(&track.samples(0), Fold::Mean);
    assert_eq!(column.values, [Some(5.0), Some(5.0), None, None, Some(6.0), Some(6.0)]);
}

#[test]
fn nan_and_infinity_are_gaps() {
    let mut track = Track::new(&RICH);
    track.push(at(0), Some(f64::NAN));
    track.push(at(1), Some(f64::INFINITY));
    let grid = Grid { start: 0, step: 1_000, buckets: 2 };
    assert_eq!(grid.lay(&track.samples(0), Fold::Mean).values, [None, None]);
}

#[test]
fn a_clock_set_back_forgets_what_lies_after() {
    let mut track = Track::new(&RICH);
    for second in 100..200 {
        track.push(at(second), Some(second as f64));
    }
    track.push(at(150), Some(-1.0));
    let samples = track.samples(0);
    assert!(samples.windows(2).all(|pair| pair[0].at < pair[1].at), "{samples:?}");
    assert_eq!(samples.last().map(|sample| (sample.at, sample.mean)), Some((150_000, -1.0)));
    track.push(at(150 - 2 * DAY), Some(3.0));
    assert_eq!(track.samples(i64::MIN).len(), 1, "a jump of days starts afresh");
}

#[test]
fn steps_keep_changes_only_and_hold_between_them() {
    let mut steps = Steps::default();
    for second in 0..1_000 {
        steps.set(at(second), Some(u32::from(second >= 500)));
    }
    assert_eq!(steps.changes.len(), 2);
    let grid = Grid { start: 498_000, step: 1_000, buckets: 4 };
    assert_eq!(grid.lay(&steps.samples(498_000), Fold::Last).values, [Some(0.0), Some(0.0), Some(1.0), Some(1.0)]);
}

#[test]
fn a_grid_covers_its_range_with_about_the_points_asked_for() {
    for (span_s, points) in [(60, 600), (900, 600), (DAY, 600), (DAY, 50), (30 * DAY, 100), (0, 10)] {
        let (from, to) = (1_234_567, 1_234_567 + span_s * 1_000);
        let grid = Grid::over(from, to, points);
        assert!(grid.start <= from, "{grid:?}");
        let end = grid.start + grid.step * grid.buckets as i64;
        assert!(end > to && end - grid.step <= to, "{grid:?}");
        assert!(grid.buckets <= points + 1, "{grid:?}");
    }
}

#[test]
fn steps_that_change_all_the_time_stay_bounded_and_reach_back() {
    let mut steps = Steps::default();
    for second in 0..100_000 {
        steps.set(at(second), Some(u32::try_from(second % 7).unwrap()));
    }
    assert!(steps.changes.len() <= MAX_CHANGES, "{}", steps.changes.len());
    assert_eq!(steps.samples(0).first().unwrap().at, 0);
    let latest: Vec<_> = steps.samples(99_990_000).iter().map(|sample| sample.at).collect();
    assert_eq!(latest, (99_990..100_000).map(|second| second * 1_000).collect::<Vec<_>>(), "the latest are complete");
}
