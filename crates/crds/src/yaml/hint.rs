//! What is wrong with broken YAML, in words that help.

use granit_parser::{ErrorKind, ScanError};

/// What is said of text with `{{ }}` in it.
pub(super) const TEMPLATE: &str = "this looks like a template; render it first (as helm template does)";

/// Line and column (from 1) of the fault within `chunk`, and what to do about it.
pub(super) fn explain(error: &ScanError, chunk: &str) -> (u32, u32, String) {
    let at = error.marker();
    let lines: Vec<&str> = chunk.lines().collect();
    let number = at.line().clamp(1, lines.len().max(1));
    let column = at.col() + 1;
    let spot = |line: usize, column: usize, text: String| {
        (
            u32::try_from(line).unwrap_or(u32::MAX),
            u32::try_from(column).unwrap_or(u32::MAX),
            format!("broken YAML: {text}"),
        )
    };
    // The parser notices a fault at the first token that no longer fits, often a line below the one to be corrected.
    let line = |number: usize| number.checked_sub(1).and_then(|index| lines.get(index)).copied().unwrap_or_default();
    for candidate in [number, number.saturating_sub(1)] {
        if let Some((column, text)) = of_line(line(candidate)) {
            return spot(candidate, column, text);
        }
    }
    // Where the text of a value goes on in the next line, a tab there is noticed at the end of this one.
    if let Some((column, text)) = tab(line(number + 1)) {
        return spot(number + 1, column, text);
    }
    for candidate in [number, number.saturating_sub(1)] {
        if let Some((column, text)) = unclosed(line(candidate)) {
            return spot(candidate, column, text);
        }
    }
    spot(number, column, of_kind(error))
}

/// Faults that can be seen in a line alone: its column from 1 and what to do.
fn of_line(line: &str) -> Option<(usize, String)> {
    let content = line.trim_start();
    if let Some(tab) = tab(line) {
        return Some(tab);
    }
    if content.starts_with('#') {
        return None;
    }
    if let Some(start) = line.find("{{") {
        return Some((column(line, start), TEMPLATE.into()));
    }
    unquoted_colon(content).map(|byte| {
        let text = "the value has a colon followed by a space in it; put it in quotes".to_owned();
        (column(line, line.len() - content.len() + byte), text)
    })
}

/// The column, from 1 and in characters, of a byte of `line`.
fn column(line: &str, byte: usize) -> usize {
    line.get(..byte).map_or(1, |before| before.chars().count() + 1)
}

fn tab(line: &str) -> Option<(usize, String)> {
    let indent = line.len() - line.trim_start().len();
    let tab = line.get(..indent)?.find('\t')?;
    Some((column(line, tab), "a tab is used for indentation; use spaces".into()))
}

/// A bracket or quote that is opened and not closed in the line.
fn unclosed(line: &str) -> Option<(usize, String)> {
    let mut open = Vec::new();
    let mut quote = None;
    let mut before = ':';
    for (byte, character) in line.char_indices() {
        match (quote, character) {
            (Some((_, mark)), _) => quote = quote.filter(|_| mark != character),
            // A quote within a word is an apostrophe.
            (None, '"' | '\'') if ":[{,-".contains(before) => quote = Some((byte, character)),
            (None, '[' | '{') => open.push((byte, character)),
            (None, ']' | '}') => {
                open.pop();
            }
            _ => {}
        }
        if !character.is_whitespace() {
            before = character;
        }
    }
    let (byte, mark) = quote.or_else(|| open.pop())?;
    Some((column(line, byte), format!("the {mark} is not closed")))
}

/// `key: some: value`: where the value starts. The value itself may be a secret and is not shown.
fn unquoted_colon(content: &str) -> Option<usize> {
    let (key, value) = content.split_once(": ")?;
    let trimmed = value.trim_start();
    if key.contains(['"', '\'', '#', '{', '['])
        || trimmed.starts_with(['"', '\'', '|', '>', '&', '*', '!', '#', '{', '['])
    {
        return None;
    }
    let value_end = trimmed.find(" #").unwrap_or(trimmed.len());
    let plain = trimmed.get(..value_end)?.trim_end();
    (plain.contains(": ") || plain.ends_with(':')).then_some(content.len() - trimmed.len())
}

/// What the parser says, in a newcomer's words where the fault is a common one.
fn of_kind(error: &ScanError) -> String {
    match error.kind() {
        ErrorKind::TabNotAllowed
        | ErrorKind::TabInBlockIndentation
        | ErrorKind::TabInIndentation
        | ErrorKind::TabAtBlockScalarStart => "a tab is used for indentation; use spaces".into(),
        ErrorKind::InvalidIndentation
        | ErrorKind::ExpectedBlockMappingKey
        | ErrorKind::ExpectedBlockSequenceEntry
        | ErrorKind::BlockSequenceEntryNotAllowed
        | ErrorKind::InvalidBlockScalarIndent => {
            "the indentation does not fit; entries of one map or list must start in the same column".into()
        }
        ErrorKind::SimpleKeyExpected | ErrorKind::InvalidSimpleKey | ErrorKind::MappingValueNotAllowed => {
            "a colon is missing after the key, or a space after the colon (write `key: value`)".into()
        }
        ErrorKind::UnclosedQuotedScalar
        | ErrorKind::DocumentIndicatorInQuotedScalar
        | ErrorKind::InvalidQuotedScalarIndent => "a quote before this is not closed".into(),
        ErrorKind::UnclosedFlowCollection { open } => format!("the {open} is not closed"),
        ErrorKind::MismatchedFlowCollectionEnd { open, close } => format!("the {open} is closed by a {close}"),
        ErrorKind::UnexpectedEofFlowSequence | ErrorKind::ExpectedFlowSequenceSeparator => {
            "a comma or ] is missing in a list in brackets".into()
        }
        ErrorKind::UnexpectedEofFlowMapping
        | ErrorKind::UnexpectedEofImplicitFlowMapping
        | ErrorKind::ExpectedFlowMappingSeparator => "a comma or } is missing in a map in braces".into(),
        ErrorKind::UnexpectedCharacter { character } => {
            format!("a value cannot start with {character:?}; put it in quotes")
        }
        ErrorKind::UnknownAnchor => "there is no anchor (&name) of this name before it".into(),
        ErrorKind::InvalidTrailingDoubleQuotedScalar | ErrorKind::InvalidTrailingSingleQuotedScalar => {
            "there is text after the closing quote".into()
        }
        _ => error.info(),
    }
}
