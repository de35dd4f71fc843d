//! Requests over HTTP that triggers made, and empty answers of their sources, under KEDA's names and labels.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::text::Text;
use crate::store::Store;

/// Upper ends of the histogram's buckets in seconds, as KEDA has them.
const BUCKETS: [f64; 11] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

/// Which trigger made a request.
#[derive(Clone, Copy, Debug)]
pub struct CallOf<'a> {
    /// The ScaledObject's namespace.
    pub namespace: &'a str,
    /// The ScaledObject's name.
    pub scaled_object: &'a str,
    /// The trigger's type.
    pub kind: &'a str,
    /// The trigger's name; empty for one without.
    pub trigger: &'a str,
    /// The external metric's name.
    pub metric: &'a str,
}

/// What was counted since the start.
#[derive(Debug, Default)]
pub(crate) struct Calls(Mutex<Counted>);

#[derive(Debug, Default)]
struct Counted {
    /// By namespace and object, so that they go with it.
    requests: BTreeMap<(String, String), BTreeMap<Request, u64>>,
    empty: BTreeMap<(String, String), BTreeMap<Empty, u64>>,
    /// By type and status.
    durations: BTreeMap<(String, String), Durations>,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Request {
    kind: String,
    trigger: String,
    metric: String,
    status: String,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Empty {
    trigger: String,
    metric: String,
    ignored: bool,
}

#[derive(Clone, Copy, Debug, Default)]
struct Durations {
    /// Not added up yet; the last is for those above all ends.
    counts: [u64; BUCKETS.len() + 1],
    seconds: f64,
}

impl Calls {
    fn lock(&self) -> MutexGuard<'_, Counted> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn forget(&self, namespace: &str, object: &str) {
        let key = (namespace.to_owned(), object.to_owned());
        let mut counted = self.lock();
        counted.requests.remove(&key);
        counted.empty.remove(&key);
    }
}

impl Store {
    /// A trigger's request over HTTP has ended. `status`: of the answer; `None` where there was none.
    pub fn http_call(&self, of: &CallOf<'_>, status: Option<u16>, took: Duration) {
        let status = status.map_or_else(|| "error".to_owned(), |status| status.to_string());
        let request = Request {
            kind: of.kind.to_owned(),
            trigger: of.trigger.to_owned(),
            metric: of.metric.to_owned(),
            status: status.clone(),
        };
        let mut counted = self.calls().lock();
        let object = (of.namespace.to_owned(), of.scaled_object.to_owned());
        *counted.requests.entry(object).or_default().entry(request).or_default() += 1;
        let durations = counted.durations.entry((of.kind.to_owned(), status)).or_default();
        let seconds = took.as_secs_f64();
        let bucket = BUCKETS.iter().position(|end| seconds <= *end).unwrap_or(BUCKETS.len());
        if let Some(count) = durations.counts.get_mut(bucket) {
            *count += 1;
        }
        durations.seconds += seconds;
    }

