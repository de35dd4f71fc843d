//! What goes to standard output: columns, JSON, YAML.

use std::io::{self, Write};

use serde::Serialize;

use crate::exit::{Done, Failed};

/// Prints one line to standard output. A reader that went away (`| head`) ends the command quietly.
pub(crate) fn line(text: &str) -> Done {
    let mut out = io::stdout().lock();
    match writeln!(out, "{text}").and_then(|()| out.flush()) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => std::process::exit(0),
        Err(error) => Err(Failed::work(format!("writing to standard output: {error}"))),
    }
}

/// Prints one line to standard error; that it is closed is no reason to stop.
pub(crate) fn note(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}

/// Prints a value as JSON, on one line.
pub(crate) fn json(value: &impl Serialize) -> Done {
    let text = serde_json::to_string(value).map_err(|error| Failed::work(format!("writing JSON: {error}")))?;
    line(&text)
}

/// Prints a value as JSON for reading.
pub(crate) fn json_pretty(value: &impl Serialize) -> Done {
    let text = serde_json::to_string_pretty(value).map_err(|error| Failed::work(format!("writing JSON: {error}")))?;
    line(&text)
}

/// Prints a value as one YAML document.
pub(crate) fn yaml(value: &impl Serialize) -> Done {
    let text = serde_saphyr::to_string(value).map_err(|error| Failed::work(format!("writing YAML: {error}")))?;
    line(&format!("---\n{}", text.trim_end()))
}

/// Columns of text, each as wide as its widest cell; numbers to the right.
#[derive(Debug, Default)]
pub(crate) struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    /// With these headings.
    pub(crate) fn new(headings: &[&str]) -> Self {
        Table { rows: vec![headings.iter().map(|heading| (*heading).to_owned()).collect()] }
    }

    /// Adds a row.
    pub(crate) fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().collect());
    }

    /// The text, without a line end after the last row.
    pub(crate) fn render(&self) -> String {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let width = |column: usize| self.cells(column).map(|cell| cell.chars().count()).max().unwrap_or(0);
        let widths: Vec<usize> = (0..columns).map(width).collect();
        let right: Vec<bool> = (0..columns).map(|column| self.is_numeric(column)).collect();
        let mut lines = Vec::new();
        for row in &self.rows {
            let mut text = String::new();
            for (column, cell) in row.iter().enumerate() {
                let padding = " ".repeat(widths[column] - cell.chars().count());
                let (before, after) = if right[column] { (padding.as_str(), "") } else { ("", padding.as_str()) };
                let gap = if column == 0 { "" } else { "   " };
                text.push_str(&format!("{gap}{before}{cell}{after}"));
            }
            lines.push(text.trim_end().to_owned());
        }
        lines.join("\n")
    }

    fn cells(&self, column: usize) -> impl Iterator<Item = &String> {
        self.rows.iter().filter_map(move |row| row.get(column))
    }

    fn is_numeric(&self, column: usize) -> bool {
        let mut body = self.cells(column).skip(1).filter(|cell| *cell != "-").peekable();
        body.peek().is_some() && body.all(|cell| cell.parse::<f64>().is_ok())
    }
}

#[cfg(test)]
mod tests {
    use super::Table;

    #[test]
    fn columns_line_up_and_numbers_stand_to_the_right() {
        let mut table = Table::new(&["GROUP", "LAG"]);
        table.row(["orders".to_owned(), "7".to_owned()]);
        table.row(["bills".to_owned(), "1200".to_owned()]);
        assert_eq!(table.render(), "GROUP     LAG\norders      7\nbills    1200");
    }
}
