//! What a picture shows, apart from how it is drawn: once as SVG for the page, once as PNG.

use super::grid::Row;
use super::summary::TargetView;

/// Lines over one axis of time.
pub(super) struct Chart {
    /// File name and heading.
    pub(super) name: &'static str,
    pub(super) title: &'static str,
    pub(super) unit: &'static str,
    /// Seconds since the run's start.
    pub(super) times: Vec<f64>,
    pub(super) lines: Vec<Line>,
    /// Scaling actions: when, and in words.
    pub(super) marks: Vec<(f64, String)>,
}

/// One line.
pub(super) struct Line {
    pub(super) name: &'static str,
    /// Which of the palette's colours.
    pub(super) colour: usize,
    pub(super) dashed: bool,
    /// Counts jump, they do not slope.
    pub(super) steps: bool,
    pub(super) values: Vec<Option<f64>>,
}

impl Chart {
    /// The largest value, at least 1.
    pub(super) fn top(&self) -> f64 {
        let values = self.lines.iter().flat_map(|line| line.values.iter().flatten());
        values.copied().fold(1.0, f64::max)
    }

    /// The last time, at least 1 s.
    pub(super) fn end(&self) -> f64 {
        self.times.last().copied().unwrap_or(0.0).max(1.0)
    }

    /// Each line's points as runs without a gap, in chart coordinates.
    pub(super) fn runs(&self, line: &Line) -> Vec<Vec<(f64, f64)>> {
        let mut runs: Vec<Vec<(f64, f64)>> = vec![Vec::new()];
        for (time, value) in self.times.iter().zip(&line.values) {
            match (value, runs.last_mut()) {
                (Some(value), Some(run)) => {
                    if let (true, Some((_, before))) = (line.steps, run.last().copied()) {
                        run.push((*time, before));
                    }
                    run.push((*time, *value));
                }
                (None, _) => runs.push(Vec::new()),
                (Some(_), None) => {}
            }
        }
        runs.retain(|run| !run.is_empty());
        runs
    }
}

/// The pictures of one target.
pub(super) fn charts(view: &TargetView, lag_target: Option<u64>) -> Vec<Chart> {
    let rows = &view.rows;
    let marks: Vec<(f64, String)> =
        view.summary.actions.iter().map(|action| (action.seconds, action.reason.clone())).collect();
    let count = |pick: fn(&Row) -> Option<u32>| rows.iter().map(|row| pick(row).map(f64::from)).collect();
    let line = |name, colour, values| Line { name, colour, dashed: false, steps: false, values };
    let steps = |name, colour, values| Line { name, colour, dashed: false, steps: true, values };
    let limit = |name, colour, values| Line { name, colour, dashed: true, steps: true, values };
    let chart = |name, title, unit, lines: Vec<Line>| Chart {
        name,
        title,
        unit,
        times: rows.iter().map(|row| row.seconds).collect(),
        lines: lines.into_iter().filter(|line| line.values.iter().any(Option::is_some)).collect(),
        marks: marks.clone(),
    };
    let mut lag = vec![line("lag", 0, rows.iter().map(|row| row.lag).collect())];
    if let Some(target) = lag_target {
        lag.push(limit("lag target", 4, vec![Some(target as f64); rows.len()]));
    }
    vec![
        chart(
            "rates",
            "Rates",
            "records/s",
            vec![
                line("produced", 1, rows.iter().map(|row| row.produced).collect()),
                line("consumed", 2, rows.iter().map(|row| row.consumed).collect()),
            ],
        ),
        chart("lag", "Lag", "records", lag),
        chart(
            "replicas",
            "Replicas",
            "count",
            vec![
                limit("max", 4, count(|row| row.max)),
                limit("useful", 3, count(|row| row.useful)),
                steps("ready", 2, count(|row| row.ready)),
                steps("running", 1, count(|row| row.running)),
                steps("desired", 0, count(|row| row.desired)),
            ],
        ),
    ]
}

/// A round step so that about `most` of them reach `top`.
pub(super) fn round_step(top: f64, most: f64) -> f64 {
    let raw = (top / most).max(f64::MIN_POSITIVE);
    let magnitude = 10_f64.powf(raw.log10().floor());
    let factor = [1.0, 2.0, 5.0, 10.0].into_iter().find(|factor| factor * magnitude >= raw).unwrap_or(10.0);
    factor * magnitude
}

/// A round step of time, in seconds.
pub(super) fn time_step(end: f64) -> f64 {
    const STEPS: [f64; 14] =
        [1.0, 2.0, 5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0, 7200.0, 21_600.0];
    STEPS.into_iter().find(|step| end / step <= 10.0).unwrap_or(86_400.0)
}

/// Seconds since the start as `m:ss` or `h:mm:ss`.
pub(super) fn clock(seconds: f64) -> String {
    let seconds = seconds.max(0.0).round() as u64;
    let (hours, minutes, rest) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    if hours > 0 { format!("{hours}:{minutes:02}:{rest:02}") } else { format!("{minutes}:{rest:02}") }
}

/// A number on an axis.
pub(super) fn axis_number(value: f64) -> String {
    if value >= 1e6 {
        format!("{}M", value / 1e6)
    } else if value >= 10_000.0 {
        format!("{}k", value / 1000.0)
    } else {
        format!("{value}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_have_round_steps() {
        assert_eq!(round_step(1.0, 5.0), 0.2);
        assert_eq!(round_step(12.0, 5.0), 5.0);
        assert_eq!(round_step(4321.0, 5.0), 1000.0);
        assert_eq!(time_step(240.0), 30.0);
        assert_eq!(time_step(86_400.0), 21_600.0);
        assert_eq!((clock(65.2), clock(3725.0)), ("1:05".to_owned(), "1:02:05".to_owned()));
        assert_eq!((axis_number(500.0), axis_number(20_000.0)), ("500".to_owned(), "20k".to_owned()));
    }

    #[test]
    fn gaps_break_lines_and_counts_jump() {
        let line = |steps| Line {
            name: "x",
            colour: 0,
            dashed: false,
            steps,
            values: vec![Some(1.0), Some(3.0), None, Some(2.0)],
        };
        let chart =
            Chart { name: "x", title: "x", unit: "x", times: vec![0.0, 1.0, 2.0, 3.0], lines: vec![], marks: vec![] };
        assert_eq!(chart.runs(&line(false)), [vec![(0.0, 1.0), (1.0, 3.0)], vec![(3.0, 2.0)]]);
        assert_eq!(chart.runs(&line(true)), [vec![(0.0, 1.0), (1.0, 1.0), (1.0, 3.0)], vec![(3.0, 2.0)]]);
    }
}
