//! The page: complete in one file, no scripts, nothing from elsewhere, light and dark by the reader's setting.

use std::fmt::Write;

use super::chart::{charts, clock};
use super::reaction::Reaction;
use super::summary::{Percentiles, Summary, TargetSummary, TargetView, span_text};
use super::svg;

/// Targets with pictures on the page; the others have their figures in summary.json and samples.csv.
const MOST_TARGETS: usize = 20;
/// Scaling actions listed for one target.
const MOST_ACTIONS: usize = 500;

const STYLE: &str = include_str!("page.css");

/// Text as HTML.
pub(super) fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// The whole page. `views` come with the busiest target first.
pub(super) fn page(summary: &Summary, views: &[TargetView]) -> String {
    let mut page = format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>{0}</title>\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<style>{STYLE}</style></head><body>\n\
         <header><h1>{0}</h1>",
        escape(&summary.title)
    );
    // Writing to a String cannot fail.
    let _ = match (summary.started_at, summary.ended_at) {
        (Some(start), Some(end)) => {
            writeln!(page, "<p>{start} to {end}, {}</p></header>", span_text(summary.duration_seconds))
        }
        _ => writeln!(page, "<p>Nothing was heard during this run: no reading, no decision, no load.</p></header>"),
    };
    if let Some(reason) = &summary.aborted {
        let _ = writeln!(page, "<p class=\"warning\">The run ended early: {}.</p>", escape(reason));
    }
    for warning in &summary.warnings {
        let _ = writeln!(page, "<p class=\"warning\">{}</p>", escape(warning));
    }
    for view in views.iter().take(MOST_TARGETS) {
        target(&mut page, view, summary.lag_target);
    }
    if views.len() > MOST_TARGETS {
        let rest = views.len() - MOST_TARGETS;
        let _ = writeln!(page, "<p>{rest} more targets are in summary.json and samples.csv.</p>");
    }
    loads(&mut page, summary);
    page.push_str(
        "<footer>Made by Tidegate. The same figures: <a href=\"summary.json\">summary.json</a>, \
         <a href=\"samples.csv\">samples.csv</a>, <a href=\"actions.csv\">actions.csv</a>; every decision: \
         <a href=\"records.jsonl\">records.jsonl</a> (<code>tidegate explain</code> reads it).</footer></body></html>\n",
    );
    page
}

fn target(page: &mut String, view: &TargetView, lag_target: Option<u64>) {
    let summary = &view.summary;
    let _ = write!(page, "<section><h2>{}</h2>\n<dl class=\"tiles\">", escape(summary.target.as_str()));
    for (name, value) in tiles(summary, lag_target) {
        let _ = write!(page, "<div><dt>{name}</dt><dd>{value}</dd></div>");
    }
    page.push_str("</dl>\n");
    if let Some(error) = &summary.last_read_error {
        let count = summary.read_errors;
        let _ = writeln!(page, "<p class=\"warning\">{count} reads failed, the last: {}</p>", escape(error));
    }
    if !view.rows.is_empty() {
        for chart in charts(view, lag_target) {
            let _ = writeln!(page, "<figure>{}</figure>", svg::draw(&chart));
        }
    }
    reactions(page, summary);
    actions(page, summary);
    page.push_str("</section>\n");
}

fn tiles(summary: &TargetSummary, lag_target: Option<u64>) -> Vec<(&'static str, String)> {
    let mut tiles = Vec::new();
    if let Some(lag) = summary.lag {
        tiles.push(("lag, median", format!("{:.0}", lag.p50)));
        tiles.push(("lag, 99th percentile", format!("{:.0}", lag.p99)));
        tiles.push(("lag, most", format!("{:.0}", lag.max)));
        if let (Some(seconds), Some(target)) = (lag.seconds_over_target, lag_target) {
            tiles.push(("time over lag target", format!("{} over {target}", span_text(seconds))));
        }
    }
    tiles.push(("most replicas", summary.most_replicas.map_or("not known".to_owned(), |most| most.to_string())));
    tiles.push(("replica-hours", format!("{:.3}", summary.replica_hours)));
    tiles.push(("scaling actions", format!("{} in {} decisions", summary.scaling_actions, summary.decisions)));
    if let Some(rebalances) = summary.rebalances {
        tiles.push(("rebalances", rebalances.to_string()));
    }
    let percentiles = |p: Percentiles| format!("{} ms median, {} ms most", p.p50, p.max);
    if let Some(figures) = summary.decided_to_started_ms {
        tiles.push(("decision to process", percentiles(figures)));
    }
    if let Some(figures) = summary.produced_to_consumed_ms {
        tiles.push(("burst to first record", percentiles(figures)));
    }
    if summary.held > 0 {
        tiles.push(("held, not knowing", summary.held.to_string()));
    }
    tiles
}

