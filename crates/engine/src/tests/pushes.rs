//! Sources that say by themselves that there is work, or what their activity is.

use super::flow::Flow;
use super::{Ask, NOW, outage, policy, seconds};
use crate::{
    Command, Event, Formula, FormulaPolicy, MetricTarget, Pause, Policy, ReadError, Reading, Rule, Timestamp, explain,
};

fn push(flow: &mut Flow) {
    flow.send(Event::Activated { target: flow.id.clone(), trigger: 0 });
}

/// At rest since a reading of zero, twelve seconds ago.
fn at_rest(policy: Policy) -> Flow {
    let mut flow = Flow::new(policy, 0);
    flow.answer(Ok(0.0));
    flow.nothing_more();
    flow.now = flow.now + seconds(12);
    flow
}

/// EXT-04.
#[test]
fn a_push_wakes_at_once_and_lasts_until_the_next_reading() {
    let mut flow = at_rest(policy(0, 10, 1));
    push(&mut flow);
    let (replicas, change) = flow.change();
    assert_eq!((replicas, flow.last().bound_by, flow.last().active), (1, Rule::Activation, true));
    assert_eq!(flow.last().last_active, Some(flow.now));
    let text = explain(flow.last());
    assert!(text.contains("because the source of s0 said that there is work"), "{text}");
    flow.finish(change, Ok(()));
    // The reading that it asked for says otherwise: cooling from the push on.
    flow.answer(Ok(0.0));
    assert_eq!((flow.last().active, flow.last().desired_replicas, flow.last().bound_by), (false, 1, Rule::Cooldown));
}

#[test]
fn a_push_repeated_makes_no_second_decision() {
    let mut flow = at_rest(policy(0, 10, 1));
    push(&mut flow);
    let made = flow.records.len();
    push(&mut flow);
    assert_eq!(flow.records.len(), made);
}

/// POL-12
#[test]
fn a_reading_that_was_asked_for_before_does_not_contradict_a_push() {
    let mut flow = at_rest(policy(0, 10, 1));
    flow.wake();
    let (trigger, read, _) = flow.read();
    flow.now = flow.now + seconds(1);
    push(&mut flow);
    let (_, change) = flow.change();
    flow.finish(change, Ok(()));
    let outcome = Ok(Reading::of(0.0, flow.now));
    flow.send(Event::ReadingArrived { target: flow.id.clone(), trigger, read, outcome });
    assert!(flow.last().active && flow.last().readings[0].pushed, "it was under way when the source spoke");
    flow.wake();
    flow.answer(Ok(0.0));
    assert!(!flow.last().active, "the next one was not");
}

#[test]
fn a_push_counts_while_nothing_else_is_known() {
    let mut flow = Flow::new(policy(0, 10, 1), 0);
    flow.answer(Err(outage()));
    flow.now = flow.now + seconds(12);
    push(&mut flow);
    assert_eq!(flow.change().0, 1);
}

#[test]
fn a_push_counts_beside_a_formula_and_under_pauses_does_nothing() {
    let formula = FormulaPolicy {
        formula: Formula::compile("a", &["a"]).unwrap(),
        target: MetricTarget::AverageValue(10.0),
        activation: 5.0,
    };
    let mut named = policy(0, 10, 1);
    named.triggers[0].name = Some("a".into());
    let mut flow = at_rest(Policy { formula: Some(formula), ..named });
    push(&mut flow);
    assert_eq!(flow.change().0, 1);
    let mut flow = at_rest(Policy { pause: Pause { scale_out: true, ..Pause::default() }, ..policy(0, 10, 1) });
    push(&mut flow);
    assert!(!flow.commands.iter().any(|command| matches!(command, Command::SetReplicas { .. })));
}

#[test]
fn what_a_source_says_of_its_activity_wins_over_its_value() {
    let ask = |active: bool, value: f64, current: u32| {
        let reading = Reading { active: Some(active), ..Reading::of(value, NOW) };
        let mut ask = Ask::new(policy(0, 10, 1), current);
        ask.0.readings.push(Some(Ok(reading)));
        ask
    };
    let record = ask(true, 0.0, 0).gives(1, Rule::Activation);
    assert!(explain(&record).contains("the source of s0 says that there is work"));
    ask(false, 50.0, 0).gives(0, Rule::Activation);
    ask(false, 50.0, 2).gives(0, Rule::Activation);
    ask(true, 50.0, 2).gives(4, Rule::ScaleUpPolicy);
}

/// The trigger's reads from here on, by seconds after the start.
fn wanted(flow: &mut Flow, at: u64) {
    let by = NOW + seconds(at);
    flow.send(Event::ReadWanted { target: flow.id.clone(), trigger: 0, by });
}

