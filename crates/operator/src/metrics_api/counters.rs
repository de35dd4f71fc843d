//! What the API counts of itself, under the names of Kubernetes' own API servers where there are such.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::{GROUP, VERSION};
use crate::serve::{count, family, sample};

/// Upper bounds in seconds: the answer comes from memory, so most are far below a millisecond; an authorization that has
/// to be asked for takes some milliseconds.
const BOUNDS: [(f64, &str); 9] = [
    (0.0005, "0.0005"),
    (0.001, "0.001"),
    (0.0025, "0.0025"),
    (0.005, "0.005"),
    (0.01, "0.01"),
    (0.05, "0.05"),
    (0.1, "0.1"),
    (1.0, "1"),
    (10.0, "10"),
];

#[derive(Debug, Default)]
struct Counts {
    by_code: BTreeMap<u16, u64>,
    buckets: [u64; BOUNDS.len()],
    seconds: f64,
}

/// All requests for metrics so far.
#[derive(Debug, Default)]
pub(super) struct Counters(Mutex<Counts>);

impl Counters {
    pub(super) fn add(&self, code: u16, took: Duration) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *counts.by_code.entry(code).or_default() += 1;
        let seconds = took.as_secs_f64();
        counts.seconds += seconds;
        for ((bound, _), bucket) in BOUNDS.iter().zip(&mut counts.buckets) {
            *bucket += u64::from(seconds <= *bound);
        }
    }

    pub(super) fn write(&self, page: &mut String) {
        let counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let name = "apiserver_request_total";
        family(page, name, "counter", "Requests for external metrics by their answer's code.");
        for (code, number) in &counts.by_code {
            let code = code.to_string();
            let labels = [
                ("code", code.as_str()),
                ("group", GROUP),
                ("resource", "externalmetrics"),
                ("verb", "LIST"),
                ("version", VERSION),
            ];
            sample(page, name, &labels, count(*number));
        }
        let name = "tidegate_external_metrics_request_duration_seconds";
        family(page, name, "histogram", "Time from a request for external metrics to its answer.");
        let all = count(counts.by_code.values().sum());
        let (bucket, sum, number) = (format!("{name}_bucket"), format!("{name}_sum"), format!("{name}_count"));
        for ((_, bound), number) in BOUNDS.iter().zip(counts.buckets) {
            sample(page, &bucket, &[("le", bound)], count(number));
        }
        sample(page, &bucket, &[("le", "+Inf")], all);
        sample(page, &sum, &[], counts.seconds);
        sample(page, &number, &[], all);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// TEL-16
    #[test]
    fn requests_are_counted_by_code_and_time() {
        let counters = Counters::default();
        counters.add(200, Duration::from_micros(300));
        counters.add(200, Duration::from_millis(3));
        counters.add(404, Duration::from_millis(20));
        let mut page = String::new();
        counters.write(&mut page);
        for line in [
            "apiserver_request_total{code=\"200\",group=\"external.metrics.k8s.io\",resource=\"externalmetrics\",verb=\"LIST\",version=\"v1beta1\"} 2",
            "tidegate_external_metrics_request_duration_seconds_bucket{le=\"0.0005\"} 1",
            "tidegate_external_metrics_request_duration_seconds_bucket{le=\"0.005\"} 2",
            "tidegate_external_metrics_request_duration_seconds_bucket{le=\"+Inf\"} 3",
            "tidegate_external_metrics_request_duration_seconds_count 3",
        ] {
            assert!(page.lines().any(|found| found == line), "no {line} in\n{page}");
        }
    }
}
