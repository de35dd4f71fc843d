//! Text to located values: YAML and JSON, several documents, one problem for each broken document.
//!
//! The text is cut at its document markers first, so that a broken document does not hide the ones after it.

mod build;
mod hint;
mod scalar;

use crate::node::Node;

pub(crate) use scalar::resolve;

/// Something wrong with the text itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TextProblem {
    pub(crate) line: u32,
    pub(crate) column: u32,
    pub(crate) field: String,
    pub(crate) message: String,
}

/// The documents of `text` that are not empty, and what is wrong with the others.
pub(crate) fn documents(text: &str) -> (Vec<Node>, Vec<TextProblem>) {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut nodes = Vec::new();
    let mut problems = Vec::new();
    for (first_line, chunk) in chunks(text) {
        match build::document(chunk, first_line, &mut problems) {
            Ok(Some(node)) if !node.is_null() => nodes.push(node),
            Ok(_) => {}
            Err(problem) => problems.push(problem),
        }
    }
    (nodes, problems)
}

/// Cuts before each line that begins with `---` and after each that is `...`; gives each piece with the number of lines
/// before it. A marker at the start of a line ends a document wherever it stands, also within quotes.
fn chunks(text: &str) -> Vec<(u32, &str)> {
    let mut pieces = Vec::new();
    let (mut start, mut start_line, mut offset) = (0, 0_u32, 0);
    for (line_number, line) in (0_u32..).zip(text.split_inclusive('\n')) {
        if is_marker(line, "---") && offset > start {
            pieces.push((start_line, text.get(start..offset).unwrap_or_default()));
            (start, start_line) = (offset, line_number);
        }
        offset += line.len();
        if is_marker(line, "...") {
            pieces.push((start_line, text.get(start..offset).unwrap_or_default()));
            (start, start_line) = (offset, line_number + 1);
        }
    }
    pieces.push((start_line, text.get(start..).unwrap_or_default()));
    pieces.retain(|(_, piece)| !only_directives(piece));
    pieces
}

fn is_marker(line: &str, marker: &str) -> bool {
    line.strip_prefix(marker).is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '\t', '\r', '\n']))
}

/// Whether a piece holds nothing but `%YAML` and the like, which belong to the document after it.
fn only_directives(piece: &str) -> bool {
    piece.lines().all(|line| line.trim().is_empty() || line.starts_with('%') || line.trim_start().starts_with('#'))
}
