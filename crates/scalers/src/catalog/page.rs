//! The page of a trigger type, from its row.

use super::Row;
use crate::parameter::{Kind, Parameter, Source};

/// The page in Markdown: the file's module doc, then the table of parameters. Ends with a line break.
#[must_use]
pub fn page(row: &Row) -> String {
    let mut page = format!("# {}\n\n", row.names.join(", "));
    page.push_str(row.doc.trim());
    page.push_str("\n\n## Parameters\n\n");
    page.push_str("A parameter is looked up in its places from left to right; the first that is not blank counts.\n\n");
    page.push_str("| parameter | where | what | default | meaning |\n|---|---|---|---|---|\n");
    for parameter in &row.parameters {
        let default = match (parameter.default, parameter.required()) {
            (Some(text), _) => format!("`{text}`"),
            (None, true) => "required".to_owned(),
            (None, false) => String::new(),
        };
        let doc = meaning(parameter);
        let (name, places, kind) = (parameter.name, places(parameter), accepts(parameter));
        page.push_str(&format!("| `{name}` | {places} | {kind} | {default} | {doc} |\n"));
    }
    page
}

fn meaning(parameter: &Parameter) -> String {
    let mut doc = parameter.doc.split_whitespace().collect::<Vec<_>>().join(" ").replace('|', "\\|");
    if !parameter.aliases.is_empty() {
        let aliases: Vec<_> = parameter.aliases.iter().map(|alias| format!("`{alias}`")).collect();
        doc.push_str(&format!(" Also named {}.", aliases.join(", ")));
    }
    for advice in [parameter.removed, parameter.deprecated].into_iter().flatten() {
        doc.push_str(&format!(" Deprecated: {advice}."));
    }
    doc
}

fn places(parameter: &Parameter) -> String {
    let place = |source: &Source| match source {
        Source::Metadata => "metadata".to_owned(),
        Source::Env => format!("`{}FromEnv`", parameter.name),
        Source::Auth => "authentication".to_owned(),
    };
    parameter.sources.iter().map(place).collect::<Vec<_>>().join(", ")
}

fn accepts(parameter: &Parameter) -> String {
    let limits = match (parameter.min, parameter.max) {
        (Some(min), Some(max)) => format!(", {min} to {max}"),
        (Some(min), None) => format!(", {min} or more"),
        (None, Some(max)) => format!(", {max} or less"),
        (None, None) => String::new(),
    };
    if parameter.choices.is_empty() {
        return format!("{}{limits}", parameter.kind.label());
    }
    let choices: Vec<_> = parameter.choices.iter().map(|choice| format!("`{choice}`")).collect();
    let list = if parameter.kind == Kind::List { "list of " } else { "" };
    format!("{list}{}", choices.join(", "))
}
