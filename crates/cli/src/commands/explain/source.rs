//! Where records come from: a folder that `up` runs or ran, a page's address, a file of records, a case.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use tidegate_engine::Record;
use tidegate_local::StateDir;

use crate::args::ExplainArgs;
use crate::exit::Failed;
use crate::output::note;

/// All records of the source that `args` names.
pub(crate) async fn read(args: &ExplainArgs) -> Result<Vec<Record>, Failed> {
    let source = args.source.as_str();
    if source.starts_with("http://") || source.starts_with("https://") {
        return from_page(source.trim_end_matches('/'), args).await;
    }
    if source == "-" {
        let mut text = String::new();
        std::io::stdin()
            .read_to_string(&mut text)
            .map_err(|error| Failed::input(format!("reading standard input: {error}")))?;
        return from_text("standard input", &text);
    }
    let path = Path::new(source);
    if path.is_dir() {
        return from_folder(path);
    }
    from_text(source, &read_file(path)?)
}

fn read_file(path: &Path) -> Result<String, Failed> {
    fs::read_to_string(path).map_err(|error| Failed::input(format!("reading {}: {error}", path.display())))
}

/// Records if it begins as JSON, else a case.
fn from_text(name: &str, text: &str) -> Result<Vec<Record>, Failed> {
    let first = text.lines().find(|line| !line.trim().is_empty()).unwrap_or("");
    if !first.trim_start().starts_with("{\"format\"") {
        return super::super::decide::records(name, text);
    }
    let mut records = Vec::new();
    let lines: Vec<&str> = text.lines().collect();
    for (number, line) in lines.iter().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        match serde_json::from_str(line) {
            Ok(record) => records.push(record),
            // A crash may have cut the last line short; what is before it is whole.
            Err(_) if number + 1 == lines.len() => {
                note(&format!("{name}:{}: the last record is cut short", number + 1))
            }
            Err(error) => {
                let message = format!("{name}:{}: found a line that is no record of a decision: {error}", number + 1);
                return Err(Failed::input(message));
            }
        }
    }
    Ok(records)
}

/// The records that `up` appends, or has appended, below its folder; of a report's folder, its records.
fn from_folder(folder: &Path) -> Result<Vec<Record>, Failed> {
    let report = folder.join("records.jsonl");
    let mut files: Vec<PathBuf> = if report.is_file() { vec![report] } else { files(&StateDir::of(folder).records()) };
    files.sort();
    if files.is_empty() {
        let message = format!(
            "{}: no records of decisions; run `tidegate up {}` first, or name a records.jsonl or a case",
            folder.display(),
            folder.display()
        );
        return Err(Failed::input(message));
    }
    let mut records = Vec::new();
    for file in files {
        records.extend(from_text(&file.display().to_string(), &read_file(&file)?)?);
    }
    Ok(records)
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|entry| entry.path()).filter(|path| path.extension().is_some_and(|end| end == "jsonl")).collect()
}

/// The most that the page gives at once.
pub(super) const MOST_RECORDS: usize = 500;

#[derive(Deserialize)]
struct Targets {
    targets: Vec<Target>,
}

#[derive(Deserialize)]
struct Target {
    id: String,
}

#[derive(Deserialize)]
struct Page {
    records: Vec<Record>,
}

async fn from_page(address: &str, args: &ExplainArgs) -> Result<Vec<Record>, Failed> {
    let targets: Targets = get(&format!("{address}/api/v1/targets")).await?;
    let mut records = Vec::new();
    for target in targets.targets {
        if args.target.as_deref().is_some_and(|name| target.id != name && !target.id.ends_with(&format!("/{name}"))) {
            continue;
        }
        let limit = if args.sequence.is_some() { MOST_RECORDS } else { args.last.clamp(1, MOST_RECORDS) };
        let kind = if args.changes { "actions" } else { "all" };
        let page: Page =
            get(&format!("{address}/api/v1/targets/{}/records?limit={limit}&kind={kind}", target.id)).await?;
        records.extend(page.records);
    }
    Ok(records)
}

async fn get<T: for<'de> Deserialize<'de>>(url: &str) -> Result<T, Failed> {
    let problem = |error: reqwest::Error| {
        Failed::work(format!("asking the page at {url}: {}; is `tidegate up` running there?", error.without_url()))
    };
    let reply = reqwest::get(url).await.and_then(reqwest::Response::error_for_status).map_err(problem)?;
    reply.json().await.map_err(problem)
}
