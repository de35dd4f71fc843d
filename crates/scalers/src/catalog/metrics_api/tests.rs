//! Parameters and replies of metrics-api.

use std::time::Duration;

use crate::{MetricType, Problem, TriggerInput, catalog};

fn input(metadata: &[(&str, &str)]) -> TriggerInput {
    let all = [("url", "http://orders.shop:8080/stats"), ("valueLocation", "queue.waiting"), ("targetValue", "10")];
    let metadata = all.iter().chain(metadata).map(|&(name, text)| (name.to_owned(), text.to_owned())).collect();
    TriggerInput { kind: "metrics-api".to_owned(), index: 1, metadata, ..TriggerInput::default() }
}

fn problems(input: &TriggerInput) -> Vec<Problem> {
    catalog::check(input).map_or_else(|problems| problems, |checked| checked.warnings)
}

#[test]
fn the_metric_is_named_as_in_keda() {
    let checked = catalog::check(&input(&[("valueLocation", "metric.test"), ("timeout", "5s")])).unwrap();
    assert_eq!(checked.spec.metric, "s1-metric-api-metric-test");
    assert_eq!(checked.spec.time_limit, Some(Duration::from_secs(5)));
    assert_eq!(catalog::label("metrics-api"), "metricsAPIScaler");
}

#[test]
fn rules_between_parameters() {
    for (metadata, parameter, part) in [
        (&[("valueLocation", "a..b")][..], "valueLocation", "between dots"),
        (&[("format", "prometheus"), ("valueLocation", "a.b")], "valueLocation", "a series"),
        (&[("targetValue", "0")], "targetValue", "above zero"),
        (&[("targetValue", "-1")], "targetValue", "above zero"),
        (&[("targetValue", " ")], "targetValue", "required"),
        (&[("format", "csv")], "format", "one of json, yaml, xml, prometheus"),
        (&[("url", "orders.shop")], "url", "http"),
        (&[("url", "http://orders/x"), ("aggregateFromKubeServiceEndpoints", "true")], "url", "names a Service"),
        (&[("aggregationType", "sum")], "aggregationType", "no effect"),
        (&[("authModes", "bearer")], "bearerToken", "required"),
    ] {
        let found = problems(&input(metadata));
        let problem = found.iter().find(|problem| problem.parameter == parameter);
        let problem = problem.unwrap_or_else(|| panic!("{metadata:?}: {found:?}"));
        assert!(problem.message.contains(part), "{metadata:?}: {}", problem.message);
    }
}

/// HPA-11
#[test]
fn a_formula_needs_no_target() {
    let mut input = input(&[("targetValue", "")]);
    input.formula_in_use = true;
    assert!(catalog::check(&input).is_ok());
    input.metric_type = Some(MetricType::Utilization);
    let said = catalog::check(&input).unwrap_err();
    assert!(said[0].message.contains("cpu and memory only"), "{said:?}");
}
