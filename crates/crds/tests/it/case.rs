//! Case files of `tidegate decide`.

use std::path::Path;

use expect_test::expect;
use tidegate_crds::case::{self, Case, CasePolicy, Resolved};
use tidegate_crds::{Located, ScaledObject};
use tidegate_engine::{Reading, Recommendation, ScaleEvent, Timestamp, Workload};

use crate::{lines, table};

const POLICY: &str =
    "policy: {spec: {triggers: [{type: kafka, name: lag, metadata: {}}, {type: cron, metadata: {}}]}}\n";
const REST: &str = "now: 2026-01-01T00:10:00Z\nworkload: {replicas: 3}\nreadings: {s0: 1}\n";

fn one(text: &str) -> Located<Case> {
    let (mut cases, problems) = case::parse("case.yaml", text);
    assert_eq!(lines(&problems), "");
    assert_eq!(cases.len(), 1);
    cases.remove(0)
}

fn inline(case: &Located<Case>) -> &Located<ScaledObject> {
    match &case.value.policy {
        CasePolicy::Inline(object) => object,
        CasePolicy::File(path) => panic!("{path}"),
    }
}

fn resolved(text: &str) -> Result<Resolved, String> {
    let case = one(text);
    case::resolve(&case, &inline(&case).value).map_err(|problems| lines(&problems))
}

#[test]
fn readings_go_to_their_triggers_by_name_or_place() {
    let text = format!(
        "now: 2026-01-01T00:10:00Z\n{POLICY}workload: {{replicas: 3, readyReplicas: 2}}\n\
         readings:\n  lag: {{value: 120, parallelism: 10, activationValue: 130}}\n  s1: {{error: connection refused}}\n\
         history:\n  recommendations: [{{at: 2026-01-01T00:09:00Z, replicas: 6}}, {{at: 2026-01-01T00:08:00Z, replicas: 5}}]\n  \
         scaled: [{{at: 2026-01-01T00:09:50Z, from: 2, to: 3}}]\n  lastActive: 2026-01-01T00:09:30Z\n  failures: {{s1: 2}}\n  originalReplicas: 4\n"
    );
    let case = one(&text);
    let now: Timestamp = "2026-01-01T00:10:00Z".parse().unwrap();
    assert_eq!(case.value.now, now);
    assert_eq!(case.value.workload, Workload { ready: 2, ..Workload::settled(3) });
    let found = resolved(&text).unwrap();
    let expected = Reading { parallelism: Some(10), activation_value: Some(130.0), ..Reading::of(120.0, now) };
    assert_eq!(found.readings[0], Some(Ok(expected)));
    assert_eq!(&*found.readings[1].clone().unwrap().unwrap_err().message, "connection refused");
    let time = |text: &str| text.parse::<Timestamp>().unwrap();
    let history = found.history;
    assert_eq!(history.failures, [0, 2]);
    assert_eq!(history.last_active, Some(time("2026-01-01T00:09:30Z")));
    assert_eq!(history.original_replicas, Some(4));
    let recommendation = |at: &str, replicas| Recommendation { at: time(at), replicas };
    let expected = [recommendation("2026-01-01T00:08:00Z", 5), recommendation("2026-01-01T00:09:00Z", 6)];
    assert_eq!(history.recommendations, expected, "oldest first");
    assert_eq!(history.scaled, [ScaleEvent { at: time("2026-01-01T00:09:50Z"), from: 2, to: 3 }]);
}

#[test]
fn what_a_decision_does_not_need_may_be_left_out() {
    let case = one(&format!("{POLICY}{REST}"));
    assert_eq!(&*inline(&case).source.object, "ScaledObject default/case");
    assert_eq!(resolved(&format!("{POLICY}{REST}")).unwrap().readings[1], None);
    let case = one(&format!("policyFile: orders.yaml\n{REST}"));
    assert_eq!(case.value.policy, CasePolicy::File("orders.yaml".into()));
}

