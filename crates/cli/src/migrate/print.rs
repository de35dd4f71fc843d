//! The report for people.

use super::report::{Finding, Report, Verdict, Weight};

/// The whole report.
pub(crate) fn text(report: &Report) -> String {
    let mut parts = vec![summary(report)];
    for (weight, title) in [
        (Weight::Breaks, "WOULD BREAK"),
        (Weight::Differs, "WOULD DIFFER, on purpose"),
        (Weight::Note, "WOULD GO ON AS IT IS"),
    ] {
        let objects: Vec<&Verdict> = report.objects.iter().filter(|object| object.weight == weight).collect();
        if !objects.is_empty() {
            let lines: Vec<String> = objects.into_iter().map(verdict).collect();
            parts.push(format!("{title}\n{}", lines.join("\n")));
        }
    }
    let section = |title: &str, lines: Vec<String>| match lines.is_empty() {
        true => None,
        false => Some(format!("{title}\n{}", lines.join("\n"))),
    };
    parts.extend(section("KEDA'S SETTINGS", report.installation.iter().map(finding).collect()));
    parts.extend(
        section("RIGHTS beyond deploy/tidegate.yaml, to apply", vec![report.rights.join("\n---\n")])
            .filter(|_| !report.rights.is_empty()),
    );
    parts.extend(section("NOT LOOKED AT", report.unknown.iter().map(|what| format!("  {what}")).collect()));
    parts.extend(section("THERE", numbered(&report.there)));
    parts.extend(section("BACK, at any time", numbered(&report.back)));
    parts.join("\n\n")
}

fn summary(report: &Report) -> String {
    let count = |weight| report.count(weight);
    let all = report.objects.len();
    let looked = format!("{all} object{} looked at, nothing changed: ", if all == 1 { "" } else { "s" });
    format!(
        "{looked}{} would break, {} would differ on purpose, {} would go on as they are",
        count(Weight::Breaks),
        count(Weight::Differs),
        count(Weight::Note)
    )
}

fn verdict(verdict: &Verdict) -> String {
    let mut lines = vec![format!("  {}", verdict.title())];
    lines.extend(verdict.findings.iter().map(|found| format!("  {}", finding(found))));
    lines.join("\n")
}

fn finding(finding: &Finding) -> String {
    let mark = match finding.weight {
        Weight::Breaks => "x",
        Weight::Differs => "~",
        Weight::Note => "-",
    };
    match finding.field.as_str() {
        "" => format!("  {mark} {}", finding.message),
        field => format!("  {mark} {field}: {}", finding.message),
    }
}

fn numbered(steps: &[String]) -> Vec<String> {
    steps.iter().enumerate().map(|(index, step)| format!("  {}. {step}", index + 1)).collect()
}
