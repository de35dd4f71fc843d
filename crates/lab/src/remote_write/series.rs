//! From what a collector heard to series.

use tidegate_engine::Timestamp;

use super::Series;
use crate::report::{State, TargetData, Thinned};

/// What was heard after `sent`, and up to when.
pub(super) fn since(state: &State, sent: Timestamp) -> (Timestamp, Vec<Series>) {
    let until = state.last.unwrap_or(sent).max(sent);
    let mut all = Vec::new();
    let mut add = |name: &str, labels: &[(&str, &str)], samples: Vec<(Timestamp, f64)>| {
        let labels = labels.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        all.push(Series { name: format!("tidegate_lab_{name}"), labels, samples: strictly_later(samples) });
    };
    for (id, data) in &state.targets {
        let target = [("target", id.as_str())];
        add("lag", &target, data.lag.between(sent, until).to_vec());
        add("produced_total", &target, data.produced.between(sent, until).to_vec());
        add("consumed_total", &target, data.consumed.between(sent, until).to_vec());
        for (state, samples) in replicas(data, sent, until) {
            add("replicas", &[target[0], ("state", state)], samples);
        }
    }
    for (name, load) in &state.loads {
        let labels = [("load", name.as_ref()), ("topic", load.topic.as_ref())];
        add("load_produced_total", &labels, load.produced.between(sent, until).to_vec());
        add("load_target_rate", &labels, load.target_rate.between(sent, until).to_vec());
    }
    all.retain(|series| !series.samples.is_empty());
    (until, all)
}

type Samples = Vec<(Timestamp, f64)>;

fn replicas(data: &TargetData, sent: Timestamp, until: Timestamp) -> [(&'static str, Samples); 3] {
    fn pick<T: Copy>(series: &Thinned<T>, sent: Timestamp, until: Timestamp, value: fn(T) -> u32) -> Samples {
        series.between(sent, until).iter().map(|(at, point)| (*at, f64::from(value(*point)))).collect()
    }
    [
        ("desired", pick(&data.decided, sent, until, |decided| decided.desired)),
        ("running", pick(&data.workload, sent, until, |workload| workload.current)),
        ("ready", pick(&data.workload, sent, until, |workload| workload.ready)),
    ]
}

/// One sample a millisecond: a receiver refuses a second one.
fn strictly_later(samples: Samples) -> Samples {
    let mut kept: Samples = Vec::with_capacity(samples.len());
    for (at, value) in samples {
        match kept.last_mut() {
            Some(last) if last.0 == at => last.1 = value,
            _ => kept.push((at, value)),
        }
    }
    kept
}
