//! From a Scenario's JSON to the checked types, with everything that is wrong and not only the first.

use std::cell::RefCell;
use std::collections::HashSet;
use std::time::Duration;

use serde_json::Value;

use super::fields::{FieldProblem, Fields, Problems, describe};
use super::load::{Arrivals, Executor, KeySpec, LoadSpec, MessageSpec, SizeSpec, Stage, VuPool};
use super::{AuthenticationRef, RemoteWriteSpec, Scenario, TopicSpec};

/// Loops beyond this are surely a slip.
const MOST_VUS: u32 = 100_000;
/// Rates beyond this cannot be produced by one process.
const MOST_RATE: f64 = 1_000_000.0;
const MOST_PARTITIONS: u32 = 10_000;
/// k6's own defaults.
const GRACE: Duration = Duration::from_secs(30);
const ITERATIONS_MAX_DURATION: Duration = Duration::from_secs(600);
/// How many records may be unacknowledged at once where nothing is said.
const DEFAULT_POOL: u32 = 10_000;
const LARGEST: u32 = 1_000_000;

pub(super) fn scenario(spec: &Value) -> Result<Scenario, Vec<FieldProblem>> {
    let problems: Problems = RefCell::default();
    let fields = Fields::new("spec", spec, &problems);
    let topics: Vec<TopicSpec> =
        fields.list("topics").iter().filter_map(|(path, value)| topic(&Fields::new(path, value, &problems))).collect();
    let loads: Vec<LoadSpec> = fields
        .list("load")
        .iter()
        .enumerate()
        .filter_map(|(at, (path, value))| load(&Fields::new(path, value, &problems), at))
        .collect();
    let scenario = Scenario {
        bootstrap_servers: fields.text("bootstrapServers"),
        authentication_ref: fields.object("authenticationRef").and_then(|fields| authentication(&fields)),
        topics,
        load: loads,
        duration: fields.span("duration"),
        lag_target: fields.count("lagTarget", 0, u64::MAX),
        remote_write: fields.object("remoteWrite").and_then(|fields| remote_write(&fields)),
    };
    fields.finish();
    consistent(&fields, &scenario);
    let problems = problems.into_inner();
    if problems.is_empty() { Ok(scenario) } else { Err(problems) }
}

/// What no single field can tell.
fn consistent(fields: &Fields<'_>, scenario: &Scenario) {
    let topics: Vec<&str> = scenario.topics.iter().map(|topic| topic.name.as_str()).collect();
    let mut seen = HashSet::new();
    for (at, name) in topics.iter().enumerate() {
        if !seen.insert(name) {
            fields.problem(&format!("topics[{at}].name"), format!("\"{name}\" for the second time"), "each topic once");
        }
    }
    if scenario.bootstrap_servers.is_none() {
        if scenario.topics.is_empty() && !fields.has("topics") {
            fields.problem("topics", "nothing", "at least one topic to be made on the embedded broker");
        }
        if scenario.authentication_ref.is_some() {
            fields.problem(
                "authenticationRef",
                "credentials for the embedded broker",
                "bootstrapServers of a real Kafka beside it, or nothing",
            );
        }
    }
    let mut seen = HashSet::new();
    for (at, load) in scenario.load.iter().enumerate() {
        if !seen.insert(&load.name) {
            let found = format!("\"{}\" for the second time", load.name);
            fields.problem(&format!("load[{at}].name"), found, "each load by a name of its own");
        }
        let known = topics.contains(&load.topic.as_str());
        if !known && scenario.bootstrap_servers.is_none() && !topics.is_empty() {
            let expected = format!("a topic of this Scenario: {}", topics.join(", "));
            fields.problem(&format!("load[{at}].topic"), format!("\"{}\"", load.topic), expected);
        }
    }
}

fn topic(fields: &Fields<'_>) -> Option<TopicSpec> {
    let name = fields.required("name", "the topic's name", fields.text("name"));
    if let Some(name) = &name {
        let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        if name.len() > 249 || !name.chars().all(legal) {
            fields.problem("name", format!("\"{name}\""), "up to 249 letters, digits, dots, dashes and underscores");
        }
    }
    let partitions = fields.count32("partitions", 1, MOST_PARTITIONS);
    let partitions = partitions.or_else(|| (!fields.has("partitions")).then_some(1));
    fields.finish();
    Some(TopicSpec { name: name?, partitions: partitions? })
}

fn authentication(fields: &Fields<'_>) -> Option<AuthenticationRef> {
    let name = fields.required("name", "the name of a TriggerAuthentication", fields.text("name"));
    let kinds = ["TriggerAuthentication", "ClusterTriggerAuthentication"];
    let kind = fields.word("kind", &kinds).unwrap_or(kinds[0]);
    fields.finish();
    Some(AuthenticationRef { name: name?, kind: kind.to_owned() })
}

