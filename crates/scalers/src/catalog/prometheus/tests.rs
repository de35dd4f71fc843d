//! What is refused and warned about before anything connects, and what the decision is told.

use expect_test::{Expect, expect};
use tidegate_engine::MetricTarget;

use crate::{MetricType, Secret, TriggerInput, catalog};

fn input(metadata: &[(&str, &str)], auth: &[(&str, &str)]) -> TriggerInput {
    let base = [("serverAddress", "http://prometheus:9090"), ("query", "up"), ("threshold", "12.5")];
    let metadata = base.iter().chain(metadata).filter(|(_, text)| !text.is_empty());
    TriggerInput {
        kind: "prometheus".to_owned(),
        index: 2,
        metadata: metadata.map(|&(name, text)| (name.to_owned(), text.to_owned())).collect(),
        auth: auth.iter().map(|&(name, text)| (name.to_owned(), Secret::new(text))).collect(),
        ..TriggerInput::default()
    }
}

fn said(input: &TriggerInput, expected: Expect) {
    let (word, problems) = match catalog::check(input) {
        Ok(checked) => ("warning", checked.warnings),
        Err(problems) => ("error", problems),
    };
    let lines: Vec<_> =
        problems.iter().map(|problem| format!("{word}: {}: {}", problem.parameter, problem.message)).collect();
    expected.assert_eq(&lines.join("\n"));
}

#[test]
fn what_the_decision_is_told() {
    let mut input = input(&[("activationThreshold", "-0.5")], &[]);
    let spec = catalog::check(&input).unwrap().spec;
    assert_eq!(spec.metric, "s2-prometheus");
    assert_eq!(spec.target, MetricTarget::AverageValue(12.5));
    assert_eq!(spec.activation, -0.5);
    input.metric_type = Some(MetricType::Value);
    assert_eq!(catalog::check(&input).unwrap().spec.target, MetricTarget::Value(12.5));
}

#[test]
fn triggers_of_one_server_and_identity_have_one_source() {
    let source =
        |metadata: &[(&str, &str)], auth: &[(&str, &str)]| catalog::check(&input(metadata, auth)).unwrap().spec.source;
    let plain = source(&[], &[]);
    assert_eq!(plain, source(&[("query", "down")], &[]));
    assert_ne!(plain, source(&[("serverAddress", "http://other:9090")], &[]));
    let basic = |user| source(&[], &[("authModes", "basic"), ("username", user)]);
    assert_ne!(plain, basic("a"));
    assert_ne!(basic("a"), basic("b"));
}

#[test]
fn malformed_parameters() {
    let metadata = [
        ("serverAddress", "prometheus:9090"),
        ("threshold", "ten"),
        ("activationThreshold", "1."),
        ("ignoreNullValues", "yes"),
        ("timeout", "-5s"),
        ("customHeaders", "X-Token: abc"),
        ("queryParameters", "a=b=c"),
        ("identityOwner", "me"),
    ];
    said(
        &input(&metadata, &[]),
        expect![[r#"
            error: serverAddress: found another text, expected an address as http://host:port or https://host/path
            error: threshold: found "ten", expected a number, as 0.5 or 10
            error: activationThreshold: found "1.", expected a number, as 0.5 or 10
            error: queryParameters: found another text, expected pairs key=value apart by commas, with exactly one = in each
            error: customHeaders: found another text, expected pairs key=value apart by commas, with exactly one = in each
            error: ignoreNullValues: found "yes", expected true or false
            error: timeout: found "-5s", expected a duration, as 30s, 1m30s, or 500 for milliseconds
            error: identityOwner: found "me", expected one of pod, operator, workload"#]],
    );
}

#[test]
fn targets() {
    said(
        &input(&[("threshold", "0")], &[]),
        expect!["error: threshold: found 0, expected a target above zero (0.001 at least)"],
    );
    let with_formula = TriggerInput { formula_in_use: true, ..input(&[("threshold", "0")], &[]) };
    said(&with_formula, expect![""]);
    let mut missing = TriggerInput { formula_in_use: true, ..input(&[], &[]) };
    missing.metadata.remove("threshold");
    said(&missing, expect![[r#"error: threshold: is required and absent: expected in metadata "threshold""#]]);
}

#[test]
fn auth_modes() {
    said(
        &input(&[("authModes", "basic,bearer")], &[("username", "u"), ("bearerToken", "t")]),
        expect![[r#"error: authModes: found "basic,bearer", expected at most one of bearer, basic, oauth"#]],
    );
    said(
        &input(&[("authModes", "Basic")], &[]),
        expect![[r#"error: authModes: found "Basic", expected one of apiKey, basic, tls, bearer, custom, oauth"#]],
    );
    said(
        &input(&[], &[("authModes", "custom,oauth,apiKey")]),
        expect![[r#"
            error: apiKey: is required and absent: authModes lists "apiKey"
            error: customAuthHeader: is required and absent: authModes lists "custom"
            error: customAuthValue: is required and absent: authModes lists "custom"
            error: oauthTokenURI: is required and absent: authModes lists "oauth"
            error: clientID: is required and absent: authModes lists "oauth""#]],
    );
    said(
        &input(&[("authModes", "apiKey"), ("apiKey", "k"), ("method", "header,query")], &[]),
        expect![[r#"error: method: found "header,query", expected one of header, query"#]],
    );
}

#[test]
fn identities_of_clouds_are_refused() {
    let with = |identity: &str, auth: &[(&str, &str)]| TriggerInput {
        pod_identity: Some(identity.to_owned()),
        ..input(&[], auth)
    };
    said(
        &with("azure-workload", &[]),
        expect![[
            r#"error: podIdentity: podIdentity "azure-workload" is not available for Prometheus yet; use authModes"#
        ]],
    );
    said(
        &with("aws", &[("authModes", "bearer"), ("bearerToken", "t")]),
        expect![[r#"error: podIdentity: podIdentity "aws" and authModes exclude each other; leave one of them out"#]],
    );
    said(
        &input(&[("awsRegion", "eu-west-1")], &[("GoogleApplicationCredentials", "{}")]),
        expect![[r#"
            error: GoogleApplicationCredentials: Google Cloud's identities are not available for Prometheus yet; use authModes
            error: awsRegion: signing for Amazon Managed Prometheus is not available yet; use authModes"#]],
    );
    said(
        &input(&[("credentialsFromEnvFile", "GOOGLE")], &[]),
        expect![
            "error: credentialsFromEnvFile: is not accepted: files of the machine that decides are not read as credentials"
        ],
    );
    said(&input(&[("identityOwner", "pod")], &[]), expect![""]);
}

#[test]
fn suspicious_but_allowed() {
    said(
        &input(&[("metricName", "up"), ("cortexOrgId", "a"), ("treshold", "3"), ("queryFromEnv", "QUERY")], &[]),
        expect![[r#"
            warning: metricName: is deprecated: it has had no effect since KEDA 2.12; leave it out
            warning: cortexOrgId: is deprecated: it has had no effect since KEDA 2.15; use customHeaders with X-Scope-OrgID
            warning: queryFromEnv: is not read from here: "query" is expected in metadata "query"
            warning: treshold: unknown parameter; did you mean "threshold"?"#]],
    );
    said(
        &input(&[("password", "x")], &[("serverAddress", "x"), ("usrname", "x"), ("brokers", "x")]),
        expect![[r#"
            warning: password: is not read from here: "password" is expected in authentication parameter "password"
            warning: serverAddress: is not read from an authentication: expected in metadata "serverAddress"
            warning: usrname: unknown authentication parameter; did you mean "username"?"#]],
    );
}
