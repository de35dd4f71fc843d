//! Carries out the engine's commands on a clock of its own.

use std::sync::Arc;
use std::time::Duration;

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use tidegate_engine::checker::Follower;
use tidegate_engine::{
    Command, Engine, Event, Outcome, Policy, ReadError, ReadErrorKind, Reading, Record, SavedState, Timestamp,
};

use crate::agenda::Agenda;
use crate::scenario::{Disturbance, Scenario};
use crate::trace::Trace;
use crate::world::World;

/// Runs a scenario from start to end. The same scenario gives the same trace.
#[must_use]
pub fn run(scenario: &Scenario) -> Trace {
    let mut run = Run::new(scenario);
    run.start();
    while let Some((due, what)) = run.agenda.next_before(scenario.lasts) {
        run.now = due;
        run.world.advance(due);
        run.happen(what);
    }
    run.finish()
}

/// Something planned.
#[derive(Debug)]
enum Happening {
    /// The time of the `n`th WakeAt has come; earlier ones are replaced.
    Wake(u64),
    /// A source answers to a process.
    Answer { life: u32, trigger: usize, read: u64, outcome: Answer },
    /// A change of the replicas is done.
    Scaled { life: u32, change: u64, replicas: u32 },
    /// A pod may have become ready.
    PodsMoved,
    /// A disturbance of the scenario, by its index.
    Disturbed(usize),
    /// Time for a sample.
    Sample,
}

#[derive(Debug)]
enum Answer {
    /// The source's value, as it was this long before it answered.
    True(Duration),
    Garbage,
    Error(ReadError),
}

struct Run<'a> {
    scenario: &'a Scenario,
    policy: Arc<Policy>,
    now: Duration,
    /// Milliseconds by which the clock was moved.
    clock: i64,
    agenda: Agenda<Happening>,
    engine: Engine,
    world: World<'a>,
    chance: ChaCha8Rng,
    follower: Follower,
    trace: Trace,
    saved: Option<SavedState>,
    wakes: u64,
    last_read: Duration,
    /// Counts the processes, so that nobody answers to a dead one.
    life: u32,
    scaling_fails_until: Duration,
    unknown_until: Duration,
    commands: Vec<Command>,
}

impl<'a> Run<'a> {
    fn new(scenario: &'a Scenario) -> Self {
        Run {
            scenario,
            policy: Arc::clone(&scenario.policy),
            now: Duration::ZERO,
            clock: 0,
            agenda: Agenda::new(),
            engine: Engine::new(),
            world: World::new(scenario),
            chance: ChaCha8Rng::seed_from_u64(scenario.seed),
            follower: Follower::new(),
            trace: Trace { seed: scenario.seed, lasts: scenario.lasts, ..Trace::default() },
            saved: None,
            wakes: 0,
            last_read: Duration::ZERO,
            life: 0,
            scaling_fails_until: Duration::ZERO,
            unknown_until: Duration::ZERO,
            commands: Vec::new(),
        }
    }

    fn start(&mut self) {
        for (index, planned) in self.scenario.disturbances.iter().enumerate() {
            self.agenda.plan(planned.after, Happening::Disturbed(index));
        }
        self.agenda.plan(Duration::ZERO, Happening::Sample);
        self.follower.policy(Arc::clone(&self.policy));
        self.begin(None);
    }

    fn finish(mut self) -> Trace {
        self.world.advance(self.scenario.lasts);
        self.end_quiet(self.scenario.lasts);
        self.trace.rebalances = self.world.rebalances();
        (self.trace.demand, self.trace.supply) = self.world.curves();
        self.trace
    }

    /// A time without reads is over. In a pause nothing is to be read, so none of that counts.
    fn end_quiet(&mut self, now: Duration) {
        if !self.policy.pause.is_full() {
            self.trace.quiet = self.trace.quiet.max(now - self.last_read);
        }
        self.last_read = now;
    }

    /// What the clock says.
    fn clock(&self) -> Timestamp {
        Timestamp::from_millis((self.scenario.start + self.now).as_millis() + self.clock)
    }

