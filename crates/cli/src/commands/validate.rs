//! `tidegate validate`: everything that is wrong with manifests.

use tidegate_crds::{Problem, has_errors};

use crate::args::{OutputFormat, ValidateArgs};
use crate::exit::{Done, Failed};
use crate::output::{Table, json_pretty, line, note, yaml};

/// Runs it.
pub(crate) fn run(args: &ValidateArgs) -> Done {
    let missing = args.paths.iter().find(|path| !path.exists());
    if let Some(missing) = missing {
        return Err(Failed::input(format!("{}: no such file or folder", missing.display())));
    }
    let problems = tidegate_local::validate(&args.paths);
    match args.output {
        OutputFormat::Json => json_pretty(&problems)?,
        OutputFormat::Yaml => yaml(&problems)?,
        OutputFormat::Wide => line(&table(&problems))?,
        OutputFormat::Table => problems.iter().try_for_each(|problem| line(&problem.to_string()))?,
    }
    let errors = problems.iter().filter(|problem| problem.is_error()).count();
    let warnings = problems.len() - errors;
    if has_errors(&problems) {
        return Err(Failed::input(format!("{errors} errors, {warnings} warnings")));
    }
    note(&match warnings {
        0 => "the manifests are sound".to_owned(),
        _ => format!("the manifests can be used; {warnings} warnings"),
    });
    Ok(())
}

fn table(problems: &[Problem]) -> String {
    let mut table = Table::new(&["SEVERITY", "FILE", "LINE", "OBJECT", "FIELD", "FOUND", "EXPECTED", "MESSAGE"]);
    for problem in problems {
        let severity = if problem.is_error() { "error" } else { "warning" };
        table.row([
            severity.to_owned(),
            problem.file.to_string(),
            problem.line.to_string(),
            problem.object.clone().unwrap_or_default(),
            problem.field.clone(),
            problem.found.clone(),
            problem.expected.clone(),
            problem.message.clone(),
        ]);
    }
    table.render()
}
