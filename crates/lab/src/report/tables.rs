//! The report's tables as CSV (RFC 4180).

use std::fmt::Write;

use super::summary::TargetView;

/// A row for each target and step of time. Empty: not known.
pub(super) fn samples(views: &[TargetView]) -> String {
    let mut text =
        "time,seconds,target,lag,produced_per_second,consumed_per_second,desired,running,ready,min,max,useful\n"
            .to_owned();
    let number = |value: Option<f64>| value.map_or(String::new(), |value| format!("{value:.2}"));
    let count = |value: Option<u32>| value.map_or(String::new(), |value| value.to_string());
    for view in views {
        let target = quoted(view.summary.target.as_str());
        for row in &view.rows {
            // Writing to a String cannot fail.
            let _ = writeln!(
                text,
                "{},{:.3},{target},{},{},{},{},{},{},{},{},{}",
                row.at,
                row.seconds,
                row.lag.map_or(String::new(), |lag| lag.to_string()),
                number(row.produced),
                number(row.consumed),
                count(row.desired),
                count(row.running),
                count(row.ready),
                count(row.min),
                count(row.max),
                count(row.useful),
            );
        }
    }
    text
}

/// A row for each scaling action, with its reason and, for a scale-out, the steps from burst to relief.
pub(super) fn actions(views: &[TargetView]) -> String {
    let mut text = "time,seconds,target,sequence,from,to,bound_by,reason,produced_to_seen_ms,seen_to_decided_ms,\
                    decided_to_started_ms,started_to_consumed_ms,produced_to_consumed_ms,produced_to_relieved_ms\n"
        .to_owned();
    let millis = |value: Option<u64>| value.map_or(String::new(), |value| value.to_string());
    for view in views {
        let summary = &view.summary;
        for action in &summary.actions {
            let reaction = summary
                .reactions
                .iter()
                .find(|reaction| reaction.sequence == action.sequence)
                .cloned()
                .unwrap_or_default();
            let _ = writeln!(
                text,
                "{},{:.3},{},{},{},{},{},{},{},{},{},{},{},{}",
                action.at,
                action.seconds,
                quoted(summary.target.as_str()),
                action.sequence,
                action.from,
                action.to,
                action.bound_by,
                quoted(&action.reason),
                millis(reaction.produced_to_seen_ms),
                millis(reaction.seen_to_decided_ms),
                millis(reaction.decided_to_started_ms),
                millis(reaction.started_to_consumed_ms),
                millis(reaction.produced_to_consumed_ms),
                millis(reaction.produced_to_relieved_ms),
            );
        }
    }
    text
}

fn quoted(text: &str) -> String {
    if text.contains([',', '"', '\n', '\r']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text.to_owned() }
}

#[cfg(test)]
mod tests {
    #[test]
    fn fields_with_commas_and_quotes_are_quoted() {
        assert_eq!(super::quoted("a/b"), "a/b");
        assert_eq!(super::quoted("3 → 5, since \"lag\""), "\"3 → 5, since \"\"lag\"\"\"");
    }
}
