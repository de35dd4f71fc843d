//! `tidegate decide`: one decision from a case.

use std::io::Read;
use std::path::Path;

use tidegate_crds::Problem;
use tidegate_engine::{Record, explain, headline};

use crate::args::{DecideArgs, OutputFormat};
use crate::decide::{self, Answer, Decided};
use crate::exit::{Done, Failed};
use crate::output::{json, line, note, yaml};

/// Runs it.
pub(crate) fn run(args: &DecideArgs) -> Done {
    let mut decided = Vec::new();
    for path in &args.cases {
        let (name, text) = read(path)?;
        decided.extend(decisions(&name, &text)?);
    }
    for decision in &decided {
        let record = &decision.record;
        match args.output {
            OutputFormat::Table => line(&headline(record))?,
            OutputFormat::Wide => line(&format!("{}\n", explain(record).trim_end()))?,
            OutputFormat::Json => json(&Answer::from(record))?,
            OutputFormat::Yaml => yaml(&Answer::from(record))?,
        }
    }
    Ok(())
}

/// The records of all cases in a text.
pub(crate) fn records(name: &str, text: &str) -> Result<Vec<Record>, Failed> {
    Ok(decisions(name, text)?.into_iter().map(|decided| decided.record).collect())
}

/// All decisions; warnings go to standard error.
fn decisions(name: &str, text: &str) -> Result<Vec<Decided>, Failed> {
    let folder = Path::new(name).parent().unwrap_or(Path::new("."));
    let decided = decide::all(name, text, folder).map_err(|problems| Failed::input(told(&problems)))?;
    if decided.is_empty() {
        return Err(Failed::input(format!(
            "{name}: found no case, expected at least one YAML document with now, policy, workload and readings"
        )));
    }
    for warning in decided.iter().flat_map(|decided| &decided.warnings) {
        note(&warning.to_string());
    }
    Ok(decided)
}

fn told(problems: &[Problem]) -> String {
    problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

fn read(path: &Path) -> Result<(String, String), Failed> {
    if path == Path::new("-") {
        let mut text = String::new();
        let read = std::io::stdin().read_to_string(&mut text);
        read.map_err(|error| Failed::input(format!("reading standard input: {error}")))?;
        return Ok(("standard input".into(), text));
    }
    let name = path.display().to_string();
    let text = std::fs::read_to_string(path).map_err(|error| Failed::input(format!("reading {name}: {error}")))?;
    Ok((name, text))
}
