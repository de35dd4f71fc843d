//! `tidegate explain`: why, in sentences.

mod cluster;
mod source;

use tidegate_engine::{Outcome, Record, explain};

use crate::args::{ExplainArgs, OutputFormat};
use crate::exit::{Done, Failed};
use crate::live;
use crate::output::{json, line, yaml};

/// Runs it.
pub(crate) fn run(args: &ExplainArgs) -> Done {
    live::block_on(async {
        let records = match &args.namespace {
            Some(namespace) => cluster::read(args, namespace).await?,
            None => source::read(args).await?,
        };
        let chosen = choose(records, args);
        if chosen.is_empty() {
            let what = if args.changes { "a decision that changed the replicas" } else { "a decision" };
            return Err(Failed::work(format!("{}: no record of {what} was found{}", args.source, of(args))));
        }
        for record in &chosen {
            match args.output {
                OutputFormat::Table | OutputFormat::Wide => line(&format!("{}\n", explain(record).trim_end()))?,
                OutputFormat::Json => json(record)?,
                OutputFormat::Yaml => yaml(record)?,
            }
        }
        Ok(())
    })
}

fn of(args: &ExplainArgs) -> String {
    args.target.as_deref().map(|target| format!(" for {target}")).unwrap_or_default()
}

/// The records asked for, oldest first.
fn choose(records: Vec<Record>, args: &ExplainArgs) -> Vec<Record> {
    let wanted = |record: &Record| {
        args.target.as_deref().is_none_or(|target| is(record, target))
            && args.sequence.is_none_or(|sequence| record.sequence == sequence)
            && (!args.changes || record.result == Outcome::Scaled)
    };
    let mut records: Vec<Record> = records.into_iter().filter(wanted).collect();
    records.sort_by_key(|record| record.at);
    let surplus = records.len().saturating_sub(args.last);
    records.split_off(surplus)
}

/// `orders` or `default/orders`.
fn is(record: &Record, target: &str) -> bool {
    record.target.as_str() == target || record.target.name() == target
}
