//! What an external scaler answered: metrics with their targets, and values.

use std::collections::BTreeSet;

use crate::externalscaler::{MetricSpec, MetricValue};

/// No trigger needs more metrics, and each costs calls in every poll.
const MOST_METRICS: usize = 64;
/// As long as a name in Kubernetes may be.
const LONGEST_NAME: usize = 253;

/// The names with their targets, in the server's order.
///
/// # Errors
/// What makes them unusable.
pub(super) fn specs(specs: &[MetricSpec]) -> Result<Vec<(String, f64)>, String> {
    if specs.is_empty() {
        return Err("the server names no metric, expected one at least".to_owned());
    }
    if specs.len() > MOST_METRICS {
        return Err(format!("the server names {} metrics, expected {MOST_METRICS} at most", specs.len()));
    }
    let mut seen = BTreeSet::new();
    specs.iter().map(|spec| one(spec, &mut seen)).collect()
}

fn one<'a>(spec: &'a MetricSpec, seen: &mut BTreeSet<&'a str>) -> Result<(String, f64), String> {
    let name = spec.metric_name.as_str();
    let shown: String = name.escape_debug().take(LONGEST_NAME).collect();
    let usable = |c: char| !c.is_control() && !c.is_whitespace() && c != '/' && c != '%';
    if name.is_empty() || name.len() > LONGEST_NAME || !name.chars().all(usable) {
        return Err(format!(
            "the server names a metric \"{shown}\", expected 1 to {LONGEST_NAME} characters without blanks, / and %"
        ));
    }
    if !seen.insert(name) {
        return Err(format!("the server names the metric \"{shown}\" twice, expected different names"));
    }
    #[allow(clippy::cast_precision_loss, reason = "targets beyond 2^53 are no use")]
    let target = if spec.target_size_float > 0.0 { spec.target_size_float } else { spec.target_size as f64 };
    // An HPA is told targets with three decimals, so anything below half of the last one is zero to it.
    if !target.is_finite() || target < 0.0005 {
        return Err(format!(
            "the metric \"{shown}\" has the target {target}, expected a number above zero (0.001 at least)"
        ));
    }
    Ok((name.to_owned(), target))
}

/// The sum of the values, and what there is to say about it.
///
/// # Errors
/// When there is none, or one is no number.
pub(super) fn value(values: &[MetricValue]) -> Result<(f64, Option<String>), String> {
    if values.is_empty() {
        return Err("the answer has no value, expected one at least".to_owned());
    }
    let mut sum = 0.0;
    for value in values {
        let float = value.metric_value_float;
        if !float.is_finite() {
            return Err(format!("the answer has the value {float}, expected a finite number"));
        }
        #[allow(clippy::cast_precision_loss, reason = "values beyond 2^53 differ by less than anybody can see")]
        let one = if float > 0.0 { float } else { value.metric_value as f64 };
        sum += one;
    }
    if !sum.is_finite() {
        return Err("the answer's values are too large to be added up".to_owned());
    }
    let note = (sum < 0.0).then(|| format!("the server gave {sum}; a negative number counts as 0"));
    Ok((sum.max(0.0), note))
}

/// For the fuzz targets: a reply as it comes off the wire, whichever it is meant to be.
#[cfg(fuzzing)]
pub fn fuzzed_reply(bytes: &[u8]) {
    use prost::Message;

    use crate::externalscaler::{GetMetricSpecResponse, GetMetricsResponse, IsActiveResponse};
    if let Ok(answer) = GetMetricsResponse::decode(bytes)
        && let Ok((value, _)) = value(&answer.metric_values)
    {
        assert!(value.is_finite() && value >= 0.0, "the value {value}");
    }
    if let Ok(answer) = GetMetricSpecResponse::decode(bytes)
        && let Ok(specs) = specs(&answer.metric_specs)
    {
        let sound = |(name, target): &(String, f64)| !name.is_empty() && target.is_finite() && *target > 0.0;
        assert!(specs.iter().all(sound) && (1..=MOST_METRICS).contains(&specs.len()), "the metrics {specs:?}");
    }
    let _ = IsActiveResponse::decode(bytes);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn spec(name: &str, size: i64, float: f64) -> MetricSpec {
        MetricSpec { metric_name: name.to_owned(), target_size: size, target_size_float: float }
    }

    fn number(size: i64, float: f64) -> MetricValue {
        MetricValue { metric_name: "other".to_owned(), metric_value: size, metric_value_float: float }
    }

    #[test]
    fn fractions_win_where_they_are_above_zero() {
        assert_eq!(specs(&[spec("a", 10, 0.0)]), Ok(vec![("a".to_owned(), 10.0)]));
        assert_eq!(specs(&[spec("a", 10, 6.111)]), Ok(vec![("a".to_owned(), 6.111)]));
        assert_eq!(specs(&[spec("a", 10, -1.0)]), Ok(vec![("a".to_owned(), 10.0)]));
        assert_eq!(value(&[number(20, 0.0)]), Ok((20.0, None)));
        assert_eq!(value(&[number(20, 22.222)]), Ok((22.222, None)));
        assert_eq!(value(&[number(20, -1.0)]), Ok((20.0, None)));
        assert_eq!(value(&[number(20, 0.0), number(0, 1.5)]), Ok((21.5, None)));
        assert_eq!(value(&[number(-3, 0.0)]).unwrap().0, 0.0);
    }

    #[test]
    fn what_cannot_be_used_is_said() {
        for (wrong, part) in [
            (vec![], "no metric"),
            (vec![spec("a", 0, 0.0)], "target 0"),
            (vec![spec("a", -1, 0.0)], "target -1"),
            (vec![spec("a", 0, f64::INFINITY)], "target inf"),
            (vec![spec("", 1, 0.0)], "without blanks"),
            (vec![spec("a b", 1, 0.0)], "without blanks"),
            (vec![spec("a/b", 1, 0.0)], "without blanks"),
            (vec![spec("a", 1, 0.0), spec("a", 2, 0.0)], "twice"),
            (vec![spec("a", 1, 0.0); 65], "65 metrics"),
        ] {
            let said = specs(&wrong).unwrap_err();
            assert!(said.contains(part), "{said}");
        }
        assert!(value(&[]).unwrap_err().contains("no value"));
        for wrong in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            assert!(value(&[number(1, wrong)]).unwrap_err().contains("finite"));
        }
    }

    proptest! {
        #[test]
        fn whatever_a_server_says_no_value_is_unsound(values in prop::collection::vec((any::<i64>(), any::<f64>()), 0..5)) {
            let values: Vec<_> = values.into_iter().map(|(size, float)| number(size, float)).collect();
            if let Ok((value, _)) = value(&values) {
                prop_assert!(value.is_finite() && value >= 0.0);
            }
        }

        #[test]
        fn whatever_a_server_names_no_spec_is_unsound(named in prop::collection::vec((".{0,6}", any::<i64>(), any::<f64>()), 0..5)) {
            let named: Vec<_> = named.iter().map(|(name, size, float)| spec(name, *size, *float)).collect();
            if let Ok(specs) = specs(&named) {
                prop_assert!(specs.iter().all(|(name, target)| !name.is_empty() && target.is_finite() && *target > 0.0));
            }
        }

        #[test]
        fn noise_is_an_error_and_never_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            use prost::Message;
            if let Ok(answer) = crate::externalscaler::GetMetricsResponse::decode(bytes.as_slice()) {
                let _ = value(&answer.metric_values);
            }
            if let Ok(answer) = crate::externalscaler::GetMetricSpecResponse::decode(bytes.as_slice()) {
                let _ = specs(&answer.metric_specs);
            }
        }
    }
}
