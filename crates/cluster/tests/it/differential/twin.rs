//! The engine in the controller's place: look by look it is told the same, and may come to what the controller comes to.
//!
//! Nobody can see when exactly the controller took the time of a look. It is after it had its last answer, and so long
//! before its next question as it waits between two looks. Where an age is that near to the end of a window or period,
//! both sides of it are tried: the controller's count has to be one of those that the engine then comes to.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use tidegate_engine::{
    Command, Engine, Event, Policy, ReadError, Reading, Recommendation, Record, SavedState, ScaleEvent, TargetId,
    Timestamp, Workload, explain,
};

use super::policies::{longest, periods, windows};

/// More than two instants may be apart that our clock, the controller's and their rounding take for one.
const ROUNDING: Duration = Duration::from_millis(5);

/// Ways to take the times of one look; beyond that nothing is said of it.
const MOST_WAYS: usize = 512;

/// Not earlier than the first, not later than the second.
pub(crate) type Between = (Timestamp, Timestamp);

/// What the controller knew at a look.
#[derive(Clone, Debug)]
pub(crate) struct Look {
    pub(crate) workload: Workload,
    /// By trigger.
    pub(crate) readings: Vec<Result<Reading, ReadError>>,
    pub(crate) when: Between,
}

/// What came of a comparison.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Same,
    /// The same, as an age near to an end, or an event that the controller may have forgotten, is taken.
    SameEitherWay,
    /// Too many ages were near to an end.
    Unclear,
    Apart(String),
}

struct Entry<T> {
    when: Between,
    what: T,
    /// The controller may have overwritten it.
    forgotten: bool,
}

/// Recommendations and changes of one object so far.
pub(crate) struct Twin {
    policy: Arc<Policy>,
    recommended: Vec<Entry<u32>>,
    changed: Vec<Entry<(u32, u32)>>,
}

/// One of the ways to take an entry: its time, or not at all.
type Way = Option<Timestamp>;

impl Twin {
    /// The controller takes the count that it finds first for a recommendation.
    pub(crate) fn new(policy: Arc<Policy>, found: u32, when: Between) -> Self {
        let first = Entry { when, what: found, forgotten: false };
        Twin { policy, recommended: vec![first], changed: Vec::new() }
    }

    /// `found` is what the controller made of it.
    pub(crate) fn compare(&mut self, look: &Look, found: u32) -> Verdict {
        let plain: Vec<Way> = self.entries().map(|(when, _, _)| Some(when.0)).collect();
        let (count, state, record) = self.ask(look, &plain);
        let verdict = if count == found { Verdict::Same } else { self.explained(look, found, &record) };
        let newest = state.recommendations.last().filter(|newest| newest.at == look.when.0);
        self.recommended.extend(newest.map(|newest| Entry {
            when: look.when,
            what: newest.replicas,
            forgotten: false,
        }));
        if found != look.workload.replicas {
            self.remember(look.when, look.workload.replicas, found);
        }
        verdict
    }

    fn explained(&self, look: &Look, found: u32, record: &Record) -> Verdict {
        let ways: Vec<Vec<Way>> =
            self.entries().map(|(when, spans, forgotten)| ways(when, look.when, &spans, forgotten)).collect();
        let count = ways.iter().try_fold(1_usize, |all, ways| all.checked_mul(ways.len()));
        if count.is_none_or(|count| count > MOST_WAYS) {
            return Verdict::Unclear;
        }
        let mut counts = BTreeSet::new();
        for mut number in 0..count.unwrap_or(1) {
            let chosen = ways.iter().map(|ways| {
                let way = ways[number % ways.len()];
                number /= ways.len();
                way
            });
            counts.insert(self.ask(look, &chosen.collect::<Vec<_>>()).0);
        }
        if counts.contains(&found) {
            return Verdict::SameEitherWay;
        }
        let recommended = show(&self.recommended, look.when);
        let changed = show(&self.changed, look.when);
        Verdict::Apart(format!(
            "the controller made it {found}, the engine {counts:?}\nrecommended before:{recommended}\nchanged before:{changed}\n\
             {:#?}\n{}",
            self.policy,
            explain(record)
        ))
    }

    /// All that happened, with the windows or periods that look at it, and whether it may be forgotten.
    fn entries(&self) -> impl Iterator<Item = (Between, Vec<Duration>, bool)> {
        let (windows, periods) = (windows(&self.policy), periods(&self.policy));
        let recommended = self.recommended.iter().map(move |entry| (entry.when, windows.clone(), entry.forgotten));
        recommended.chain(self.changed.iter().map(move |entry| (entry.when, periods.clone(), entry.forgotten)))
    }

