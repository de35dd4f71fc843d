//! What each variable means, and what is refused.

use std::collections::HashMap;
use std::time::Duration;

use super::{WITHOUT_EFFECT, read};

fn given(variables: &[(&str, &str)]) -> Result<(super::Variables, Vec<String>), Vec<String>> {
    let map: HashMap<String, String> = variables.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    read(&|name| map.get(name).cloned())
}

/// LE-07, LE-08
#[test]
fn variables_mean_what_they_mean_to_keda() {
    let (variables, warnings) = given(&[
        ("WATCH_NAMESPACE", "shop, bills,"),
        ("WATCH_LABEL_SELECTOR", "shard in (a, b),!legacy"),
        ("WATCH_LABEL_SELECTOR_FOR_TRIGGERAUTH", "app.kubernetes.io/part-of=shop"),
        ("POD_NAMESPACE", "autoscaling"),
        ("POD_NAME", "tidegate-0"),
        ("HOSTNAME", "another"),
        ("KEDA_CLUSTER_OBJECT_NAMESPACE", "secrets"),
        ("KEDA_RESTRICT_SECRET_ACCESS", "true"),
        ("KEDA_BOUND_SERVICE_ACCOUNT_TOKEN_EXPIRY", "2h30m"),
        ("KEDA_HTTP_DEFAULT_TIMEOUT", "1500"),
        ("KEDA_OPERATOR_LEADER_ELECTION_LEASE_DURATION", "60s"),
        ("KEDA_OPERATOR_LEADER_ELECTION_RENEW_DEADLINE", "40s"),
        ("KEDA_OPERATOR_LEADER_ELECTION_RETRY_PERIOD", "500ms"),
    ])
    .unwrap();
    assert_eq!(warnings, Vec::<String>::new());
    assert_eq!(variables.namespaces, ["shop", "bills"]);
    assert_eq!(variables.label_selector.as_deref(), Some("shard in (a, b),!legacy"));
    assert_eq!(variables.authentication_label_selector.as_deref(), Some("app.kubernetes.io/part-of=shop"));
    assert_eq!(variables.own_namespace, "autoscaling");
    assert_eq!(variables.identity.as_deref(), Some("tidegate-0"));
    assert_eq!(variables.cluster_object_namespace.as_deref(), Some("secrets"));
    assert!(variables.restrict_secret_access);
    assert_eq!(variables.bound_token_lifetime, Duration::from_secs(9000));
    assert_eq!(variables.http_timeout, Duration::from_millis(1500));
    assert_eq!(variables.retry_period, Duration::from_millis(500));
}

#[test]
fn without_variables_there_are_kedas_defaults() {
    let (variables, warnings) = given(&[("WATCH_NAMESPACE", "")]).unwrap();
    assert!(warnings.is_empty() && variables.namespaces.is_empty() && variables.label_selector.is_none());
    assert_eq!(variables.own_namespace, "keda");
    assert_eq!(variables.bound_token_lifetime, Duration::from_secs(3600));
    assert_eq!(variables.http_timeout, Duration::from_millis(3000));
    let lease = (variables.lease_duration, variables.renew_deadline, variables.retry_period);
    assert_eq!(lease, (Duration::from_secs(15), Duration::from_secs(10), Duration::from_secs(2)));
}

/// LE-08, LE-09
#[test]
fn a_value_that_is_not_understood_is_one_error_that_names_the_variable() {
    for (name, value) in [
        ("WATCH_LABEL_SELECTOR", "shard in a"),
        ("WATCH_LABEL_SELECTOR", "shard in (a"),
        ("WATCH_LABEL_SELECTOR", "=a"),
        ("WATCH_LABEL_SELECTOR_FOR_TRIGGERAUTH", "a b"),
        ("KEDA_RESTRICT_SECRET_ACCESS", "yes please"),
        ("KEDA_BOUND_SERVICE_ACCOUNT_TOKEN_EXPIRY", "30m"),
        ("KEDA_BOUND_SERVICE_ACCOUNT_TOKEN_EXPIRY", "7h"),
        ("KEDA_BOUND_SERVICE_ACCOUNT_TOKEN_EXPIRY", "long"),
        ("KEDA_HTTP_DEFAULT_TIMEOUT", "3s"),
        ("KEDA_HTTP_DEFAULT_TIMEOUT", "0"),
        ("KEDA_OPERATOR_LEADER_ELECTION_LEASE_DURATION", "15"),
        ("KEDA_OPERATOR_LEADER_ELECTION_RENEW_DEADLINE", "20s"),
        ("KEDA_OPERATOR_LEADER_ELECTION_RETRY_PERIOD", "12s"),
        ("KEDA_OPERATOR_LEADER_ELECTION_RETRY_PERIOD", "-2s"),
        ("KEDA_SCALEDOBJECT_CTRL_MAX_RECONCILES", "many"),
        ("KEDA_SCALEDJOB_CTRL_MAX_RECONCILES", "1.5"),
    ] {
        let problems = given(&[(name, value)]).expect_err(name);
        assert_eq!(problems.len(), 1, "{name}={value}: {problems:?}");
        assert!(problems[0].starts_with(&format!("environment variable {name}: found ")), "{}", problems[0]);
    }
}

#[test]
fn variables_without_effect_are_told_of_with_the_reason() {
    for (name, why) in WITHOUT_EFFECT {
        let (_, warnings) = given(&[(name, "1")]).unwrap();
        assert_eq!(warnings, [format!("environment variable {name} has no effect: {why}")]);
    }
}