fn remote_write(fields: &Fields<'_>) -> Option<RemoteWriteSpec> {
    let expected = "a URL such as http://127.0.0.1:9090/api/v1/write";
    let url = fields.required("url", expected, fields.text("url"));
    let url = url.filter(|url| {
        let sound = url.starts_with("http://") || url.starts_with("https://");
        if !sound {
            fields.problem("url", format!("\"{url}\""), expected);
        }
        sound
    });
    let interval = fields.span("interval").unwrap_or(Duration::from_secs(5));
    fields.finish();
    Some(RemoteWriteSpec { url: url?, interval: interval.max(Duration::from_millis(100)) })
}

fn load(fields: &Fields<'_>, at: usize) -> Option<LoadSpec> {
    let name = fields.text("name").unwrap_or_else(|| format!("load-{at}"));
    let topic = fields.required("topic", "the topic to produce to", fields.text("topic"));
    let executor = executor(fields);
    let message = match fields.object("message") {
        Some(fields) => message(&fields),
        None => MessageSpec { size: SizeSpec::Constant(64), key: KeySpec::None },
    };
    let spec = LoadSpec {
        name,
        topic: topic.unwrap_or_default(),
        executor: executor?,
        start_time: fields.span("startTime").unwrap_or_default(),
        graceful_stop: fields.span("gracefulStop").unwrap_or(GRACE),
        message,
        seed: fields.count("seed", 0, u64::MAX).unwrap_or(1),
    };
    fields.finish();
    Some(spec)
}

pub(super) const EXECUTORS: [&str; 6] = [
    "constant-arrival-rate",
    "ramping-arrival-rate",
    "constant-vus",
    "ramping-vus",
    "shared-iterations",
    "per-vu-iterations",
];

fn executor(fields: &Fields<'_>) -> Option<Executor> {
    let expected = format!("one of {}", EXECUTORS.join(", "));
    let word = fields.required("executor", &expected, fields.word("executor", &EXECUTORS));
    let Some(word) = word else {
        // The others' fields cannot be judged without it; they are not unknown either.
        for name in EXECUTOR_FIELDS {
            fields.value(name);
        }
        return None;
    };
    let pause = || fields.span("iterationPause").unwrap_or_default();
    let vus = || fields.count32("vus", 1, MOST_VUS).unwrap_or(1);
    match word {
        "constant-arrival-rate" => constant_arrivals(fields),
        "ramping-arrival-rate" => ramping_arrivals(fields),
        "constant-vus" => {
            let duration = fields.required("duration", "how long, as 1m30s", fields.span("duration"));
            Some(Executor::ConstantVus { vus: vus(), pause: pause(), duration: duration? })
        }
        "ramping-vus" => {
            let start_vus = fields.count32("startVUs", 0, MOST_VUS).unwrap_or(1);
            let graceful_ramp_down = fields.span("gracefulRampDown").unwrap_or(GRACE);
            let pause = pause();
            let stages = stages(fields, f64::from(MOST_VUS))?;
            Some(Executor::RampingVus { start_vus, stages, graceful_ramp_down, pause })
        }
        _ => {
            let (vus, pause) = (vus(), pause());
            let iterations = fields.count("iterations", 1, u64::MAX).unwrap_or(1);
            let max_duration = fields.span("maxDuration").unwrap_or(ITERATIONS_MAX_DURATION);
            Some(if word == "shared-iterations" {
                Executor::SharedIterations { vus, iterations, max_duration, pause }
            } else {
                Executor::PerVuIterations { vus, iterations, max_duration, pause }
            })
        }
    }
}

const EXECUTOR_FIELDS: [&str; 14] = [
    "rate",
    "startRate",
    "timeUnit",
    "stages",
    "duration",
    "preAllocatedVUs",
    "maxVUs",
    "vus",
    "startVUs",
    "iterations",
    "maxDuration",
    "gracefulRampDown",
    "iterationPause",
    "executor",
];

/// `timeUnit` in seconds.
fn time_unit(fields: &Fields<'_>) -> f64 {
    let unit = fields.span("timeUnit").unwrap_or(Duration::from_secs(1));
    if unit.is_zero() {
        fields.problem("timeUnit", "0s", "a duration above zero such as 1s or 1m");
        return 1.0;
    }
    unit.as_secs_f64()
}

fn pool(fields: &Fields<'_>) -> VuPool {
    let pre_allocated = fields.count32("preAllocatedVUs", 1, 1_000_000);
    let max = fields.count32("maxVUs", 1, 1_000_000).or(pre_allocated).unwrap_or(DEFAULT_POOL);
    if let Some(pre_allocated) = pre_allocated.filter(|count| *count > max) {
        let expected = format!("at least preAllocatedVUs ({pre_allocated})");
        fields.problem("maxVUs", max.to_string(), expected);
    }
    VuPool { pre_allocated: pre_allocated.unwrap_or(max), max }
}

