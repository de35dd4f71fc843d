//! Expressions and their occurrences, most of them against a plain search through every minute.

use expect_test::{Expect, expect};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use proptest::prelude::*;

use super::Schedule;

fn next(expression: &str, zone: &str, now: &str) -> String {
    let zone = TimeZone::get(zone).unwrap();
    let next = Schedule::parse(expression).unwrap().next(now.parse().unwrap(), &zone);
    next.map_or("never".to_owned(), |next| next.to_string())
}

#[test]
fn occurrences_are_strictly_later() {
    assert_eq!(next("0 6 * * *", "UTC", "2026-03-01T05:59:59.999Z"), "2026-03-01T06:00:00Z");
    assert_eq!(next("0 6 * * *", "UTC", "2026-03-01T06:00:00Z"), "2026-03-02T06:00:00Z");
    assert_eq!(next("* * * * *", "UTC", "2026-03-01T06:00:00Z"), "2026-03-01T06:01:00Z");
    assert_eq!(next("59 23 31 12 *", "UTC", "2026-12-31T23:59:00Z"), "2027-12-31T23:59:00Z");
}

#[test]
fn a_zone_shifts_the_day() {
    assert_eq!(next("0 0 * * *", "Asia/Kolkata", "2026-06-01T12:00:00Z"), "2026-06-01T18:30:00Z");
    assert_eq!(next("0 9 * * mon", "Pacific/Auckland", "2026-06-05T00:00:00Z"), "2026-06-07T21:00:00Z");
}

#[test]
fn a_day_that_never_comes() {
    assert_eq!(next("0 0 31 2 *", "UTC", "2026-01-01T00:00:00Z"), "never");
    assert_eq!(next("0 0 29 2 *", "UTC", "2026-01-01T00:00:00Z"), "2028-02-29T00:00:00Z");
    // 2100 is no leap year: from March 2096 on, the next one is eight years away and so beyond the horizon.
    assert_eq!(next("0 0 29 2 *", "UTC", "2096-03-01T00:00:00Z"), "never");
    assert_eq!(next("0 0 29 2 *", "UTC", "2099-01-01T00:00:00Z"), "2104-02-29T00:00:00Z");
}

#[test]
fn star_rule_of_days() {
    // 2026-06-01 is a Monday. Both must match when one of the two is a plain star, otherwise one is enough.
    assert_eq!(next("0 0 15 * mon", "UTC", "2026-06-01T00:00:00Z"), "2026-06-08T00:00:00Z");
    assert_eq!(next("0 0 15 * *", "UTC", "2026-06-01T00:00:00Z"), "2026-06-15T00:00:00Z");
    assert_eq!(next("0 0 * * tue", "UTC", "2026-06-01T00:00:00Z"), "2026-06-02T00:00:00Z");
    assert_eq!(next("0 0 ? * tue", "UTC", "2026-06-01T00:00:00Z"), "2026-06-02T00:00:00Z");
    // A stepped star is no star: the 3rd is odd although it is no Monday.
    assert_eq!(next("0 0 */2 * mon", "UTC", "2026-06-01T00:00:00Z"), "2026-06-03T00:00:00Z");
    assert_eq!(next("0 0 */1 * sat", "UTC", "2026-06-01T00:00:00Z"), "2026-06-06T00:00:00Z");
}

#[test]
fn daylight_saving() {
    // New York, 2026-03-08: 02:00 to 03:00 is skipped, so 02:30 does not happen that day.
    assert_eq!(next("30 2 * * *", "America/New_York", "2026-03-08T05:00:00Z"), "2026-03-09T06:30:00Z");
    // New York, 2026-11-01: 01:00 to 02:00 comes twice, so 01:30 happens twice.
    assert_eq!(next("30 1 * * *", "America/New_York", "2026-11-01T04:00:00Z"), "2026-11-01T05:30:00Z");
    assert_eq!(next("30 1 * * *", "America/New_York", "2026-11-01T05:30:00Z"), "2026-11-01T06:30:00Z");
    assert_eq!(next("30 1 * * *", "America/New_York", "2026-11-01T06:30:00Z"), "2026-11-02T06:30:00Z");
    // Lord Howe moves by half an hour.
    assert_eq!(next("45 1 * * *", "Australia/Lord_Howe", "2026-04-04T14:00:00Z"), "2026-04-04T14:45:00Z");
    assert_eq!(next("45 1 * * *", "Australia/Lord_Howe", "2026-04-04T14:45:00Z"), "2026-04-04T15:15:00Z");
    // Midnight itself is skipped in Beirut on 2026-03-29.
    assert_eq!(next("0 0 * * *", "Asia/Beirut", "2026-03-28T12:00:00Z"), "2026-03-29T21:00:00Z");
}

