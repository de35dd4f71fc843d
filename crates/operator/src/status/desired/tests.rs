//! Conditions and the other fields of the status, from what is known.

use super::super::findings::TriggerFinding;
use super::*;

fn reconciled() -> ReconcilePart {
    ReconcilePart {
        at_work: true,
        target: Some(Gvkr {
            group: "apps".into(),
            version: "v1".into(),
            kind: "Deployment".into(),
            resource: "deployments".into(),
        }),
        original: Some(2),
        external_metrics: vec!["s0-a".into(), "s1-b".into()],
        trigger_types: "a,b".into(),
        hpa: HpaPart::Named("keda-hpa-x".into()),
        ..ReconcilePart::default()
    }
}

fn trigger(metric: &str, active: bool, error: Option<&str>) -> TriggerFinding {
    TriggerFinding {
        metric: metric.into(),
        active,
        error: error.map(Into::into),
        failures: u32::from(error.is_some()) * 3,
        fallback: false,
        unread: false,
    }
}

fn found(triggers: Vec<TriggerFinding>) -> Findings {
    let active = triggers.iter().any(|trigger| trigger.active);
    Findings { triggers, blind: None, active, forced: false, cooling: false, formula_falls_back: false }
}

fn status(now: &Status, reconcile: &ReconcilePart, findings: Option<Findings>) -> Status {
    let parts =
        Parts { reconcile: Some(Arc::new(reconcile.clone())), findings: findings.map(Arc::new), ..Parts::default() };
    desired(now, &parts).unwrap()
}

fn said(status: &Status, kind: &str) -> String {
    let found = find(status.conditions.as_deref().unwrap(), kind).unwrap();
    format!("{}/{}", found.status, found.reason.clone().unwrap_or_default())
}

/// ST-02, ST-03, ACT-05, ACT-07, ACT-08, ACT-02: the table of Ready and Active
#[test]
fn ready_and_active() {
    let fine = |active| found(vec![trigger("s0-a", active, None), trigger("s1-b", false, None)]);
    let partly = found(vec![trigger("s0-a", true, None), trigger("s1-b", false, Some("down"))]);
    let failing = found(vec![trigger("s0-a", false, None), trigger("s1-b", false, Some("down"))]);
    let with_fallback = ReconcilePart { fallback_after: Some(3), ..reconciled() };
    let broken = ReconcilePart { error: Some("no".into()), at_work: false, ..reconciled() };
    let broken_at_work = ReconcilePart { error: Some("no".into()), ..reconciled() };
    let blind = Findings { blind: Some("gone".into()), ..fine(false) };
    let cooling = Findings { cooling: true, ..fine(false) };
    for (name, reconcile, findings, ready, active) in [
        ("active", reconciled(), Some(fine(true)), "True/ScaledObjectReady", "True/ScalerActive"),
        ("inactive", reconciled(), Some(fine(false)), "True/ScaledObjectReady", "False/ScalerNotActive"),
        ("cooling", reconciled(), Some(cooling), "True/ScaledObjectReady", "False/ScalerCooldown"),
        ("some fail, one active", reconciled(), Some(partly), "Unknown/PartialTriggerError", "True/ScalerActive"),
        ("some fail, none active", reconciled(), Some(failing.clone()), "False/TriggerError", "False/ScalerNotActive"),
        ("same, fallback set", with_fallback, Some(failing), "True/ScaledObjectReady", "False/ScalerNotActive"),
        ("count unknown", reconciled(), Some(blind), "False/ErrorGettingCurrentReplicas", "Unknown/"),
        ("manifest wrong", broken, None, "False/ScaledObjectCheckFailed", "Unknown/UnknownState"),
        ("edit wrong", broken_at_work, Some(fine(true)), "False/ScaledObjectCheckFailed", "True/ScalerActive"),
    ] {
        let status = status(&Status::default(), &reconcile, findings);
        assert_eq!((said(&status, "Ready").as_str(), said(&status, "Active").as_str()), (ready, active), "{name}");
    }
}

/// FB-10, FB-11, ST-04
#[test]
fn fallback() {
    let with = ReconcilePart { fallback_after: Some(3), ..reconciled() };
    let mut standing_in = trigger("s0-a", true, Some("down"));
    standing_in.fallback = true;
    let findings = found(vec![standing_in, trigger("s1-b", false, None)]);
    let now = status(&Status::default(), &with, Some(findings));
    assert_eq!(said(&now, "Fallback"), "True/FallbackExists");
    assert_eq!(said(&now, "Ready"), "True/ScaledObjectReady");
    assert_eq!(said(&status(&Status::default(), &with, None), "Fallback"), "Unknown/");
    assert_eq!(said(&status(&now, &reconciled(), None), "Fallback"), "False/NoFallbackFound");
}

