//! What was measured, side by side.

use std::fmt;
use std::time::Duration;

/// Rows in the order in which they were first seen; a column a side.
#[derive(Debug, Default)]
pub struct Figures {
    sides: Vec<String>,
    rows: Vec<(String, Vec<(String, String)>)>,
}

impl Figures {
    /// Notes and prints one figure.
    pub fn note(&mut self, side: &str, what: &str, figure: impl fmt::Display) {
        let figure = figure.to_string();
        println!("  {side}: {what}: {figure}");
        if !self.sides.iter().any(|known| known == side) {
            self.sides.push(side.to_owned());
        }
        match self.rows.iter_mut().find(|(name, _)| name == what) {
            Some((_, cells)) => cells.push((side.to_owned(), figure)),
            None => self.rows.push((what.to_owned(), vec![(side.to_owned(), figure)])),
        }
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(out, "| what | {} |", self.sides.join(" | "))?;
        writeln!(out, "|---|{}", "---|".repeat(self.sides.len()))?;
        for (what, cells) in &self.rows {
            let of = |side: &String| cells.iter().find(|(name, _)| name == side).map_or("–", |(_, figure)| figure);
            let cells: Vec<&str> = self.sides.iter().map(of).collect();
            writeln!(out, "| {what} | {} |", cells.join(" | "))?;
        }
        Ok(())
    }
}

/// `p50 …, p99 …, max …` of times.
pub fn spread(mut times: Vec<Duration>) -> String {
    if times.is_empty() {
        return "none".to_owned();
    }
    times.sort();
    let at = |part: f64| times[((times.len() - 1) as f64 * part).round() as usize];
    format!("p50 {}, p99 {}, max {}", short(at(0.5)), short(at(0.99)), short(at(1.0)))
}

/// In the unit that reads best.
pub fn short(time: Duration) -> String {
    match time.as_millis() {
        0..1000 => format!("{:.1} ms", time.as_secs_f64() * 1e3),
        _ => format!("{:.1} s", time.as_secs_f64()),
    }
}
