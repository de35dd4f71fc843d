//! `tidegate produce`: one load, alone.

use std::sync::Arc;
use std::time::Duration;

use clap::ValueEnum;
use serde_json::{Map, Value, json};
use tidegate_lab::load::{self, LoadObserver, LoadPoint, LoadSummary};
use tidegate_lab::scenario::{LoadSpec, Scenario};
use tidegate_lab::units;

use super::kafka::{lab_settings, text};
use crate::args::{Executor, OutputFormat, ProduceArgs};
use crate::exit::{Done, Failed};
use crate::output::{json, line, note, yaml};
use crate::progress::Meter;
use crate::{live, output};

/// Runs it.
pub(crate) fn run(args: &ProduceArgs) -> Done {
    let spec = match &args.scenario {
        Some(file) => from_scenario(&text(file)?, &file.display().to_string(), args.load.as_deref())?,
        None => from_options(args)?,
    };
    let settings = lab_settings(&args.kafka)?;
    live::block_on(async {
        let stop = live::stop_on_signal()?;
        let meter = Arc::new(Watch(Meter::new("produced", spec.executor.duration())));
        let summary = load::run(&spec, &settings, Arc::clone(&meter) as Arc<dyn LoadObserver>, stop).await;
        meter.0.finish();
        let summary = summary.map_err(|error| Failed::work(error.to_string()))?;
        print(&summary, args.output)
    })
}

struct Watch(Meter);

impl LoadObserver for Watch {
    fn point(&self, point: &LoadPoint) {
        self.0.show(&format!("{} records, {:.0}/s wanted", point.produced_total, point.target_rate));
    }
}

fn print(summary: &LoadSummary, format: OutputFormat) -> Done {
    if let Some(warning) = summary.warning() {
        note(&format!("tidegate: warning: {warning}"));
    }
    match format {
        OutputFormat::Json => json(summary),
        OutputFormat::Yaml => yaml(summary),
        OutputFormat::Table | OutputFormat::Wide => {
            let mut table = output::Table::new(&["LOAD", "EXECUTOR", "DUE", "PRODUCED", "FAILED", "DROPPED", "TIME"]);
            table.row([
                summary.load.clone(),
                summary.executor.to_owned(),
                summary.due.to_string(),
                summary.produced.to_string(),
                summary.failed.to_string(),
                summary.dropped.to_string(),
                units::format_duration(summary.duration),
            ]);
            line(&table.render())
        }
    }
}

/// The load of a Scenario manifest.
fn from_scenario(text: &str, file: &str, name: Option<&str>) -> Result<LoadSpec, Failed> {
    let manifest: Value =
        serde_saphyr::from_str(text).map_err(|error| Failed::input(format!("reading {file}: {error}")))?;
    if manifest["kind"] != "Scenario" {
        return Err(Failed::input(format!("reading {file}: found kind {}, expected Scenario", manifest["kind"])));
    }
    let loads = scenario(manifest["spec"].clone(), file)?.load;
    let names: Vec<&str> = loads.iter().map(|load| load.name.as_str()).collect();
    let advice = format!("its loads: {}; choose with --load", names.join(", "));
    let found = match name {
        Some(name) => loads.iter().find(|load| load.name == name),
        None if loads.len() == 1 => loads.first(),
        None => None,
    };
    found.cloned().ok_or_else(|| Failed::input(format!("reading {file}: no single load was named; {advice}")))
}

/// The load that the options describe, understood by the same code as a Scenario's.
fn from_options(args: &ProduceArgs) -> Result<LoadSpec, Failed> {
    let executor = args.executor.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default();
    let span = |duration: Duration| units::format_duration(duration);
    let mut load = Map::new();
    load.insert("name".into(), json!("produce"));
    load.insert("topic".into(), json!(args.topic));
    load.insert("executor".into(), json!(executor));
    load.insert("seed".into(), json!(args.seed));
    load.insert("message".into(), json!({ "sizeBytes": args.message_bytes, "key": keys(&args.keys)? }));
    match args.executor {
        Executor::ConstantArrivalRate => {
            let (rate, unit) = rate(&args.rate)?;
            load.extend([
                ("rate".into(), rate),
                ("timeUnit".into(), unit),
                ("duration".into(), json!(span(args.duration))),
            ]);
        }
        Executor::RampingArrivalRate => {
            load.insert("stages".into(), stages(args.stages.as_deref())?);
        }
        Executor::ConstantVus => {
            load.extend([("vus".into(), json!(args.vus)), ("duration".into(), json!(span(args.duration)))]);
        }
        Executor::RampingVus => {
            load.insert("stages".into(), stages(args.stages.as_deref())?);
        }
        Executor::SharedIterations | Executor::PerVuIterations => {
            load.extend([
                ("vus".into(), json!(args.vus)),
                ("iterations".into(), json!(args.iterations.unwrap_or(1))),
                ("maxDuration".into(), json!(span(args.duration))),
            ]);
        }
    }
    let topics = json!([{ "name": args.topic, "partitions": 1 }]);
    let loads = scenario(json!({ "topics": topics, "load": [Value::Object(load)] }), "the options")?.load;
    loads.into_iter().next().ok_or_else(|| Failed::input("the options describe no load"))
}

fn scenario(spec: Value, from: &str) -> Result<Scenario, Failed> {
    Scenario::parse(spec).map_err(|problems| {
        let lines: Vec<String> = problems
            .iter()
            .map(|problem| format!("{from}: {}: found {}, expected {}", problem.field, problem.found, problem.expected))
            .collect();
        Failed::input(lines.join("\n"))
    })
}

/// `100/s` as rate and time unit.
fn rate(text: &str) -> Result<(Value, Value), Failed> {
    units::parse_rate(text)
        .map_err(|expected| Failed::input(format!("--rate: found {text:?}, expected {expected}")))?;
    let (amount, unit) = text.split_once('/').unwrap_or((text, "s"));
    let unit =
        if unit.starts_with(|first: char| first.is_ascii_digit()) { unit.to_owned() } else { format!("1{unit}") };
    let amount: f64 = amount.trim().parse().unwrap_or_default();
    Ok((json!(amount), json!(unit)))
}

/// `30s:100,1m:500` as stages.
fn stages(text: Option<&str>) -> Result<Value, Failed> {
    let expected = "spans and targets such as 30s:100,1m:500";
    let text = text.ok_or_else(|| Failed::input(format!("this executor needs --stages, {expected}")))?;
    let stage = |part: &str| -> Option<Value> {
        let (duration, target) = part.split_once(':')?;
        Some(json!({ "duration": duration.trim(), "target": target.trim().parse::<f64>().ok()? }))
    };
    let stages: Option<Vec<Value>> = text.split(',').map(stage).collect();
    stages.map(Value::Array).ok_or_else(|| Failed::input(format!("--stages: found {text:?}, expected {expected}")))
}

fn keys(text: &str) -> Result<Value, Failed> {
    match text.split_once(':') {
        None => Ok(json!(text)),
        Some(("hot", share)) => match share.parse::<f64>() {
            Ok(share) => Ok(json!({ "hot": { "share": share } })),
            Err(_) => Err(Failed::input(format!("--keys: found {text:?}, expected a share from 0 to 1 as hot:0.3"))),
        },
        Some(_) => Err(Failed::input(format!("--keys: found {text:?}, expected none, random, sequence or hot:SHARE"))),
    }
}
