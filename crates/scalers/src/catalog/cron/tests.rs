//! Metric names, activity over a day, and what is refused.

use std::time::Duration;

use expect_test::{Expect, expect};

use crate::{Clients, MetricType, TriggerInput, catalog};

fn input(timezone: &str, start: &str, end: &str, replicas: &str) -> TriggerInput {
    let pairs = [("timezone", timezone), ("start", start), ("end", end), ("desiredReplicas", replicas)];
    let metadata = pairs.into_iter().map(|(name, text)| (name.to_owned(), text.to_owned())).collect();
    TriggerInput { kind: "cron".to_owned(), metadata, ..TriggerInput::default() }
}

fn read(input: &TriggerInput, now: &str) -> (f64, Vec<String>) {
    let scaler = catalog::check(input).unwrap().connect(&Clients::new());
    // No timer and no socket is needed: the answer is there at the first poll.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let reading = runtime.block_on(scaler.read(now.parse().unwrap(), Duration::from_secs(1))).unwrap();
    (reading.value, reading.figures.unwrap().notes.clone())
}

#[test]
fn metric_names_are_those_of_keda() {
    let name = |index, start: &str, end: &str| {
        let input = TriggerInput { index, ..input("Etc/UTC", start, end, "1") };
        catalog::check(&input).unwrap().spec.metric
    };
    assert_eq!(name(0, "0 0 * * Thu", "59 23 * * Thu"), "s0-cron-Etc-UTC-00xxThu-5923xxThu");
    assert_eq!(name(1, "0 */2 * * *", "0-23/2 * * * *"), "s1-cron-Etc-UTC-0xSl2xxx-0-23Sl2xxxx");
    assert_eq!(name(2, "0,30 * * * *", "15,45 * * * *"), "s2-cron-Etc-UTC-0Cm30xxxx-15Cm45xxxx");
    assert_eq!(name(3, "0 6 ? * *", "0 9 ? * *"), "s3-cron-Etc-UTC-06Qmxx-09Qmxx");
}

#[test]
fn office_hours() {
    let input = input("Europe/Amsterdam", "0 8 * * mon-fri", "0 18 * * mon-fri", "10");
    let friday_noon = read(&input, "2026-01-09T11:00:00Z");
    assert_eq!(friday_noon.0, 10.0);
    expect![[r#"
        next start at 2026-01-12T07:00:00Z (08:00 in Europe/Amsterdam)
        next end at 2026-01-09T17:00:00Z (18:00 in Europe/Amsterdam)"#]]
    .assert_eq(&friday_noon.1.join("\n"));
    assert_eq!(read(&input, "2026-01-09T06:59:59.999Z").0, 0.0);
    assert_eq!(read(&input, "2026-01-09T07:00:00Z").0, 10.0);
    assert_eq!(read(&input, "2026-01-09T16:59:59.999Z").0, 10.0);
    assert_eq!(read(&input, "2026-01-09T17:00:00Z").0, 0.0);
    assert_eq!(read(&input, "2026-01-10T11:00:00Z").0, 0.0, "a Saturday");
}

#[test]
fn schedules_that_never_happen() {
    let at = "2026-01-09T11:00:00Z";
    assert_eq!(read(&input("UTC", "0 0 31 2 *", "0 18 * * *", "3"), at).0, 3.0, "no start: always active");
    assert_eq!(read(&input("UTC", "0 8 * * *", "0 0 31 2 *", "3"), at).0, 0.0, "no end: never active");
    assert_eq!(read(&input("UTC", "0 0 31 2 *", "0 0 30 2 *", "3"), at).0, 3.0, "neither: active");
    let warnings = catalog::check(&input("UTC", "0 0 31 2 *", "0 18 * * *", "3")).unwrap().warnings;
    assert_eq!(warnings[0].message, "matches no day within five years, so the trigger is always active");
}

#[test]
fn the_same_time_in_two_texts_is_always_active() {
    assert_eq!(read(&input("UTC", "0 8 * * *", "0 08 * * *", "3"), "2026-01-09T11:00:00Z").0, 3.0);
}

#[test]
fn a_zone_in_the_expression_counts_first() {
    // 08:00 in Tokyo is 23:00 in UTC of the day before.
    let input = input("UTC", "TZ=Asia/Tokyo 0 8 * * *", "TZ=Asia/Tokyo 0 9 * * *", "2");
    assert_eq!(read(&input, "2026-01-08T23:30:00Z").0, 2.0);
    assert_eq!(read(&input, "2026-01-08T08:30:00Z").0, 0.0);
}

#[test]
fn target_and_activation() {
    let mut input = input("UTC", "0 8 * * *", "0 9 * * *", "2");
    let spec = catalog::check(&input).unwrap().spec;
    assert_eq!(spec.target, tidegate_engine::MetricTarget::AverageValue(1.0));
    assert_eq!(spec.activation, 0.0);
    input.metric_type = Some(MetricType::Value);
    let checked = catalog::check(&input).unwrap();
    assert_eq!(checked.spec.target, tidegate_engine::MetricTarget::Value(1.0));
    assert!(checked.warnings[0].message.contains("grows to the maximum"));
}

fn refused(input: &TriggerInput, expected: Expect) {
    let problems = catalog::check(input).unwrap_err();
    let shown: Vec<_> = problems.iter().map(|problem| format!("{}: {}", problem.parameter, problem.message)).collect();
    expected.assert_eq(&shown.join("\n"));
}

#[test]
fn refusals() {
    refused(
        &input("Mars/Olympus", "0 8 * *", "0 9 * * *", "0"),
        expect![[r#"
        timezone: found "Mars/Olympus", expected the IANA name of a time zone, as Europe/Amsterdam or UTC
        start: found "0 8 * *", expected five fields (minute hour day-of-month month day-of-week) where there are 4
        desiredReplicas: found "0", expected 1 or more"#]],
    );
    refused(
        &input("UTC", "0 8 * * *", " 0 8 * * * ", "1"),
        expect![[r#"end: found the same expression as in "start", expected another time"#]],
    );
    refused(
        &input("", "TZ=Nowhere 0 8 * * *", "0 9 * * *", "ten"),
        expect![[r#"
        timezone: is required and absent: expected in metadata "timezone"
        start: found "TZ=Nowhere 0 8 * * *", expected the IANA name of a time zone, as Europe/Amsterdam or UTC
        desiredReplicas: found "ten", expected a whole number, as 10"#]],
    );
}