fn reactions(page: &mut String, summary: &TargetSummary) {
    if summary.reactions.is_empty() {
        return;
    }
    page.push_str(
        "<h3>From burst to relief</h3><p>For each scale-out: the record was produced whose waiting first called for more \
         replicas; the lag was seen; it was decided; the first new process was started; it consumed its first record; \
         the lag was down again.</p>\n<div class=\"wide\"><table><thead><tr><th>decision</th><th>replicas</th>\
         <th>produced</th><th>seen</th><th>decided</th><th>started</th><th>first record</th><th>in all</th>\
         <th>relief</th></tr></thead><tbody>\n",
    );
    for reaction in summary.reactions.iter().take(MOST_ACTIONS) {
        reaction_row(page, reaction);
    }
    page.push_str("</tbody></table></div>\n");
}

fn reaction_row(page: &mut String, reaction: &Reaction) {
    let after = |millis: Option<u64>| millis.map_or("–".to_owned(), |millis| format!("+{}", duration(millis)));
    let produced = reaction.produced_at.map_or("–".to_owned(), |at| time_of_day(&at.to_string()));
    let _ = writeln!(
        page,
        "<tr><td>#{}</td><td>{} → {}</td><td>{produced}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td>\
         <td>{}</td></tr>",
        reaction.sequence,
        reaction.from,
        reaction.to,
        after(reaction.produced_to_seen_ms),
        after(reaction.seen_to_decided_ms),
        after(reaction.decided_to_started_ms),
        after(reaction.started_to_consumed_ms),
        reaction.produced_to_consumed_ms.map_or("–".to_owned(), duration),
        reaction.produced_to_relieved_ms.map_or("–".to_owned(), duration),
    );
}

fn duration(millis: u64) -> String {
    if millis < 1000 { format!("{millis} ms") } else { format!("{:.2} s", millis as f64 / 1000.0) }
}

/// The time out of an RFC 3339 date and time.
fn time_of_day(text: &str) -> String {
    text.split_once('T').map_or(text, |(_, time)| time.trim_end_matches('Z')).to_owned()
}

fn actions(page: &mut String, summary: &TargetSummary) {
    let _ = write!(page, "<h3>Scaling actions</h3>");
    if summary.actions.is_empty() {
        page.push_str("<p>None.</p>\n");
        return;
    }
    page.push_str(
        "<div class=\"wide\"><table><thead><tr><th>at</th><th>decision</th><th>replicas</th><th>bound by</th>\
         <th>reason</th></tr></thead><tbody>\n",
    );
    for action in summary.actions.iter().take(MOST_ACTIONS) {
        let _ = writeln!(
            page,
            "<tr><td>{}</td><td>#{}</td><td>{} → {}</td><td>{}</td><td>{}</td></tr>",
            clock(action.seconds),
            action.sequence,
            action.from,
            action.to,
            escape(&action.bound_by),
            escape(&action.reason)
        );
    }
    page.push_str("</tbody></table></div>\n");
    if summary.actions.len() > MOST_ACTIONS {
        let _ = writeln!(page, "<p>{} more are in actions.csv.</p>", summary.actions.len() - MOST_ACTIONS);
    }
}

fn loads(page: &mut String, summary: &Summary) {
    if summary.loads.is_empty() {
        return;
    }
    page.push_str(
        "<section><h2>Load</h2><div class=\"wide\"><table><thead><tr><th>load</th><th>executor</th><th>due</th>\
         <th>produced</th><th>dropped</th><th>failed</th><th>took</th></tr></thead><tbody>\n",
    );
    for load in &summary.loads {
        let _ = writeln!(
            page,
            "<tr><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>",
            escape(&load.load),
            load.executor,
            load.due,
            load.produced,
            load.dropped,
            load.failed,
            span_text(load.duration.as_secs_f64())
        );
    }
    page.push_str("</tbody></table></div></section>\n");
}