/// PAU-01, ST-05: activity stays what it was while paused
#[test]
fn pauses() {
    let fine = found(vec![trigger("s0-a", true, None), trigger("s1-b", false, None)]);
    let before = status(&Status::default(), &reconciled(), Some(fine));
    assert_eq!(said(&before, "Paused"), "False/");
    let pause = PausePart { any: true, full: true, at: Some(4) };
    let inactive = found(vec![trigger("s0-a", false, None), trigger("s1-b", false, None)]);
    let paused = status(&before, &ReconcilePart { pause, ..reconciled() }, Some(inactive));
    assert_eq!(said(&paused, "Paused"), "True/ScaledObjectPaused");
    assert_eq!(said(&paused, "Active"), "True/ScalerActive");
    assert_eq!(paused.paused_replica_count, Some(4));
    let after = status(&paused, &reconciled(), None);
    assert_eq!((said(&after, "Paused").as_str(), after.paused_replica_count), ("False/ScaledObjectUnpaused", None));
}

/// ST-06, ST-07
#[test]
fn the_hpas_own_condition_is_mirrored_and_never_touches_ready() {
    let parts = |status: &str, reason: &str| Parts {
        reconcile: Some(Arc::new(reconciled())),
        hpa: Some(HpaScaling { status: status.into(), reason: reason.into(), message: "m".into() }),
        ..Parts::default()
    };
    for (status, reason, wanted) in [
        ("True", "ValidMetricFound", "True/HPAActive"),
        ("False", "ScalingDisabled", "True/ScalingDisabled"),
        ("False", "FailedGetExternalMetric", "False/FailedGetExternalMetric"),
        ("False", "", "False/HPAMetricsUnavailable"),
    ] {
        let now = desired(&Status::default(), &parts(status, reason)).unwrap();
        assert_eq!(said(&now, "HPAActive"), wanted);
        assert_eq!(said(&now, "Ready"), "True/ScaledObjectReady");
        let kinds: Vec<String> = now.conditions.unwrap().into_iter().map(|condition| condition.kind).collect();
        assert_eq!(kinds, ["Ready", "Active", "Fallback", "Paused", "HPAActive"], "ST-01");
    }
}

/// ST-08, ST-10, ST-11, FB-14, SO-02
#[test]
fn figures_follow_what_is_known() {
    let with = ReconcilePart { fallback_after: Some(3), original: Some(9), ..reconciled() };
    let first = status(&Status::default(), &reconciled(), None);
    assert_eq!(first.original_replica_count, Some(2));
    let mut many = trigger("s0-a", false, Some("down"));
    many.failures = 500;
    let now = status(&first, &with, Some(found(vec![many, trigger("s1-b", true, None)])));
    assert_eq!(now.original_replica_count, Some(2), "written once");
    let health = now.health.clone().unwrap();
    assert_eq!(health["s0-a"].number_of_failures, Some(4), "beyond the threshold it does not grow");
    assert_eq!(health["s1-b"].status.as_deref(), Some("Happy"));
    assert_eq!(now.triggers_activity.clone().unwrap()["s1-b"].is_active, Some(true));
    let fewer = ReconcilePart { external_metrics: vec!["s0-a".into()], ..with };
    let after = status(&now, &fewer, None);
    assert_eq!(after.health.unwrap().keys().collect::<Vec<_>>(), ["s0-a"]);
    assert_eq!(after.triggers_activity.unwrap().keys().collect::<Vec<_>>(), ["s0-a"]);
}

#[test]
fn the_same_again_is_the_same() {
    let findings = || found(vec![trigger("s0-a", true, None), trigger("s1-b", false, Some("down"))]);
    let first = status(&Status::default(), &reconciled(), Some(findings()));
    assert_eq!(status(&first, &reconciled(), Some(findings())), first);
}

#[test]
fn times_never_go_back_and_are_written_to_the_second() {
    let at = |millis| Some(Timestamp::from_millis(millis));
    let first = later(None, at(5_999)).unwrap();
    assert_eq!(first.0.as_millisecond(), 5_000);
    assert_eq!(later(Some(&first), at(3_000)), Some(first.clone()));
    assert_eq!(later(Some(&first), None), Some(first.clone()));
    assert_eq!(later(Some(&first), at(7_000)).unwrap().0.as_millisecond(), 7_000);
}

/// FB-23: health says nothing of other conditions
#[test]
fn health_leaves_conditions_alone() {
    let with = ReconcilePart { fallback_after: Some(3), ..reconciled() };
    let one = |failures: u32| {
        let mut failing = trigger("s0-a", false, Some("down"));
        failing.failures = failures;
        found(vec![failing, trigger("s1-b", false, None)])
    };
    let before = status(&Status::default(), &with, Some(one(1)));
    let after = status(&before, &with, Some(one(2)));
    assert_ne!(before.health, after.health);
    assert_eq!(before.conditions, after.conditions);
}
