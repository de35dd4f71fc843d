//! Parameters of the trigger, and the value it makes of lags.

use tidegate_engine::MetricTarget;

use super::*;
use crate::catalog;
use crate::input::Problem;
use crate::secret::Secret;

fn input(metadata: &[(&str, &str)]) -> TriggerInput {
    let mut input = TriggerInput { kind: "kafka".to_owned(), ..TriggerInput::default() };
    for (name, value) in [("bootstrapServers", "localhost:9092"), ("consumerGroup", "my-group")].iter().chain(metadata)
    {
        input.metadata.insert((*name).to_owned(), (*value).to_owned());
    }
    input
}

fn with_auth(metadata: &[(&str, &str)], auth: &[(&str, &str)]) -> TriggerInput {
    let mut input = input(metadata);
    input.auth = auth.iter().map(|(name, value)| ((*name).to_owned(), Secret::new(*value))).collect();
    input
}

fn problems(input: &TriggerInput) -> Vec<Problem> {
    catalog::check(input).err().unwrap_or_default()
}

#[test]
fn metric_names_are_those_of_keda() {
    for (metadata, name) in [
        (&[("topic", "orders")][..], "s0-kafka-orders"),
        (&[], "s0-kafka-my-group-topics"),
        (&[("topic", "a.b, c")], "s0-kafka-a-b,c"),
    ] {
        let checked = catalog::check(&input(metadata)).unwrap();
        assert_eq!(checked.spec.metric, name);
        assert_eq!(checked.spec.target, MetricTarget::AverageValue(10.0));
        assert_eq!(checked.warnings, []);
    }
}

#[test]
fn both_names_are_served_by_one_row() {
    let mut one = input(&[("topic", "a,b")]);
    one.kind = "apache-kafka".to_owned();
    assert_eq!(catalog::check(&one).unwrap().spec.metric, "s0-kafka-a,b");
}

#[test]
fn contradictions_name_the_parameter() {
    for (metadata, parameter) in [
        (&[("lagThreshold", "0"), ("topic", "t")][..], "lagThreshold"),
        (&[("activationLagThreshold", "-1")], "activationLagThreshold"),
        (&[("limitToPartitionsWithLag", "true")], "limitToPartitionsWithLag"),
        (&[("ensureEvenDistributionOfPartitions", "true")], "ensureEvenDistributionOfPartitions"),
        (&[("limitToPartitionsWithLag", "true"), ("allowIdleConsumers", "true"), ("topic", "t")], "allowIdleConsumers"),
        (
            &[("limitToPartitionsWithLag", "true"), ("ensureEvenDistributionOfPartitions", "true"), ("topic", "t")],
            "ensureEvenDistributionOfPartitions",
        ),
        (&[("offsetResetPolicy", "newest")], "offsetResetPolicy"),
        (&[("offsetResetPolicy", "latest,earliest")], "offsetResetPolicy"),
        (&[("topic", "no blanks")], "topic"),
        (&[("topic", "a,,b")], "topic"),
        (&[("version", "three")], "version"),
        (&[("partitionLimitation", "3-1")], "partitionLimitation"),
        (&[("bootstrapServers", "localhost")], "bootstrapServers"),
        (&[("sasl", "plaintext,gssapi")], "sasl"),
        (&[("sasl", "gssapi")], "sasl"),
        (&[("sasl", "aws_msk_iam"), ("awsRegion", "eu-west-1")], "sasl"),
        (&[("tls", "yes")], "tls"),
    ] {
        let found = problems(&input(metadata));
        assert_eq!(found.len(), 1, "{metadata:?}: {found:?}");
        assert_eq!(found[0].parameter, parameter, "{metadata:?}: {found:?}");
    }
}

#[test]
fn a_missing_credential_is_an_error_and_not_anonymous() {
    let names =
        |input: &TriggerInput| -> Vec<String> { problems(input).into_iter().map(|one| one.parameter).collect() };
    assert_eq!(names(&input(&[("sasl", "scram_sha512")])), ["username", "password"]);
    assert_eq!(names(&with_auth(&[("sasl", "plaintext")], &[("username", "u"), ("password", " ")])), ["password"]);
    assert_eq!(
        names(&with_auth(&[("sasl", "oauthbearer")], &[("username", "u"), ("password", "p")])),
        ["oauthTokenEndpointUri"]
    );
    assert_eq!(names(&with_auth(&[("tls", "enable")], &[("cert", "x")])), ["key"]);
    assert_eq!(names(&with_auth(&[("tls", "enable")], &[("ca", "no PEM")])), ["ca"]);
}

#[test]
fn what_has_no_effect_is_warned_about() {
    let checked = catalog::check(&with_auth(&[("partitionLimitation", "1-3")], &[("ca", "whatever")])).unwrap();
    let warned: Vec<&str> = checked.warnings.iter().map(|one| one.parameter.as_str()).collect();
    assert_eq!(warned, ["ca", "partitionLimitation"]);
}

#[test]
fn credentials_show_nowhere() {
    let auth = [
        ("username", "u"),
        ("password", "hunter2"),
        ("oauthTokenEndpointUri", "nowhere"),
        ("oauthExtensions", "hunter2"),
    ];
    let input = with_auth(&[("sasl", "oauthbearer")], &auth);
    assert!(!format!("{:?}", problems(&input)).contains("hunter2"));
    let input = with_auth(&[("sasl", "scram_sha256")], &auth);
    let scaler = catalog::check(&input).unwrap();
    assert!(!format!("{scaler:?} {input:?}").contains("hunter2"));
}

#[test]
fn versions_of_kafka() {
    for (text, sound) in
        [("1.0.0", true), ("3.9.1", true), ("0.11.0.2", true), ("4.1", false), ("1.0.0.0", false), ("", false)]
    {
        assert_eq!(is_version(text), sound, "{text}");
    }
}
