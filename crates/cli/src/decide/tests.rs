//! Cases as people write them, decided by the real engine with the real catalogue.

use std::path::Path;

use expect_test::expect;

use super::{Answer, all};

fn case(policy: &str, rest: &str) -> String {
    format!("now: 2026-01-01T00:10:00Z\npolicy: {policy}\n{rest}\n")
}

fn answers(text: &str) -> String {
    match all("case.yaml", text, Path::new(".")) {
        Ok(decided) => decided
            .iter()
            .map(|decided| {
                let warnings: String = decided.warnings.iter().map(|warning| format!("{warning}\n")).collect();
                format!("{warnings}{}\n", serde_json::to_string(&Answer::from(&decided.record)).unwrap())
            })
            .collect(),
        Err(problems) => problems.iter().map(|problem| format!("{problem}\n")).collect(),
    }
}

const CRON: &str =
    "{type: cron, name: day, metadata: {timezone: UTC, start: 0 8 * * *, end: 0 18 * * *, desiredReplicas: '5'}}";

#[test]
fn a_case_gives_one_line_with_its_keys_in_order() {
    let policy = format!("{{spec: {{minReplicaCount: 1, triggers: [{CRON}]}}}}");
    let text = case(&policy, "workload: {replicas: 3, readyReplicas: 3}\nreadings: {day: 5}");
    expect![[r#"
        {"desiredReplicas":5,"active":true,"boundBy":"metrics","steps":[{"rule":"metrics","from":3,"to":5,"reason":"day is 5, at 1 a replica that takes 5"}]}
    "#]].assert_eq(&answers(&text));
}

#[test]
fn all_readings_count_at_once_whatever_their_order() {
    let policy = format!(
        "{{spec: {{minReplicaCount: 1, maxReplicaCount: 10, triggers: [{CRON}, {}]}}}}",
        CRON.replace("day", "night")
    );
    let rest = |readings: &str| {
        format!("workload: {{replicas: 2}}\nreadings: {{{readings}}}\nhistory: {{failures: {{s1: 1}}}}")
    };
    let one = answers(&case(&policy, &rest("day: 6, s1: {error: gone}")));
    let other = answers(&case(&policy, &rest("night: {error: gone}, s0: 6")));
    assert_eq!(one, other);
    assert!(one.contains("\"desiredReplicas\":"), "{one}");
}

#[test]
fn several_documents_give_several_lines_and_one_bad_one_gives_none() {
    let policy = format!("{{spec: {{triggers: [{CRON}]}}}}");
    let good = case(&policy, "workload: {replicas: 3}\nreadings: {s0: 5}");
    assert_eq!(answers(&format!("{good}---\n{good}")).lines().count(), 2);
    expect![[r#"
        case.yaml:9:12: readings.s7: no trigger is called "s7"; known are day, s0
    "#]]
    .assert_eq(&answers(&format!("{good}---\n{}", good.replace("s0:", "s7:"))));
}

#[test]
fn what_the_catalogue_refuses_is_told_with_its_line() {
    let said = |trigger: &str| {
        let policy = format!("\n  spec:\n    triggers:\n      - {trigger}");
        answers(&case(&policy, "workload: {replicas: 3}\nreadings: {}"))
    };
    expect![[r#"
        case.yaml:5:10: ScaledObject default/case: spec.triggers[0].type: unknown trigger type "crom"; did you mean "cron"?
    "#]].assert_eq(&said("{type: crom, metadata: {}}"));
    expect![[r#"
        case.yaml:5:22: ScaledObject default/case: spec.triggers[0].metadata.desiredReplicas: is required and absent: expected in metadata "desiredReplicas"
    "#]].assert_eq(&said("{type: cron, metadata: {timezone: UTC, start: 0 8 * * *, end: 0 18 * * *}}"));
    expect![[r#"
        case.yaml:5:59: warning: ScaledObject default/case: spec.triggers[0].metadata.timezon: unknown parameter; did you mean "timezone"?
        {"desiredReplicas":3,"active":false,"boundBy":"missingMetric","steps":[{"rule":"missingMetric","from":3,"to":3,"reason":"the only metric is not known, so nothing moves"}]}
    "#]].assert_eq(&said(&CRON.replace("timezone: UTC", "timezone: UTC, timezon: x")));
}

#[test]
fn a_target_that_only_the_source_knows_has_a_stand_in_that_is_told_of() {
    let external = "{type: external, metadata: {scalerAddress: 'a:1'}}";
    let said = |advanced: &str| {
        let policy = format!("\n  spec: {{minReplicaCount: 1, triggers: [{external}]{advanced}}}");
        answers(&case(&policy, "workload: {replicas: 3, readyReplicas: 3}\nreadings: {s0: 5}"))
    };
    let plain = said("");
    assert!(plain.contains("spec.triggers[0].type: its source names the target itself"), "{plain}");
    assert!(plain.contains("1 stands in for it"), "{plain}");
    let formula = ", advanced: {scalingModifiers: {formula: s0, target: '2'}}";
    assert!(!said(formula).contains("warning"), "the formula's target counts: {}", said(formula));
}

#[test]
fn a_policy_file_is_read_beside_the_case() {
    let folder = tempfile::tempdir().unwrap();
    let manifest = format!(
        "apiVersion: keda.sh/v1alpha1\nkind: ScaledObject\nmetadata: {{name: orders}}\nspec:\n  scaleTargetRef: {{name: worker}}\n  \
         triggers: [{CRON}]\n---\napiVersion: tidegate.dev/v1alpha1\nkind: ScalingPolicy\nmetadata: {{name: p}}\nspec: \
         {{targetRef: {{name: orders}}, mode: shadow}}\n"
    );
    std::fs::write(folder.path().join("orders.yaml"), manifest).unwrap();
    let text = "now: 2026-01-01T00:10:00Z\npolicyFile: orders.yaml\nworkload: {replicas: 3}\nreadings: {s0: 5}\n";
    let decided = all("case.yaml", text, folder.path()).unwrap();
    assert_eq!(decided[0].record.target.as_str(), "default/orders");
    assert_eq!(decided[0].record.mode, tidegate_engine::Mode::Shadow);
    let missing = all("case.yaml", &text.replace("orders.yaml", "none.yaml"), folder.path()).unwrap_err();
    assert!(missing[0].to_string().starts_with("case.yaml:2:1: policyFile: reading "), "{}", missing[0]);
}

#[test]
fn every_golden_case_whose_triggers_are_served_is_answered_as_it_expects() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/vectors/decide");
    let (mut cases, mut wrong) = (0, Vec::new());
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        let name = path.display().to_string();
        let decided = all(&name, &text, Path::new(".")).unwrap_or_else(|problems| panic!("{}", problems[0]));
        let documents: Vec<serde_json::Value> = serde_saphyr::from_multiple(&text).unwrap();
        assert_eq!(decided.len(), documents.len());
        for (decided, document) in decided.iter().zip(&documents) {
            let answer = serde_json::to_value(Answer::from(&decided.record)).unwrap();
            cases += 1;
            for (key, expected) in document["expect"].as_object().unwrap() {
                if &answer[key] != expected {
                    wrong.push(format!(
                        "{name}: {}: {key}: {} instead of {expected}",
                        decided.record.target, answer[key]
                    ));
                }
            }
        }
    }
    assert!(cases > 150 && wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}