fn refusal(expression: &str, expected: Expect) {
    expected.assert_eq(&Schedule::parse(expression).unwrap_err());
}

#[test]
fn refusals_name_the_field() {
    refusal("* * * *", expect!["five fields (minute hour day-of-month month day-of-week) where there are 4"]);
    refusal("0 * * * * *", expect!["five fields (minute hour day-of-month month day-of-week) where there are 6"]);
    refusal(
        "@daily",
        expect!["five fields: minute hour day-of-month month day-of-week; words as @daily are not known"],
    );
    refusal("60 * * * *", expect![[r#"in the minute, values from 0 to 59 where "60" goes beyond"#]]);
    refusal(
        "* 22-2 * * *",
        expect![[r#"in the hour, a range that does not wrap where "22-2" begins after its end; write two ranges"#]],
    );
    refusal("* * 0 * *", expect![[r#"in the day of month, values from 1 to 31 where "0" goes beyond"#]]);
    refusal("* * L * *", expect![[r#"in the day of month, a number where "L" is"#]]);
    refusal("* * * foo *", expect![[r#"in the month, a number or a name as dec where "foo" is"#]]);
    refusal("* * * * 7", expect![[r#"in the day of week, values from 0 to 6 (Sunday is 0) where "7" goes beyond"#]]);
    refusal("*/0 * * * *", expect![[r#"in the minute, a step from 1 on after the / of "*/0""#]]);
    refusal(", * * * *", expect![[r#"in the minute, at least one value where "," has none"#]]);
    refusal("TZ=UTC", expect!["an expression after the time zone"]);
}

#[test]
fn names_steps_and_zones() {
    assert_eq!(Schedule::parse("0 0 1 JAN,jul Mon-FRI"), Schedule::parse("0 0 1 1,7 1-5"));
    assert_eq!(Schedule::parse("5/20 0 * * *"), Schedule::parse("5,25,45 0 * * *"));
    assert_eq!(Schedule::parse("10-20/5 0 * * *"), Schedule::parse("10,15,20 0 * * *"));
    assert_eq!(Schedule::parse("TZ=Asia/Tokyo 0 6 * * *").unwrap().zone(), Some("Asia/Tokyo"));
    assert_eq!(Schedule::parse("CRON_TZ=UTC 0 6 * * *").unwrap().zone(), Some("UTC"));
}

/// Every minute, one by one: what `next` must agree with.
fn search(schedule: &Schedule, now: Timestamp, zone: &TimeZone, minutes: usize) -> Option<Timestamp> {
    let mut instant = Timestamp::from_second(now.as_second().div_euclid(60) * 60).unwrap();
    for _ in 0..minutes {
        instant += 1.minute();
        let local = zone.to_datetime(instant);
        let shown = schedule.minutes.has(local.minute()) && schedule.hours.has(local.hour());
        if shown && schedule.months.has(local.month()) && schedule.day_matches(local.date()) {
            return Some(instant);
        }
    }
    None
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever the expression, the zone and the time: the next occurrence is the first later minute whose local time
    /// matches.
    #[test]
    fn next_is_the_first_matching_minute(
        minute in prop_oneof![Just("*".to_owned()), Just("*/7".to_owned()), (0..60_u8).prop_map(|m| m.to_string())],
        hour in prop_oneof![Just("*".to_owned()), Just("1-3".to_owned()), (0..24_u8).prop_map(|h| h.to_string())],
        day in prop_oneof![Just("*"), Just("1,15"), Just("*/3")],
        weekday in prop_oneof![Just("*"), Just("mon-fri"), Just("0")],
        zone in prop_oneof![Just("UTC"), Just("America/New_York"), Just("Australia/Lord_Howe"), Just("Asia/Beirut")],
        // The weeks around the changes of the clock in spring and autumn of 2026.
        now in prop_oneof![1_772_000_000_i64..1_775_900_000, 1_792_600_000_i64..1_794_000_000],
        millis in 0_i32..1000,
    ) {
        let schedule = Schedule::parse(&format!("{minute} {hour} {day} * {weekday}")).unwrap();
        let now = Timestamp::new(now, millis * 1_000_000).unwrap();
        let zone = TimeZone::get(zone).unwrap();
        let minutes = 60 * 24 * 10;
        let next = schedule.next(now, &zone);
        match search(&schedule, now, &zone, minutes) {
            Some(found) => prop_assert_eq!(next, Some(found)),
            None => prop_assert!(next.is_none_or(|next| next > now + (i64::try_from(minutes).unwrap() - 1).minutes())),
        }
    }
}