    /// A process begins.
    fn begin(&mut self, restored: Option<SavedState>) {
        self.life += 1;
        self.wakes += 1;
        self.engine = Engine::new();
        let target = self.scenario.target.clone();
        let policy = Arc::clone(&self.policy);
        self.tell(Event::PolicyChanged { target, policy, restored });
        self.observe();
    }

    fn observe(&mut self) {
        let workload = if self.now < self.unknown_until {
            Err(ReadError::new(ReadErrorKind::Unreachable, "the simulation does not tell"))
        } else {
            Ok(self.world.observed(self.now))
        };
        self.tell(Event::WorkloadObserved { target: self.scenario.target.clone(), workload });
    }

    /// Hands an event to the engine and carries out what it commands.
    fn tell(&mut self, event: Event) {
        let tick = matches!(event, Event::Tick);
        self.trace.events += 1;
        let at = self.clock();
        let mut commands = std::mem::take(&mut self.commands);
        self.engine.handle_into(event, at, &mut commands);
        if tick {
            self.second_tick(at);
        }
        for command in commands.drain(..) {
            self.carry_out(command);
        }
        self.commands = commands;
    }

    /// A second tick at the same time has nothing to say.
    fn second_tick(&mut self, at: Timestamp) {
        let again = self.engine.handle(Event::Tick, at);
        let news = again.iter().find(|command| !matches!(command, Command::WakeAt(_)));
        if let Some(news) = news {
            self.trace.faults.push(format!("a second tick at {at} commands {news:?}"));
        }
    }

    fn carry_out(&mut self, command: Command) {
        match command {
            Command::Read { trigger, read, deadline, .. } => self.read(trigger, read, deadline),
            Command::SetReplicas { replicas, change, .. } => self.set_replicas(replicas, change),
            Command::Emit(record) => self.emit(record),
            Command::Save { state, .. } => self.saved = Some(state),
            Command::WakeAt(at) => {
                self.wakes += 1;
                let due = self.now + at.since(self.clock());
                self.agenda.plan(due, Happening::Wake(self.wakes));
            }
        }
    }

    fn read(&mut self, trigger: usize, read: u64, deadline: Timestamp) {
        self.trace.reads += 1;
        self.end_quiet(self.now);
        let weather = &self.scenario.sources[trigger].1;
        let (fate, delay, twice) = weather.fate(self.now, &mut self.chance);
        let patience = deadline.since(self.clock());
        let outcome = |fate| match fate {
            crate::weather::Fate::Answer { old } => Some(Answer::True(old)),
            crate::weather::Fate::Garbage => Some(Answer::Garbage),
            crate::weather::Fate::Error(error) => Some(Answer::Error(error)),
            crate::weather::Fate::Lost => None,
        };
        let life = self.life;
        if delay > patience {
            let error = ReadError::new(ReadErrorKind::Timeout, "no answer in time");
            let outcome = Answer::Error(error);
            self.agenda.plan(self.now + patience, Happening::Answer { life, trigger, read, outcome });
            return;
        }
        let times = if twice { 2 } else { 1 };
        for time in 1..=times {
            if let Some(outcome) = outcome(fate.clone()) {
                let due = self.now + delay * time;
                self.agenda.plan(due, Happening::Answer { life, trigger, read, outcome });
            }
        }
    }

    fn set_replicas(&mut self, replicas: u32, change: u64) {
        let explained = self.trace.records.iter().rev().take(3).any(|record| {
            record.sequence == change && record.desired_replicas == replicas && record.result == Outcome::Scaled
        });
        if !explained {
            self.trace
                .faults
                .push(format!("{replicas} replicas were commanded by change {change}, which no record explains"));
        }
        let due = self.now + self.scenario.scaling_takes;
        self.agenda.plan(due, Happening::Scaled { life: self.life, change, replicas });
    }

    fn emit(&mut self, record: Arc<Record>) {
        let found = self.follower.follow(&record);
        self.trace.findings.extend(found.into_iter().map(|finding| (self.trace.records.len(), finding)));
        self.trace.records.push(record);
    }