    /// A new engine that is told all at once, with the past as `ways` take it, oldest first.
    fn ask(&self, look: &Look, ways: &[Way]) -> (u32, SavedState, Arc<Record>) {
        let (first, rest) = ways.split_at(self.recommended.len());
        let mut state = SavedState::default();
        for (entry, way) in self.recommended.iter().zip(first) {
            state.recommendations.extend(way.map(|at| Recommendation { at, replicas: entry.what }));
        }
        for (entry, way) in self.changed.iter().zip(rest) {
            state.scaled.extend(way.map(|at| ScaleEvent { at, from: entry.what.0, to: entry.what.1 }));
        }
        ask(&self.policy, state, look)
    }

    /// The controller keeps the changes of each direction by themselves. One that is older than the longest period of its
    /// direction makes room for the next, though the other direction's policies may still reach back to it. Without a
    /// behaviour it keeps none.
    fn remember(&mut self, when: Between, from: u32, to: u32) {
        if self.policy.behavior.is_none() {
            return;
        }
        let out = to > from;
        let [longest_out, longest_in] = longest(&self.policy);
        let own = if out { longest_out } else { longest_in };
        for past in self.changed.iter_mut().filter(|past| (past.what.1 > past.what.0) == out) {
            past.forgotten |= when.1.since(past.when.0) + ROUNDING >= own;
        }
        self.changed.push(Entry { when, what: (from, to), forgotten: false });
        let oldest = when.0 - longest_out.max(longest_in) * 3;
        self.changed.retain(|past| past.when.1 > oldest);
    }

    /// Drops recommendations that no window reaches any more.
    pub(crate) fn forget(&mut self, now: Timestamp) {
        let Some(longest) = windows(&self.policy).into_iter().max() else { return };
        let oldest = now - longest * 2;
        self.recommended.retain(|past| past.when.1 > oldest);
    }
}

/// The ways to take something that happened at `past`, for a look at `now`: its age may lie on either side of a span.
fn ways(past: Between, now: Between, spans: &[Duration], forgotten: bool) -> Vec<Way> {
    let youngest = now.0.since(past.1);
    let oldest = now.1.since(past.0);
    let near = |span: &&Duration| **span + ROUNDING >= youngest && **span <= oldest + ROUNDING;
    let mut ways: BTreeSet<Way> = spans
        .iter()
        .filter(near)
        .flat_map(|span| [now.0 - *span, now.0 - *span + Duration::from_millis(1)])
        .map(Some)
        .collect();
    ways.insert(Some(past.0));
    if forgotten && spans.iter().any(|span| youngest <= *span) {
        ways.insert(None);
    }
    ways.into_iter().collect()
}

fn ask(policy: &Arc<Policy>, state: SavedState, look: &Look) -> (u32, SavedState, Arc<Record>) {
    let (mut engine, now) = (Engine::new(), look.when.0);
    let target = TargetId::new("differential", "toy");
    let policy = Arc::clone(policy);
    let mut events = vec![
        // Decided on last, when every reading is there.
        Event::WorkloadObserved { target: target.clone(), workload: Ok(look.workload) },
        Event::PolicyChanged { target: target.clone(), policy, restored: Some(state) },
    ];
    let (mut count, mut records, mut read_of) = (look.workload.replicas, Vec::new(), BTreeMap::new());
    while let Some(event) = events.pop() {
        for command in engine.handle(event, now) {
            match command {
                Command::Read { trigger, read, .. } => {
                    read_of.insert(trigger, read);
                    let outcome = look.readings[trigger].clone();
                    events.push(Event::ReadingArrived { target: target.clone(), trigger, read, outcome });
                }
                Command::SetReplicas { target, replicas, change } => {
                    count = replicas;
                    events.push(Event::ScaleFinished { target, change, outcome: Ok(()) });
                }
                Command::Emit(record) => records.push(record),
                Command::Save { .. } | Command::WakeAt(_) => {}
            }
        }
    }
    assert_eq!(read_of.len(), look.readings.len(), "each is read at each look");
    assert_eq!(records.len(), 1, "a look is one decision");
    let record = records.remove(0);
    assert_eq!(tidegate_engine::check(&record), [], "{}", explain(&record));
    (count, engine.saved_state(&target).unwrap(), record)
}

fn show<T: std::fmt::Debug>(entries: &[Entry<T>], now: Between) -> String {
    let one = |entry: &Entry<T>| {
        let (young, old) = (now.0.since(entry.when.1), now.1.since(entry.when.0));
        let forgotten = if entry.forgotten { " (perhaps forgotten)" } else { "" };
        format!(" {:?} {young:?} to {old:?} ago{forgotten};", entry.what)
    };
    entries.iter().map(one).collect()
}