#[test]
fn a_wanted_reading_comes_between_polls_and_not_beside_them() {
    let mut flow = Flow::new(policy(0, 10, 1), 0);
    flow.answer(Ok(0.0));
    let poll = flow.wake.unwrap();
    let before = poll.since(NOW).as_secs();
    // Just after a poll, or just before one: nothing.
    flow.send(Event::ReadWanted { target: flow.id.clone(), trigger: 0, by: NOW });
    flow.nothing_more();
    flow.send(Event::ReadWanted {
        target: flow.id.clone(),
        trigger: 0,
        by: poll + std::time::Duration::from_millis(500),
    });
    assert_eq!(flow.wake, Some(poll));
    // Between them: one more.
    let middle = before / 2;
    assert!(middle >= 2, "the slots of this source leave room");
    wanted(&mut flow, middle);
    assert_eq!(flow.wake, Some(NOW + seconds(middle)));
    extra_reads(&mut flow, NOW, poll, &Ok(0.0));
    assert_eq!(flow.wake, Some(poll), "the poll comes when it was due");
}

/// Wakes and answers until no read between polls is left; says when each was, in milliseconds after `since`.
fn extra_reads(flow: &mut Flow, since: Timestamp, before: Timestamp, outcome: &Result<f64, ReadError>) -> Vec<u128> {
    let mut made = Vec::new();
    while flow.wake.is_some_and(|wake| wake < before) {
        flow.wake();
        if flow.commands.is_empty() {
            continue;
        }
        made.push(flow.now.since(since).as_millis());
        flow.answer(outcome.clone());
    }
    made
}

/// An hour between polls, so that only wanted readings are in the way.
fn rarely_polled() -> (Flow, Timestamp) {
    let mut rare = policy(0, 10, 1);
    rare.triggers[0].polling_interval = seconds(3600);
    let mut flow = Flow::new(rare, 0);
    flow.answer(Ok(0.0));
    let poll = flow.wake.unwrap();
    assert!(poll.since(NOW) > seconds(180), "the slots of this source leave room");
    (flow, poll)
}

#[test]
fn whoever_is_late_finds_a_value_that_is_not_much_older_for_it() {
    let (mut flow, poll) = rarely_polled();
    wanted(&mut flow, 15);
    let made = extra_reads(&mut flow, NOW, poll, &Ok(0.0));
    assert_eq!(made[..8], [15_000, 16_500, 18_000, 19_500, 21_000, 22_500, 24_000, 26_000]);
    for pair in made.windows(2) {
        let late = pair[1] - made[0];
        let age = pair[1] - pair[0];
        assert!(age <= 1_500 || age * 4 <= late, "a value of {age} ms for a question that is {late} ms late");
    }
    let last = made.last().unwrap() - made[0];
    assert!((60_000..80_000).contains(&last), "then nobody is expected any more: {last} ms");
}

#[test]
fn whoever_came_is_read_for_no_more_until_they_are_expected_again() {
    let (mut flow, poll) = rarely_polled();
    wanted(&mut flow, 15);
    flow.wake();
    flow.answer(Ok(0.0));
    flow.now = flow.now + std::time::Duration::from_millis(600);
    wanted(&mut flow, 30);
    flow.now = NOW + seconds(29);
    assert_eq!(extra_reads(&mut flow, NOW, poll, &Ok(0.0))[..2], [30_000, 31_500]);
    // Somebody else who asks in between does not put off what the first one expects.
    flow.now = flow.now + seconds(10);
    let now = flow.now.since(NOW).as_secs();
    wanted(&mut flow, now + 5);
    wanted(&mut flow, now + 9);
    assert_eq!(flow.wake, Some(NOW + seconds(now + 5)));
}

/// FB-03.
#[test]
fn a_wanted_reading_that_fails_counts_for_nothing() {
    let mut flow = Flow::new(policy(0, 10, 1), 2);
    flow.answer(Ok(20.0));
    let (made, poll) = (flow.records.len(), flow.wake.unwrap());
    wanted(&mut flow, 3);
    assert!(!extra_reads(&mut flow, NOW, poll, &Err(outage())).is_empty());
    assert_eq!(flow.records.len(), made, "nothing was learned");
    flow.wake();
    flow.answer(Err(outage()));
    assert_eq!(flow.last().readings[0].failures, 1, "the poll's failure is the first");
}

#[test]
fn a_wanted_reading_that_a_breaker_refuses_is_no_failure() {
    let mut flow = Flow::new(policy(0, 10, 1), 0);
    for _ in 0..3 {
        flow.answer(Err(outage()));
        flow.wake();
    }
    let failures = flow.last().readings[0].failures;
    flow.commands.clear();
    flow.now = flow.now + seconds(2);
    let by = flow.now;
    flow.send(Event::ReadWanted { target: flow.id.clone(), trigger: 0, by });
    flow.nothing_more();
    assert_eq!(flow.last().readings[0].failures, failures);
}