    fn happen(&mut self, what: Happening) {
        match what {
            Happening::Wake(number) if number == self.wakes => self.tell(Event::Tick),
            Happening::Wake(_) => {}
            Happening::Answer { life, trigger, read, outcome } if life == self.life => {
                let outcome = self.reading(trigger, outcome);
                let target = self.scenario.target.clone();
                self.tell(Event::ReadingArrived { target, trigger, read, outcome });
            }
            Happening::Answer { .. } => {}
            Happening::Scaled { life, change, replicas } => self.scaled(life, change, replicas),
            Happening::PodsMoved => {
                self.world.pods_moved(self.now);
                self.observe();
            }
            Happening::Disturbed(index) => self.disturb(index),
            Happening::Sample => self.sample(),
        }
    }

    fn reading(&self, trigger: usize, answer: Answer) -> Result<Reading, ReadError> {
        let model = &self.scenario.sources[trigger].0;
        match answer {
            Answer::Error(error) => Err(error),
            Answer::Garbage => Ok(Reading::of(f64::NAN, self.clock())),
            Answer::True(old) => Ok(self.world.reading(model, self.now, old, self.clock())),
        }
    }

    /// The change reaches the workload even when the process that asked for it is gone.
    fn scaled(&mut self, life: u32, change: u64, replicas: u32) {
        let outcome = if self.now < self.scaling_fails_until {
            Err(ReadError::new(ReadErrorKind::Refused, "the simulation refuses"))
        } else {
            self.scale(replicas);
            Ok(())
        };
        if life == self.life {
            let target = self.scenario.target.clone();
            self.tell(Event::ScaleFinished { target, change, outcome });
        }
        self.observe();
    }

    fn scale(&mut self, replicas: u32) {
        let before = self.world.observed(self.now).replicas;
        if before != replicas {
            self.trace.changes.push((self.now, before, replicas));
        }
        self.world.scale(replicas, self.now);
        self.agenda.plan(self.now + self.scenario.start_up, Happening::PodsMoved);
    }

    fn disturb(&mut self, index: usize) {
        match self.scenario.disturbances[index].what.clone() {
            Disturbance::Restart => {
                let left = self.engine.saved_state(&self.scenario.target);
                self.begin(left);
            }
            Disturbance::Killed => {
                let last = self.trace.records.last().map_or(0, |record| record.sequence);
                let sequence = |state: SavedState| SavedState { sequence: state.sequence.max(last), ..state };
                let restored = self.saved.clone().map(sequence);
                // What it did not save of its windows is gone.
                self.follower.forget();
                self.begin(restored);
            }
            Disturbance::Amnesia => {
                self.follower.forget();
                self.saved = None;
                self.begin(None);
            }
            Disturbance::ClockJump(millis) => self.clock += millis,
            Disturbance::ScaledByOther(replicas) => {
                self.scale(replicas);
                self.observe();
            }
            Disturbance::PolicyEdited(policy) => {
                self.end_quiet(self.now);
                self.policy = Arc::clone(&policy);
                self.follower.policy(Arc::clone(&policy));
                let target = self.scenario.target.clone();
                self.tell(Event::PolicyChanged { target, policy, restored: None });
            }
            Disturbance::Crash(count) => {
                self.world.crash(count, self.now);
                self.agenda.plan(self.now + self.scenario.start_up, Happening::PodsMoved);
                self.observe();
            }
            Disturbance::ScalingFails(lasts) => self.scaling_fails_until = self.now + lasts,
            Disturbance::WorkloadUnknown(lasts) => {
                self.unknown_until = self.now + lasts;
                self.observe();
                self.agenda.plan(self.unknown_until, Happening::PodsMoved);
            }
            Disturbance::Tick => self.tell(Event::Tick),
        }
    }

    fn sample(&mut self) {
        self.trace.samples.push(self.world.sample(self.now));
        self.agenda.plan(self.now + self.scenario.sample_every, Happening::Sample);
    }
}