fn constant_arrivals(fields: &Fields<'_>) -> Option<Executor> {
    let rate = fields.required("rate", "iterations in each timeUnit", fields.number("rate", 0.0, MOST_RATE));
    let duration = fields.required("duration", "how long, as 1m30s", fields.span("duration"));
    let (unit, pool) = (time_unit(fields), pool(fields));
    let rate = rate? / unit;
    Some(Executor::Arrivals(Arrivals {
        start_rate: rate,
        stages: vec![Stage { duration: duration?, target: rate }],
        pool,
    }))
}

fn ramping_arrivals(fields: &Fields<'_>) -> Option<Executor> {
    let start_rate = fields.number("startRate", 0.0, MOST_RATE).unwrap_or(0.0);
    let (unit, pool) = (time_unit(fields), pool(fields));
    let mut stages = stages(fields, MOST_RATE)?;
    for stage in &mut stages {
        stage.target /= unit;
    }
    Some(Executor::Arrivals(Arrivals { start_rate: start_rate / unit, stages, pool }))
}

fn stages(fields: &Fields<'_>, most: f64) -> Option<Vec<Stage>> {
    let items = fields.list("stages");
    if items.is_empty() {
        let expected = "at least one stage: {duration: 30s, target: 100}";
        let found = if fields.has("stages") { "no stage" } else { "nothing" };
        fields.problem("stages", found, expected);
        return None;
    }
    let mut stages = Vec::new();
    for (path, value) in &items {
        let stage = fields.inside(path, value);
        let duration = stage.required("duration", "how long, as 30s", stage.span("duration"));
        let target = stage.required("target", "what is reached at its end", stage.number("target", 0.0, most));
        stage.finish();
        stages.push(Stage { duration: duration.unwrap_or_default(), target: target.unwrap_or_default() });
    }
    Some(stages)
}

fn message(fields: &Fields<'_>) -> MessageSpec {
    let size = match fields.value("sizeBytes") {
        None => SizeSpec::Constant(64),
        Some(Value::Object(_)) => fields.object("sizeBytes").map_or(SizeSpec::Constant(64), |fields| size(&fields)),
        Some(_) => SizeSpec::Constant(fields.count32("sizeBytes", 0, LARGEST).unwrap_or(64)),
    };
    let key = match fields.value("key") {
        None => KeySpec::None,
        Some(Value::Object(_)) => fields.object("key").map_or(KeySpec::None, |fields| key(&fields)),
        Some(Value::String(word)) => match KeySpec::parse(word) {
            Ok(key) => key,
            Err(expected) => {
                fields.problem("key", format!("\"{word}\""), expected);
                KeySpec::None
            }
        },
        Some(other) => {
            fields.problem("key", describe(other), KeySpec::EXPECTED);
            KeySpec::None
        }
    };
    fields.finish();
    MessageSpec { size, key }
}

fn size(fields: &Fields<'_>) -> SizeSpec {
    let words = ["uniform", "normal", "exponential"];
    let most = f64::from(LARGEST);
    let mean = || fields.required("mean", "bytes on average", fields.number("mean", 0.0, most)).unwrap_or(64.0);
    let word = fields.required("distribution", "uniform, normal or exponential", fields.word("distribution", &words));
    let size = match word {
        Some("normal") => SizeSpec::Normal { mean: mean(), std_dev: fields.number("stdDev", 0.0, most).unwrap_or(0.0) },
        Some("exponential") => SizeSpec::Exponential { mean: mean() },
        _ => {
            let min = fields.count32("min", 0, LARGEST).unwrap_or(0);
            let max = fields.required("max", "most bytes", fields.count32("max", 0, LARGEST)).unwrap_or(min);
            if max < min {
                fields.problem("max", max.to_string(), format!("at least min ({min})"));
            }
            SizeSpec::Uniform { min, max }
        }
    };
    fields.finish();
    size
}

fn key(fields: &Fields<'_>) -> KeySpec {
    let words = ["none", "random", "sequence", "hot"];
    let word = fields.required("type", "none, random, sequence or hot", fields.word("type", &words));
    let keys = || fields.count("keys", 1, u64::MAX).unwrap_or(KeySpec::DEFAULT_KEYS);
    let key = match word {
        Some("random") => KeySpec::Random { keys: keys() },
        Some("sequence") => KeySpec::Sequence,
        Some("hot") => {
            let share = fields.required("share", "a number from 0 to 1", fields.number("share", 0.0, 1.0));
            KeySpec::Hot { share: share.unwrap_or(0.5), keys: keys() }
        }
        _ => KeySpec::None,
    };
    fields.finish();
    key
}
