//! `tidegate scalers`: the catalogue.

use serde_json::{Value, json};
use tidegate_scalers::TriggerInput;
use tidegate_scalers::catalog::{self, Row};

use crate::args::{OutputFormat, ScalersCommand};
use crate::exit::{Done, Failed};
use crate::output::{Table, json_pretty, line, yaml};

/// Runs it.
pub(crate) fn run(command: &ScalersCommand) -> Done {
    match command {
        ScalersCommand::List { output } => list(*output),
        ScalersCommand::Show { kind, output } => show(row(kind)?, *output),
        ScalersCommand::Schema { kind: Some(kind) } => json_pretty(&catalog::json_schema(row(kind)?)),
        ScalersCommand::Schema { kind: None } => {
            let schemas: Vec<Value> = catalog::rows().iter().map(catalog::json_schema).collect();
            json_pretty(&json!({ "$schema": "https://json-schema.org/draft/2020-12/schema", "oneOf": schemas }))
        }
    }
}

fn row(kind: &str) -> Result<&'static Row, Failed> {
    catalog::find(kind).ok_or_else(|| {
        // The check of a trigger without parameters says what is wrong with its type, near names included.
        let input = TriggerInput { kind: kind.to_owned(), ..TriggerInput::default() };
        let problems = catalog::check(&input).err().unwrap_or_default();
        Failed::input(problems.into_iter().map(|problem| problem.message).collect::<Vec<_>>().join("; "))
    })
}

fn list(format: OutputFormat) -> Done {
    let rows = catalog::rows();
    match format {
        OutputFormat::Table | OutputFormat::Wide => {
            let wide = format == OutputFormat::Wide;
            let mut table =
                Table::new(if wide { &["TYPE", "ALIASES", "PARAMETERS", "READS"] } else { &["TYPE", "READS"] });
            for row in rows {
                let mut cells = vec![row.name().to_owned()];
                if wide {
                    cells.extend([row.names[1..].join(", "), row.parameters.len().to_string()]);
                }
                cells.push(row.summary.clone());
                table.row(cells);
            }
            line(&table.render())
        }
        OutputFormat::Json => json_pretty(&rows.iter().map(describe).collect::<Vec<_>>()),
        OutputFormat::Yaml => yaml(&rows.iter().map(describe).collect::<Vec<_>>()),
    }
}

fn show(row: &Row, format: OutputFormat) -> Done {
    match format {
        OutputFormat::Table | OutputFormat::Wide => line(catalog::page(row).trim_end()),
        OutputFormat::Json => json_pretty(&describe(row)),
        OutputFormat::Yaml => yaml(&describe(row)),
    }
}

fn describe(row: &Row) -> Value {
    let parameters: Vec<Value> = row
        .parameters
        .iter()
        .map(|parameter| {
            json!({
                "name": parameter.name,
                "aliases": parameter.aliases,
                "sources": parameter.sources.iter().map(|source| format!("{source:?}").to_lowercase()).collect::<Vec<_>>(),
                "type": parameter.kind.label(),
                "required": parameter.required(),
                "default": parameter.default,
                "choices": parameter.choices,
                "meaning": parameter.doc,
            })
        })
        .collect();
    json!({ "type": row.name(), "aliases": &row.names[1..], "reads": row.summary, "parameters": parameters })
}