    /// A trigger's source had an empty answer. `ignored`: its parameters make 0 of that.
    pub fn empty_answer(&self, of: &CallOf<'_>, ignored: bool) {
        let empty = Empty { trigger: of.trigger.to_owned(), metric: of.metric.to_owned(), ignored };
        let object = (of.namespace.to_owned(), of.scaled_object.to_owned());
        *self.calls().lock().empty.entry(object).or_default().entry(empty).or_default() += 1;
    }
}

/// All of them.
pub(super) fn write(text: &mut Text, calls: &Calls) {
    let counted = calls.lock();
    let mut family =
        text.family("keda_scaler_http_requests_total", "counter", "Requests over HTTP that triggers made.");
    for ((namespace, object), requests) in &counted.requests {
        for (request, count) in requests {
            let labels = [
                ("namespace", namespace.as_str()),
                ("scaled_resource", object),
                ("scaler", &request.kind),
                ("trigger_name", &request.trigger),
                ("metric_name", &request.metric),
                ("status_code", &request.status),
            ];
            family.add(&labels, super::keda::count(*count));
        }
    }
    durations(text, &counted);
    let mut family = text.family(
        "keda_scaler_empty_upstream_responses_total",
        "counter",
        "Answers of sources that were empty where a number was expected.",
    );
    for ((namespace, object), empties) in &counted.empty {
        for (empty, count) in empties {
            let labels = [
                ("namespace", namespace.as_str()),
                ("scaledResource", object),
                ("triggerName", &empty.trigger),
                ("metricName", &empty.metric),
                ("resourceType", "ScaledObject"),
                ("ignoreNullValues", if empty.ignored { "true" } else { "false" }),
            ];
            family.add(&labels, super::keda::count(*count));
        }
    }
}

fn durations(text: &mut Text, counted: &Counted) {
    let help = "How long requests over HTTP that triggers made took.";
    let mut family = text.family("keda_scaler_http_request_duration_seconds", "histogram", help);
    for ((kind, status), durations) in &counted.durations {
        let labels = [("scaler", kind.as_str()), ("status_code", status)];
        let mut sum = 0;
        for (end, count) in BUCKETS.iter().map(f64::to_string).chain(["+Inf".to_owned()]).zip(durations.counts) {
            sum += count;
            family.add_part("_bucket", &[labels[0], labels[1], ("le", &end)], super::keda::count(sum));
        }
        family.add_part("_sum", &labels, durations.seconds);
        family.add_part("_count", &labels, super::keda::count(sum));
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tidegate_engine::TargetId;

    use super::CallOf;
    use crate::store::{Store, StoreOptions};

    #[test]
    fn calls_are_counted_under_keda_s_names_until_their_object_is_gone() {
        let store = Store::new(StoreOptions::default());
        let of = CallOf {
            namespace: "shop",
            scaled_object: "orders",
            kind: "prometheus",
            trigger: "mine",
            metric: "s0-prometheus",
        };
        store.http_call(&of, Some(200), Duration::from_millis(20));
        store.http_call(&of, Some(200), Duration::from_secs(60));
        store.http_call(&of, None, Duration::from_millis(1));
        store.empty_answer(&of, false);
        let text = store.metrics("2026-06-01T12:00:00Z".parse().unwrap());
        let labels = "namespace=\"shop\",scaled_resource=\"orders\",scaler=\"prometheus\",trigger_name=\"mine\",\
                      metric_name=\"s0-prometheus\"";
        for line in [
            format!("keda_scaler_http_requests_total{{{labels},status_code=\"200\"}} 2"),
            format!("keda_scaler_http_requests_total{{{labels},status_code=\"error\"}} 1"),
            "keda_scaler_http_request_duration_seconds_bucket{scaler=\"prometheus\",status_code=\"200\",le=\"0.01\"} 0".to_owned(),
            "keda_scaler_http_request_duration_seconds_bucket{scaler=\"prometheus\",status_code=\"200\",le=\"0.025\"} 1".to_owned(),
            "keda_scaler_http_request_duration_seconds_bucket{scaler=\"prometheus\",status_code=\"200\",le=\"+Inf\"} 2".to_owned(),
            "keda_scaler_http_request_duration_seconds_sum{scaler=\"prometheus\",status_code=\"200\"} 60.02".to_owned(),
            "keda_scaler_http_request_duration_seconds_count{scaler=\"prometheus\",status_code=\"200\"} 2".to_owned(),
            "keda_scaler_empty_upstream_responses_total{namespace=\"shop\",scaledResource=\"orders\",triggerName=\"mine\",\
             metricName=\"s0-prometheus\",resourceType=\"ScaledObject\",ignoreNullValues=\"false\"} 1".to_owned(),
        ] {
            assert!(text.lines().any(|found| found == line), "{line} is not in\n{text}");
        }
        store.remove_target(&TargetId::new("shop", "orders"));
        let text = store.metrics("2026-06-01T12:00:00Z".parse().unwrap());
        assert!(!text.contains("scaled_resource=\"orders\"") && !text.contains("scaledResource=\"orders\""), "{text}");
    }
}
