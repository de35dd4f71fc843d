//! `tidegate migrate`: what would change for a cluster that runs KEDA.

use std::io::Read;
use std::path::Path;

use crate::args::{MigrateArgs, MigrateFormat};
use crate::commands::operator::connect;
use crate::exit::{Done, Failed};
use crate::live;
use crate::migrate::{self, Survey};
use crate::output::{json_pretty, line};

/// Runs it.
pub(crate) fn run(args: &MigrateArgs) -> Done {
    live::block_on(async {
        let survey = match &args.from {
            Some(path) => from_file(path)?,
            None => {
                let client = connect(args.kubeconfig.as_deref(), args.context.as_deref()).await?;
                client
                    .apiserver_version()
                    .await
                    .map_err(|error| Failed::work(format!("asking the cluster: {error}; is the kubeconfig right?")))?;
                migrate::read(&client, args.namespace.as_deref(), &args.keda_namespace).await
            }
        };
        let report = migrate::judge(&survey);
        match args.output {
            MigrateFormat::Text => line(&migrate::text(&report))?,
            MigrateFormat::Json => json_pretty(&report)?,
        }
        match (report.breaks(), report.unknown.is_empty()) {
            (true, _) => Err(Failed::work("something would break; see above")),
            (false, false) => Err(Failed::work("not everything could be looked at; see above")),
            (false, true) => Ok(()),
        }
    })
}

fn from_file(path: &Path) -> Result<Survey, Failed> {
    let problem = |error: std::io::Error| Failed::input(format!("reading {}: {error}", path.display()));
    let text = match path.to_str() {
        Some("-") => {
            let mut text = String::new();
            std::io::stdin().read_to_string(&mut text).map_err(problem)?;
            text
        }
        _ => std::fs::read_to_string(path).map_err(problem)?,
    };
    migrate::from_text(&text).map_err(|error| Failed::input(format!("reading {}: {error}", path.display())))
}
