//! The files of rows: `ID | what | state | reason`, in sections.

use std::collections::BTreeSet;

/// One row.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) id: String,
    pub(super) section: String,
    pub(super) what: String,
    pub(super) state: State,
    pub(super) reason: String,
}

/// What the file says of a row; whether a test names it is another matter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Plain,
    Improved,
    Open,
    NotApplicable,
}

/// The rows of a file, and what is wrong with it.
pub(super) fn read(text: &str) -> (Vec<Row>, Vec<String>) {
    let (mut rows, mut findings) = (Vec::new(), Vec::new());
    let (mut section, mut seen) = (String::new(), BTreeSet::new());
    for (number, line) in (1..).zip(text.lines()) {
        if let Some(title) = line.strip_prefix("## ") {
            section = title.trim().to_owned();
        } else if !line.trim().is_empty() && !line.starts_with('#') {
            match row(line, &section) {
                Ok(row) => {
                    if !seen.insert(row.id.clone()) {
                        findings.push(format!("line {number}: {} is there twice", row.id));
                    }
                    rows.push(row);
                }
                Err(message) => findings.push(format!("line {number}: {message}")),
            }
        }
    }
    (rows, findings)
}

fn row(line: &str, section: &str) -> Result<Row, String> {
    let cells: Vec<&str> = line.split('|').map(str::trim).collect();
    let (id, what, state, reason) = match cells.as_slice() {
        [id, what] => (*id, *what, State::Plain, ""),
        [id, what, "improved", reason] => (*id, *what, State::Improved, *reason),
        [id, what, "open", reason] => (*id, *what, State::Open, *reason),
        [id, what, "not-applicable", reason] => (*id, *what, State::NotApplicable, *reason),
        [_, _, state, ..] => {
            return Err(format!("found state {state:?}; expected improved, open or not-applicable, and a reason"));
        }
        _ => return Err("expected ID | what, or ID | what | state | reason".to_owned()),
    };
    if section.is_empty() || id.is_empty() || what.is_empty() || (state != State::Plain && reason.is_empty()) {
        return Err(format!("{id}: section, id, text and (with a state) reason must not be empty"));
    }
    Ok(Row { id: id.into(), section: section.into(), what: what.into(), state, reason: reason.into() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_have_a_state_with_a_reason_or_none() {
        let text = "# note\n## Part\nA-1 | first\nA-2 | second | improved | better\n";
        let (rows, findings) = read(text);
        assert_eq!(findings, Vec::<String>::new());
        assert_eq!(rows.len(), 2);
        assert_eq!(
            (rows[1].section.as_str(), rows[1].state, rows[1].reason.as_str()),
            ("Part", State::Improved, "better")
        );
    }

    #[test]
    fn slips_are_told_with_their_line() {
        let (_, findings) = read("## P\nA-1 | x\nA-1 | x\nA-2 | x | done | y\nA-3 | x | open |\nA-4\n");
        let lines: Vec<&str> = findings.iter().map(|finding| &finding[..7]).collect();
        assert_eq!(lines, ["line 3:", "line 4:", "line 5:", "line 6:"], "{findings:?}");
    }
}
