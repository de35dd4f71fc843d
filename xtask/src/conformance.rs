//! The tables of what is matched: docs/conformance.md and docs/users-pains.md.
//!
//! A row is proven by the tests that name its id in their doc comment (`/// HPA-03, HPA-04: ...`). What a row is about, and
//! why it is done differently or not at all, is in tests/conformance. The tables are put together from the two, so that
//! no row can claim a test that is not there.

mod proofs;
mod rows;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use crate::run::{output, root, say};
use proofs::Proof;
use rows::{Row, State};

/// One table: the rows' file, the page made of it, its head, and the word for a row with a test.
struct Table {
    rows: &'static str,
    page: &'static str,
    head: &'static str,
    proven: &'static str,
}

const TABLES: [Table; 2] = [
    Table {
        rows: "tests/conformance/rows.txt",
        page: "docs/conformance.md",
        head: "# Conformance with KEDA 2.21\n\nRow by row, what KEDA does that users can see, and what Tidegate does. *matched*: \
               the same, shown by the tests named. *improved*: different on purpose, shown by the tests named. *open*: not \
               done, or not shown by a test. *not applicable*: nothing of it exists here.\n",
        proven: "matched",
    },
    Table {
        rows: "tests/conformance/pains.txt",
        page: "docs/users-pains.md",
        head: "# What users suffer from, and what answers it\n\nNeeds that users of KEDA and of the HorizontalPodAutoscaler \
               have brought up over the years. *answered*: the tests named show it. *open*: not done, or not shown by a \
               test. *not applicable*: the part that it is about does not exist yet.\n",
        proven: "answered",
    },
];

/// Writes the pages.
pub(crate) fn write() -> Result<(), String> {
    let root = root();
    let proofs = collect(&root)?;
    for table in &TABLES {
        let (page, findings, summary) = make(&root, table, &proofs)?;
        if !findings.is_empty() {
            return Err(findings.join("\n"));
        }
        fs::write(root.join(table.page), page).map_err(|error| format!("writing {}: {error}", table.page))?;
        say(&format!("{}: {summary}", table.page));
    }
    Ok(())
}

/// What is wrong with the tables: ids twice or unknown, states without reasons, pages that are out of date.
pub(crate) fn check(root: &Path) -> Result<Vec<String>, String> {
    let proofs = collect(root)?;
    let mut findings = Vec::new();
    let mut known = BTreeSet::new();
    for table in &TABLES {
        let (page, found, _) = make(root, table, &proofs)?;
        findings.extend(found);
        known.extend(rows::read(&text(root, table.rows)?).0.into_iter().map(|row| row.id));
        if text(root, table.page).ok().as_deref() != Some(page.as_str()) {
            findings.push(format!("{}: out of date; run `cargo xtask conformance`", table.page));
        }
    }
    for (id, proof) in proofs.iter().filter(|(id, _)| !known.contains(*id)) {
        let place = proof.first().map(|proof| format!("{}: {}", proof.file, proof.test)).unwrap_or_default();
        findings.push(format!("{place}: names {id}, which is in no file of tests/conformance"));
    }
    Ok(findings)
}

fn text(root: &Path, file: &str) -> Result<String, String> {
    fs::read_to_string(root.join(file)).map_err(|error| format!("reading {file}: {error}"))
}

/// The tests that name each id.
fn collect(root: &Path) -> Result<BTreeMap<String, Vec<Proof>>, String> {
    let tracked = output(root, "git", &["ls-files", "--cached", "--others", "--exclude-standard", "*.rs"])?;
    let mut proofs: BTreeMap<String, Vec<Proof>> = BTreeMap::new();
    for file in tracked.lines() {
        let Ok(source) = fs::read_to_string(root.join(file)) else { continue };
        for (id, proof) in proofs::find(file, &source) {
            proofs.entry(id).or_default().push(proof);
        }
    }
    Ok(proofs)
}

/// The page, what is wrong with its rows, and how many there are of each state.
fn make(
    root: &Path,
    table: &Table,
    proofs: &BTreeMap<String, Vec<Proof>>,
) -> Result<(String, Vec<String>, String), String> {
    let (rows, mut findings) = rows::read(&text(root, table.rows)?);
    findings.iter_mut().for_each(|finding| *finding = format!("{}: {finding}", table.rows));
    let none = Vec::new();
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    let (mut body, mut section) = (String::new(), "");
    for row in &rows {
        let tests = proofs.get(&row.id).unwrap_or(&none);
        let (state, reason) = stand(row, !tests.is_empty(), table.proven);
        *counts.entry(state).or_default() += 1;
        if row.section != section {
            section = &row.section;
            let _ = write!(body, "\n## {section}\n\n| row | what | state | tests or reason |\n|---|---|---|---|\n");
        }
        let named: Vec<String> = tests.iter().map(|proof| format!("`{}`", proof.test)).collect();
        let why = [reason, named.join(", ")].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>();
        let _ = writeln!(body, "| {} | {} | {state} | {} |", row.id, row.what, why.join("; "));
    }
    let summary = counts.iter().map(|(state, count)| format!("{count} {state}")).collect::<Vec<_>>().join(", ");
    let note = "Made by `cargo xtask conformance` of the tests' doc comments and";
    let page = format!("{}\n{note} `{}`. Rows: {summary}.\n{body}", table.head, table.rows);
    Ok((page, findings, summary))
}

/// How a row stands, and why.
fn stand<'a>(row: &Row, has_test: bool, proven: &'a str) -> (&'a str, String) {
    match (row.state, has_test) {
        (State::Plain, true) => (proven, String::new()),
        (State::Plain, false) => ("open", "no test names it yet".to_owned()),
        (State::Improved, true) => ("improved", row.reason.clone()),
        (State::Improved, false) => ("open", format!("meant to be improved ({}); no test names it yet", row.reason)),
        (State::Open, _) => ("open", row.reason.clone()),
        (State::NotApplicable, _) => ("not applicable", row.reason.clone()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(state: State) -> Row {
        Row { id: "A-1".into(), section: String::new(), what: String::new(), state, reason: "why".into() }
    }

    #[test]
    fn a_row_is_proven_by_tests_only() {
        assert_eq!(stand(&row(State::Plain), true, "matched").0, "matched");
        assert_eq!(stand(&row(State::Plain), false, "matched").0, "open");
        assert_eq!(stand(&row(State::Improved), true, "matched"), ("improved", "why".into()));
        assert_eq!(stand(&row(State::Improved), false, "matched").0, "open");
        assert_eq!(stand(&row(State::Open), true, "matched").0, "open");
        assert_eq!(stand(&row(State::NotApplicable), true, "matched").0, "not applicable");
    }

    #[test]
    fn the_rows_of_the_repository_are_sound() {
        let root = root();
        for table in &TABLES {
            let (rows, findings) = rows::read(&text(&root, table.rows).unwrap());
            assert!(findings.is_empty(), "{}: {findings:?}", table.rows);
            assert!(rows.len() >= 46, "{} has {} rows", table.rows, rows.len());
        }
    }
}
