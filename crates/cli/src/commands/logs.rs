//! `tidegate logs`: what pods printed.

use std::ops::ControlFlow;

use tidegate_local::logs::{self, LogError, LogQuery};

use crate::args::LogsArgs;
use crate::exit::{Done, Failed};
use crate::output::{Table, line, note};

/// Runs it.
pub(crate) fn run(args: &LogsArgs) -> Done {
    let Some(name) = &args.name else { return list(args) };
    let query = LogQuery { folder: args.folder.clone(), name: name.clone(), follow: args.follow, tail: args.tail };
    let mut failed = None;
    let read = logs::read(&query, |found| match line(&format!("{}  {}  {}", found.at, found.pod, found.text)) {
        Ok(()) => ControlFlow::Continue(()),
        Err(error) => {
            failed = Some(error);
            ControlFlow::Break(())
        }
    });
    match (failed, read) {
        (Some(failed), _) => Err(failed),
        (None, Ok(())) => Ok(()),
        (None, Err(error @ LogError::Unknown { .. })) => Err(Failed::input(error.to_string())),
        (None, Err(error)) => Err(Failed::work(error.to_string())),
    }
}

fn list(args: &LogsArgs) -> Done {
    let pods = logs::list(&args.folder);
    if pods.is_empty() {
        note(&format!("{}: no pod has a log yet; `tidegate up {0}` runs the folder", args.folder.display()));
        return Ok(());
    }
    let mut table = Table::new(&["NAMESPACE", "POD", "DEPLOYMENT", "BYTES", "LAST LINE"]);
    for pod in pods {
        let last = pod.last.map_or("-".to_owned(), |last| last.to_string());
        table.row([pod.namespace, pod.pod, pod.deployment, pod.bytes.to_string(), last]);
    }
    line(&table.render())
}
