//! A driver for traces: virtual seconds, sources that follow a script, replicas that change at once.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use tidegate_engine::checker::Follower;
use tidegate_engine::{
    Case, Command, Engine, Event, Policy, ReadError, Reading, Record, SavedState, TargetId, Timestamp, Workload, decide,
};

use crate::cases::NOW;

/// What a trigger's source says at a moment: its index and the time since the start.
pub(crate) type Script<'a> = &'a dyn Fn(usize, Duration) -> Result<Reading, ReadError>;

pub(crate) struct Bench<'a> {
    engine: Engine,
    policy: Arc<Policy>,
    script: Script<'a>,
    target: TargetId,
    follower: Follower,
    /// Time since the start.
    pub(crate) now: Duration,
    wake: Option<Timestamp>,
    saved: Option<SavedState>,
    pub(crate) replicas: u32,
    pub(crate) records: Vec<Arc<Record>>,
    /// The replicas at each change, the first ones included.
    pub(crate) path: Vec<u32>,
    /// What the checker found, and what a second tick did.
    pub(crate) faults: Vec<String>,
    pub(crate) reads: usize,
}

impl<'a> Bench<'a> {
    pub(crate) fn new(policy: Policy, replicas: u32, script: Script<'a>) -> Self {
        let policy = Arc::new(policy);
        let mut follower = Follower::new();
        follower.policy(Arc::clone(&policy));
        let mut bench = Bench {
            engine: Engine::new(),
            policy,
            script,
            target: TargetId::new("default", "worker"),
            follower,
            now: Duration::ZERO,
            wake: None,
            saved: None,
            replicas,
            records: Vec::new(),
            path: vec![replicas],
            faults: Vec::new(),
            reads: 0,
        };
        // A past that is known and empty, so that the first count found is no recommendation.
        bench.begin(Some(SavedState::default()));
        bench
    }

    fn begin(&mut self, restored: Option<SavedState>) {
        let policy = Arc::clone(&self.policy);
        self.tell(Event::PolicyChanged { target: self.target.clone(), policy, restored });
        self.observe();
    }

    /// The process ends in order, and another begins with what it left behind.
    pub(crate) fn restart(&mut self) {
        let saved = self.engine.saved_state(&self.target);
        self.again_with(saved.unwrap_or_default());
    }

    /// The process is killed, and another begins with what was saved last and the number of the last record.
    pub(crate) fn kill(&mut self) {
        let last = self.records.last().map_or(0, |record| record.sequence);
        let saved = self.saved.clone().unwrap_or_default();
        // What it did not save of its windows is gone.
        self.follower.forget();
        self.again_with(SavedState { sequence: saved.sequence.max(last), ..saved });
    }

    fn again_with(&mut self, saved: SavedState) {
        let saved = serde_json::from_str(&serde_json::to_string(&saved).unwrap()).unwrap();
        self.engine = Engine::new();
        self.wake = None;
        self.begin(Some(saved));
    }

    /// Lets `span` pass, waking the engine whenever it asked for it.
    pub(crate) fn pass(&mut self, span: Duration) {
        let end = self.now + span;
        while let Some(wake) = self.wake {
            let due = (NOW + self.now).max(wake).since(NOW);
            if due > end {
                break;
            }
            assert!(self.records.len() < 1_000_000, "the engine never rests");
            self.now = due;
            self.wake = None;
            self.tell(Event::Tick);
        }
        self.now = end;
    }

    fn observe(&mut self) {
        let workload = Ok(Workload::settled(self.replicas));
        self.tell(Event::WorkloadObserved { target: self.target.clone(), workload });
    }

    /// Hands over an event, and then the answers to all that it leads to, in order.
    fn tell(&mut self, event: Event) {
        let mut events = VecDeque::from([event]);
        while let Some(event) = events.pop_front() {
            let tick = matches!(event, Event::Tick);
            let twin = self.twin(&event);
            let commands = self.engine.handle(event, NOW + self.now);
            if tick {
                self.tick_again();
            }
            if let Some(twin) = twin {
                self.compare(&twin, &commands);
            }
            for command in commands {
                self.carry_out(command, &mut events);
            }
        }
    }

    /// What an engine that was restarted just now would decide on a reading: the case made of what is saved. For one
    /// trigger only, since readings are not saved; and not within the instant of another decision, of which only the
    /// engine that made it knows that the later stands for both.
    fn twin(&self, event: &Event) -> Option<Record> {
        let Event::ReadingArrived { outcome, .. } = event else { return None };
        let same_instant = self.records.last().is_some_and(|last| last.at == NOW + self.now);
        if self.policy.triggers.len() != 1 || same_instant {
            return None;
        }
        let case = Case {
            target: self.target.clone(),
            policy: Arc::clone(&self.policy),
            workload: Ok(Workload::settled(self.replicas)),
            readings: vec![Some(outcome.clone())],
            history: self.engine.saved_state(&self.target)?,
        };
        Some(decide(&case, NOW + self.now))
    }

    fn compare(&mut self, twin: &Record, commands: &[Command]) {
        let told = |record: &Record| {
            let steps: Vec<String> = record.steps.iter().map(|s| format!("{} {}→{}", s.rule, s.from, s.to)).collect();
            format!("{} {} {}", record.desired_replicas, record.active, steps.join(", "))
        };
        for command in commands {
            let Command::Emit(record) = command else { continue };
            if told(record) != told(twin) {
                let fault = format!("record {}: {}; restarted: {}", record.sequence, told(record), told(twin));
                self.faults.push(fault);
            }
        }
    }

    /// A second tick at the same time has nothing to say.
    fn tick_again(&mut self) {
        let again = self.engine.handle(Event::Tick, NOW + self.now);
        if !again.iter().all(|command| matches!(command, Command::WakeAt(_))) {
            self.faults.push(format!("a second tick after {:?} commands {again:?}", self.now));
        }
    }

    fn carry_out(&mut self, command: Command, answers: &mut VecDeque<Event>) {
        let target = self.target.clone();
        match command {
            Command::Read { trigger, read, .. } => {
                self.reads += 1;
                let outcome = (self.script)(trigger, self.now);
                answers.push_back(Event::ReadingArrived { target, trigger, read, outcome });
            }
            Command::SetReplicas { replicas, change, .. } => {
                self.replicas = replicas;
                self.path.push(replicas);
                let workload = Ok(Workload::settled(replicas));
                answers.push_back(Event::ScaleFinished { target: target.clone(), change, outcome: Ok(()) });
                answers.push_back(Event::WorkloadObserved { target, workload });
            }
            Command::Emit(record) => {
                let found = self.follower.follow(&record);
                self.faults.extend(found.iter().map(|finding| format!("record {}: {finding}", record.sequence)));
                self.records.push(record);
            }
            Command::Save { state, .. } => self.saved = Some(state),
            Command::WakeAt(at) => self.wake = Some(at),
        }
    }

    /// Every record as a line of JSON.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.records.iter().map(|record| serde_json::to_string(record).unwrap()).collect()
    }
}
