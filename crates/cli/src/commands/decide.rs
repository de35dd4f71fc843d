//! `tidegate decide`: one decision from a case.

use std::fs;
use std::io::Read;
use std::path::Path;

use tidegate_crds::Problem;
use tidegate_engine::Record;

use crate::args::{DecideArgs, OutputFormat};
use crate::decide::{self, Answer, Decided};
use crate::exit::{Done, Failed};
use crate::output::{Table, json, line, note, yaml};

/// Runs it. Every case of every file is understood before the first answer is printed.
pub(crate) fn run(args: &DecideArgs) -> Done {
    let mut decided = Vec::new();
    for case in &args.cases {
        let name = case.display().to_string();
        let (text, folder) = if name == "-" {
            let mut text = String::new();
            std::io::stdin()
                .read_to_string(&mut text)
                .map_err(|error| Failed::input(format!("reading standard input: {error}")))?;
            (text, Path::new("."))
        } else {
            let text = fs::read_to_string(case).map_err(|error| Failed::input(format!("reading {name}: {error}")))?;
            (text, case.parent().unwrap_or(Path::new(".")))
        };
        let name = if name == "-" { "standard input" } else { &name };
        decided.extend(decide::all(name, &text, folder).map_err(refused)?);
    }
    for warning in decided.iter().flat_map(|decided| &decided.warnings) {
        note(&warning.to_string());
    }
    decided.iter().try_for_each(|decided| print(decided, args.output))
}

/// The records of all cases in a text, for `explain`.
pub(crate) fn records(name: &str, text: &str) -> Result<Vec<Record>, Failed> {
    let folder = Path::new(name).parent().unwrap_or(Path::new("."));
    let decided = decide::all(name, text, folder).map_err(refused)?;
    Ok(decided.into_iter().map(|decided| decided.record).collect())
}

fn refused(problems: Vec<Problem>) -> Failed {
    let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
    Failed::input(format!("nothing was decided\n{}", lines.join("\n")))
}

fn print(decided: &Decided, format: OutputFormat) -> Done {
    let record = &decided.record;
    match format {
        OutputFormat::Json => json(&Answer::from(record)),
        OutputFormat::Yaml => yaml(&Answer::from(record)),
        OutputFormat::Wide => line(tidegate_engine::explain(record).trim_end()),
        OutputFormat::Table => {
            line(&format!("{}  (bound by {})", tidegate_engine::headline(record), record.bound_by))?;
            let mut table = Table::new(&["RULE", "FROM", "TO", "REASON"]);
            for step in &record.steps {
                table.row([step.rule.to_string(), step.from.to_string(), step.to.to_string(), step.reason.to_string()]);
            }
            line(&table.render())
        }
    }
}
