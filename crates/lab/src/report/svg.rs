//! Draws a chart as SVG for the page. Colours are classes, so that light and dark follow the reader's setting.

use std::fmt::Write;

use super::chart::{Chart, axis_number, clock, round_step, time_step};
use super::html::escape;

const WIDTH: f64 = 960.0;
const HEIGHT: f64 = 240.0;
const LEFT: f64 = 56.0;
const RIGHT: f64 = 12.0;
const TOP: f64 = 28.0;
const BOTTOM: f64 = 24.0;

/// The chart as one `<svg>` element.
pub(super) fn draw(chart: &Chart) -> String {
    let (top, end) = (chart.top(), chart.end());
    let step = round_step(top, 5.0);
    let top = (top / step).ceil() * step;
    let x = |seconds: f64| LEFT + seconds / end * (WIDTH - LEFT - RIGHT);
    let y = |value: f64| HEIGHT - BOTTOM - value / top * (HEIGHT - TOP - BOTTOM);
    let mut svg = format!(
        "<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{} over time, in {}\">",
        chart.title, chart.unit
    );
    // Writing to a String cannot fail.
    let mut value = 0.0;
    while value <= top + step / 2.0 {
        let (at, label) = (y(value), axis_number((value * 1000.0).round() / 1000.0));
        let _ = write!(svg, "<path class=\"grid\" d=\"M{LEFT} {at:.1}H{}\"/>", WIDTH - RIGHT);
        let _ = write!(svg, "<text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{label}</text>", LEFT - 6.0, at + 4.0);
        value += step;
    }
    let (mut seconds, every) = (0.0, time_step(end));
    while seconds <= end {
        let label = clock(seconds);
        let _ =
            write!(svg, "<text x=\"{:.1}\" y=\"{}\" text-anchor=\"middle\">{label}</text>", x(seconds), HEIGHT - 8.0);
        seconds += every;
    }
    for (seconds, reason) in &chart.marks {
        let _ = write!(
            svg,
            "<g class=\"mark\"><path d=\"M{0:.1} {TOP}V{1}\"/><title>{2} {3}</title></g>",
            x(*seconds),
            HEIGHT - BOTTOM,
            clock(*seconds),
            escape(reason)
        );
    }
    for line in &chart.lines {
        let dashed = if line.dashed { " dashed" } else { "" };
        for run in chart.runs(line) {
            let mut path = String::new();
            for (at, (seconds, value)) in run.iter().enumerate() {
                let command = if at == 0 { 'M' } else { 'L' };
                let _ = write!(path, "{command}{:.1} {:.1}", x(*seconds), y(*value));
            }
            let _ = write!(svg, "<path class=\"line c{}{dashed}\" d=\"{path}\"/>", line.colour);
        }
    }
    legend(&mut svg, chart);
    svg.push_str("</svg>");
    svg
}

fn legend(svg: &mut String, chart: &Chart) {
    let _ = write!(svg, "<text class=\"title\" x=\"{LEFT}\" y=\"16\">{}, {}</text>", chart.title, chart.unit);
    let mut right = WIDTH - RIGHT;
    for line in chart.lines.iter().rev() {
        let width = 6.2 * line.name.len() as f64;
        let dashed = if line.dashed { " dashed" } else { "" };
        let _ = write!(svg, "<text x=\"{right}\" y=\"16\" text-anchor=\"end\">{}</text>", line.name);
        let from = right - width - 26.0;
        let _ = write!(svg, "<path class=\"line c{}{dashed}\" d=\"M{from} 12h20\"/>", line.colour);
        right = from - 14.0;
    }
}