#[test]
fn bad_cases_say_where_and_why() {
    let whole = |text: &str| lines(&case::parse("case.yaml", text).1);
    let inputs = [
        "5",
        "a: 1",
        "now: yesterday\nworkload: {replicas: 1}\nreadings: {}\npolicyFile: a",
        "nov: 2026-01-01T00:10:00Z\nworkload: {replicas: 1}\nreadings: {}\npolicyFile: a",
        "now: 2026-01-01T00:10:00Z\nworkload: {replicas: -1, ready: 2}\nreadings: {}\npolicyFile: a",
        "now: 2026-01-01T00:10:00Z\nworkload: {replicas: 1, readyReplicas: 2}\nreadings: {}\npolicyFile: a",
        "now: 2026-01-01T00:10:00Z\nworkload: {replicas: 1}\nreadings: [1]\npolicyFile: a",
        "now: 2026-01-01T00:10:00Z\nworkload: {replicas: 1}\nreadings: {}",
        "a: b: c",
    ];
    expect![[r#"
        5
            case.yaml:1:1: found 5, expected a case with now, policy, workload and readings
        a: 1
            case.yaml:1:1: a: unknown field; known are now, policy, policyFile, scalingPolicy, workload, readings, history, expect
            case.yaml:1:1: now: found nothing, expected text
            case.yaml:1:1: workload: found nothing, expected a map
            case.yaml:1:1: readings: found nothing, expected a map
        now: yesterday\nworkload: {replicas: 1}\nreadings: {}\npolicyFile: a
            case.yaml:1:1: now: found "yesterday", expected a time such as 2026-01-01T00:00:00Z
        nov: 2026-01-01T00:10:00Z\nworkload: {replicas: 1}\nreadings: {}\npolicyFile: a
            case.yaml:1:1: nov: unknown field; did you mean "now"?
            case.yaml:1:1: now: found nothing, expected text
        now: 2026-01-01T00:10:00Z\nworkload: {replicas: -1, ready: 2}\nreadings: {}\npolicyFile: a
            case.yaml:2:12: workload.replicas: found -1, expected a whole number of at least 0
            case.yaml:2:26: workload.ready: unknown field; did you mean "readyReplicas"?
        now: 2026-01-01T00:10:00Z\nworkload: {replicas: 1, readyReplicas: 2}\nreadings: {}\npolicyFile: a
            case.yaml:2:25: workload.readyReplicas: found 2, expected at most 1, the number of pods that exist
        now: 2026-01-01T00:10:00Z\nworkload: {replicas: 1}\nreadings: [1]\npolicyFile: a
            case.yaml:3:1: readings: found a list, expected a map
        now: 2026-01-01T00:10:00Z\nworkload: {replicas: 1}\nreadings: {}
            case.yaml:1:1: policy: found nothing, expected a ScaledObject, or policyFile with the path of one
        a: b: c
            case.yaml:1:4: broken YAML: the value has a colon followed by a space in it; put it in quotes
    "#]].assert_eq(&table(&inputs, whole));
}

#[test]
fn bad_readings_and_histories_say_where_and_why() {
    let whole = |text: &str| lines(&case::parse("case.yaml", text).1);
    let inputs = [
        "readings: {s0: many}",
        "readings: {s0: -1}",
        "readings: {s0: .nan}",
        "readings: {s0: [1]}",
        "readings: {s0: {}}",
        "readings: {s0: {value: 1, error: no}}",
        "readings: {s0: {value: 1, paralelism: 3}}",
        "readings: {s0: {value: 1, parallelism: -3}}",
        "readings: {s0: {value: 1, at: noon}}",
        "readings: {}\nhistory: {lastactive: 2026-01-01T00:10:00Z}",
        "readings: {}\nhistory: {scaled: [{at: now, from: 1, to: 2}], failures: {s0: x}}",
        "readings: {}\npolicyFile: also",
    ];
    let rest = "now: 2026-01-01T00:10:00Z\nworkload: {replicas: 3}\n";
    expect![[r#"
        readings: {s0: many}
            case.yaml:4:12: readings.s0: found "many", expected a number of at least 0; for a failure write {error: "why"}
        readings: {s0: -1}
            case.yaml:4:12: readings.s0: found -1, expected a number of at least 0; for a failure write {error: "why"}
        readings: {s0: .nan}
            case.yaml:4:12: readings.s0: found ".nan", expected a number of at least 0; for a failure write {error: "why"}
        readings: {s0: [1]}
            case.yaml:4:12: readings.s0: found a list, expected a number, {value: ...} or {error: ...}
        readings: {s0: {}}
            case.yaml:4:12: readings.s0: found neither, expected either value or error
        readings: {s0: {value: 1, error: no}}
            case.yaml:4:12: readings.s0: found both, expected either value or error
        readings: {s0: {value: 1, paralelism: 3}}
            case.yaml:4:27: readings.s0.paralelism: unknown field; did you mean "parallelism"?
        readings: {s0: {value: 1, parallelism: -3}}
            case.yaml:4:27: readings.s0.parallelism: found -3, expected a whole number of at least 0
        readings: {s0: {value: 1, at: noon}}
            case.yaml:4:27: readings.s0.at: found "noon", expected a time such as 2026-01-01T00:00:00Z
        readings: {}\nhistory: {lastactive: 2026-01-01T00:10:00Z}
            case.yaml:5:11: history.lastactive: unknown field; did you mean "lastActive"?
        readings: {}\nhistory: {scaled: [{at: now, from: 1, to: 2}], failures: {s0: x}}
            case.yaml:5:21: history.scaled[0].at: found "now", expected a time such as 2026-01-01T00:00:00Z
            case.yaml:5:59: history.failures.s0: found "x", expected a whole number of at least 0
        readings: {}\npolicyFile: also
            case.yaml:5:1: policyFile: given together with policy; give one of the two
    "#]].assert_eq(&table(&inputs, |input| whole(&format!("{rest}{POLICY}{input}\n"))));
    let bad_policy = POLICY.replace("triggers:", "trigers: [], triggers:");
    expect![[r#"
        case.yaml:4:17: ScaledObject default/case: spec.trigers: unknown field; did you mean "triggers"?
    "#]]
    .assert_eq(&whole(&format!("{rest}readings: {{}}\n{bad_policy}")));
}

#[test]
fn names_that_no_trigger_has_are_refused() {
    let said = |readings: &str| {
        resolved(&format!("{POLICY}now: 2026-01-01T00:10:00Z\nworkload: {{replicas: 1}}\n{readings}\n")).unwrap_err()
    };
    let inputs = [
        "readings: {lags: 1}",
        "readings: {s2: 1}",
        "readings: {lag: 1, s0: 2}",
        "readings: {}\nhistory: {failures: {x: 1}}",
    ];
    expect![[r#"
        readings: {lags: 1}
            case.yaml:4:12: readings.lags: no trigger is called "lags"; known are lag, s0, s1
        readings: {s2: 1}
            case.yaml:4:12: readings.s2: no trigger is called "s2"; known are lag, s0, s1
        readings: {lag: 1, s0: 2}
            case.yaml:4:20: readings.s0: the trigger 0 has two readings; give one
        readings: {}\nhistory: {failures: {x: 1}}
            case.yaml:5:22: history.failures.x: no trigger is called "x"; known are lag, s0, s1
    "#]]
    .assert_eq(&table(&inputs, said));
}

#[test]
fn several_documents_are_several_cases() {
    let (cases, problems) = case::parse("case.yaml", &format!("{POLICY}{REST}---\n{POLICY}{REST}---\nbad\n"));
    assert_eq!((cases.len(), problems.len()), (2, 1));
}

#[test]
fn all_golden_cases_are_read_without_a_word() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/vectors/decide");
    let mut count = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let (cases, problems) = case::parse(&path.display().to_string(), &std::fs::read_to_string(&path).unwrap());
        assert_eq!(lines(&problems), "");
        for case in &cases {
            assert!(case::resolve(case, &inline(case).value).is_ok(), "{}", path.display());
        }
        count += cases.len();
    }
    assert!(count > 150, "{count}");
}
