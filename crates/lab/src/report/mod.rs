//! What is left of a run: a page with pictures, tables and the reason of every scaling action.
//!
//! A [`Collector`] listens during the run; [`write`] makes the report of it: `report.html` (complete in one file, no
//! scripts, works offline), `rates.png`, `lag.png`, `replicas.png`, `samples.csv`, `actions.csv`, `records.jsonl` and
//! `summary.json`.

mod chart;
mod collector;
mod files;
mod grid;
mod html;
mod picture;
mod reaction;
mod summary;
mod svg;
mod tables;
#[cfg(test)]
mod tests;
mod thinned;

use std::path::{Path, PathBuf};

pub use collector::{Collector, CollectorOptions, ProcessEvent, ProcessWhat};
pub(crate) use collector::{State, TargetData};

pub(crate) use thinned::Thinned;

use self::files::Staging;
use self::reaction::PodEvents;
use self::summary::{FORMAT, Summary, TargetView};
use crate::consume::ConsumerEvent;
use crate::error::LabError;

/// Targets with pictures of their own as PNG.
const MOST_PICTURED: usize = 5;

/// How a report is to be written.
#[derive(Clone, Debug, Default)]
pub struct ReportOptions {
    /// Above it all.
    pub title: String,
    /// Files of decision records (JSON Lines) written during the run; they are joined into `records.jsonl` in this
    /// order. Without any, the records that the collector kept are written.
    pub record_files: Vec<PathBuf>,
    /// Why the run ended early, if it did.
    pub aborted: Option<String>,
}

/// Where the parts of a report are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReportPaths {
    /// The folder.
    pub folder: PathBuf,
    /// The page.
    pub html: PathBuf,
    /// The pictures.
    pub pictures: Vec<PathBuf>,
    /// The tables.
    pub tables: Vec<PathBuf>,
    /// The decision records.
    pub records: PathBuf,
    /// The figures in one JSON object.
    pub summary: PathBuf,
}

/// Writes the report into `folder`, which is made if need be. Nothing in it is touched before all of the report is
/// on the disk; then file by file is replaced, `summary.json` last. Other files in the folder are left alone.
///
/// # Errors
/// If a file cannot be written; [`LabError::DiskFull`] when that is the reason. An earlier report is then as it was.
pub fn write(collector: &Collector, options: &ReportOptions, folder: &Path) -> Result<ReportPaths, LabError> {
    let state = collector.snapshot();
    let lag_target = collector.options.lag_target;
    let mut views: Vec<TargetView> = state
        .targets
        .iter()
        .map(|(id, data)| summary::target(&state, id, data, &consumer_events(&data.events_files), lag_target))
        .collect();
    // The busiest first; among equals the order in which they appeared.
    views.sort_by_key(|view| std::cmp::Reverse(view.summary.scaling_actions));
    let summary = summarize(&state, options, lag_target, &views);
    let mut staging = Staging::new(folder)?;
    let mut paths = ReportPaths { folder: folder.to_owned(), ..ReportPaths::default() };
    paths.records = records(&mut staging, &state, options)?;
    for (place, view) in views.iter().filter(|view| !view.rows.is_empty()).take(MOST_PICTURED).enumerate() {
        for chart in chart::charts(view, lag_target) {
            let picture = picture::draw(&chart, view.summary.target.as_str())?;
            let suffix = if place == 0 { String::new() } else { format!("-{}", file_name(&view.summary.target)) };
            paths.pictures.push(staging.add(&format!("{}{suffix}.png", chart.name), &picture)?);
        }
    }
    paths.tables.push(staging.add("samples.csv", tables::samples(&views).as_bytes())?);
    paths.tables.push(staging.add("actions.csv", tables::actions(&views).as_bytes())?);
    paths.html = staging.add("report.html", html::page(&summary, &views).as_bytes())?;
    let json = serde_json::to_vec_pretty(&summary)
        .map_err(|error| LabError::file("write", &staging.place("summary.json"), error.into()))?;
    paths.summary = staging.add("summary.json", &json)?;
    staging.publish()?;
    Ok(paths)
}

fn file_name(target: &tidegate_engine::TargetId) -> String {
    target.as_str().replace(|c: char| !(c.is_ascii_alphanumeric() || c == '-' || c == '.'), "-")
}

fn summarize(state: &State, options: &ReportOptions, lag_target: Option<u64>, views: &[TargetView]) -> Summary {
    let span = state.last.zip(state.first).map(|(last, first)| last.since(first));
    let mut warnings: Vec<String> = state.load_summaries.iter().filter_map(|load| load.warning()).collect();
    if state.records_left_out > 0 && options.record_files.is_empty() {
        let count = state.records_left_out;
        warnings
            .push(format!("records.jsonl leaves out the first {count} decisions: only the last were kept in memory"));
    }
    Summary {
        format: FORMAT,
        title: options.title.clone(),
        started_at: state.first,
        ended_at: state.last,
        duration_seconds: span.map_or(0.0, |span| span.as_secs_f64()),
        aborted: options.aborted.clone(),
        lag_target,
        targets: views.iter().map(|view| view.summary.clone()).collect(),
        loads: state.load_summaries.clone(),
        warnings,
    }
}

fn records(staging: &mut Staging, state: &State, options: &ReportOptions) -> Result<PathBuf, LabError> {
    const NAME: &str = "records.jsonl";
    if !options.record_files.is_empty() {
        return staging.join(NAME, &options.record_files);
    }
    let mut lines = Vec::new();
    for record in &state.records {
        serde_json::to_writer(&mut lines, record.as_ref())
            .map_err(|error| LabError::file("write", &staging.place(NAME), error.into()))?;
        lines.push(b'\n');
    }
    staging.add(NAME, &lines)
}

/// What the pods' consumers wrote. A file that is missing or broken costs only its own lines: a pod that was killed
/// may have left half a one.
fn consumer_events(files: &[(String, PathBuf)]) -> PodEvents {
    files
        .iter()
        .filter_map(|(pod, path)| {
            let text = std::fs::read_to_string(path).ok()?;
            let events: Vec<ConsumerEvent> = text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
            Some((pod.clone(), events))
        })
        .collect()
}
