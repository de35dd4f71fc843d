//! The page without scripts: tables, renewed every few seconds. Shown where the full page was not built, and to
//! browsers without JavaScript.

use std::fmt::Write;

use tidegate_engine::{TargetId, Timestamp, headline};

use crate::store::{State, TargetState};

/// Decisions listed for each target.
const DECISIONS: usize = 10;
/// Targets listed.
const TARGETS: usize = 100;

/// The whole page; `note` says why it is this one.
pub(crate) fn plain_page(state: &State, version: &str, now: Timestamp, note: Option<&str>) -> String {
    let mut page = String::from(concat!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>Tidegate</title>",
        "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">",
        "<meta http-equiv=\"refresh\" content=\"5\"><link rel=\"icon\" href=\"data:,\">",
        "<link rel=\"stylesheet\" href=\"/plain.css\"></head><body>",
        "<h1>Tidegate</h1>"
    ));
    push(&mut page, "p", &format!("Version {version}, {now}"));
    if let Some(note) = note {
        push(&mut page, "p", note);
    }
    for problem in state.all_problems() {
        push(&mut page, "pre", problem);
    }
    if state.targets.is_empty() {
        push(&mut page, "p", "No target yet.");
    }
    for (id, target) in state.targets.iter().take(TARGETS) {
        section(&mut page, id, target, now);
    }
    if state.targets.len() > TARGETS {
        push(&mut page, "p", &format!("and {} more; /api/v1/targets lists all", state.targets.len() - TARGETS));
    }
    page.push_str("</body></html>\n");
    page
}

fn section(page: &mut String, id: &TargetId, target: &TargetState, now: Timestamp) {
    push(page, "h2", id.as_str());
    if let Some(latest) = target.decisions.latest() {
        push(page, "p", &headline(latest));
    }
    let number = |value: Option<String>| value.unwrap_or_else(|| "not known".to_owned());
    let counts = target.workload.map(|(_, counts)| counts);
    let rate = |side| target.rate(side).map(|rate| format!("{rate:.1}/s"));
    let desired = target.decisions.latest().map(|record| record.desired_replicas.to_string());
    table(
        page,
        &["Desired", "Running", "Ready", "Lag", "Produced", "Consumed"],
        &[vec![
            number(desired),
            number(counts.map(|counts| counts.current.to_string())),
            number(counts.map(|counts| counts.ready.to_string())),
            number(target.lag().map(|lag| lag.to_string())),
            number(rate(0)),
            number(rate(1)),
        ]],
    );
    let rows: Vec<Vec<String>> = target
        .info
        .triggers
        .iter()
        .zip(&target.triggers)
        .map(|(info, trigger)| {
            let reading = trigger.latest.as_ref();
            vec![
                info.metric.to_string(),
                number(reading.map(|reading| reading.value.to_string())),
                info.target.amount().to_string(),
                number(reading.map(|reading| format!("{:.0} s ago", now.since(reading.at).as_secs_f64()))),
                trigger.error.as_ref().map(ToString::to_string).unwrap_or_default(),
            ]
        })
        .collect();
    table(page, &["Metric", "Value", "Target", "Read", "Error"], &rows);
    let rows: Vec<Vec<String>> = target
        .decisions
        .newest_first()
        .take(DECISIONS)
        .map(|record| vec![record.at.to_string(), headline(record), record.bound_by.to_string()])
        .collect();
    table(page, &["Decided", "What", "Bound by"], &rows);
}

fn table(page: &mut String, head: &[&str], rows: &[Vec<String>]) {
    if rows.is_empty() {
        return;
    }
    page.push_str("<table><tr>");
    for cell in head {
        push(page, "th", cell);
    }
    for row in rows {
        page.push_str("</tr>\n<tr>");
        for cell in row {
            push(page, "td", cell);
        }
    }
    page.push_str("</tr></table>\n");
}

fn push(page: &mut String, tag: &str, text: &str) {
    let _ = write!(page, "<{tag}>");
    for letter in text.chars() {
        match letter {
            '&' => page.push_str("&amp;"),
            '<' => page.push_str("&lt;"),
            '>' => page.push_str("&gt;"),
            '"' => page.push_str("&quot;"),
            other => page.push(other),
        }
    }
    let _ = write!(page, "</{tag}>");
}
