//! What goes into [`Engine::handle`](crate::Engine::handle) and what comes out.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::policy::{Policy, TargetId};
use crate::reading::{ReadError, Reading};
use crate::record::Record;
use crate::time::{ShiftBack, Timestamp};

/// Something that happened. Closed: a driver can send nothing else.
#[derive(Clone, Debug)]
pub enum Event {
    /// A ScaledObject was added or changed.
    PolicyChanged {
        /// Which.
        target: TargetId,
        /// What it asks for now.
        policy: Arc<Policy>,
        /// What an earlier process saved of it; looked at only when the target is new to this engine. `None`: nothing is
        /// known of its past, so the count found first also counts as a recommendation, as the HPA does it, and a fresh
        /// start changes nothing before the scale-in window has passed.
        restored: Option<SavedState>,
    },
    /// A ScaledObject is gone. The original count is put back if it asked for that.
    TargetRemoved {
        /// Which.
        target: TargetId,
    },
    /// The answer to [`Command::Read`].
    ReadingArrived {
        /// Whose.
        target: TargetId,
        /// The trigger's index in the policy.
        trigger: usize,
        /// The number from the command; answers to an older policy are dropped by it.
        read: u64,
        /// What the source said.
        outcome: Result<Reading, ReadError>,
    },
    /// A source that pushes says that there is work, between two readings. Until the trigger's next reading it counts
    /// as active; that reading is asked for at once.
    Activated {
        /// Whose.
        target: TargetId,
        /// The trigger's index in the policy.
        trigger: usize,
    },
    /// Somebody will soon want to know a trigger's value: it is read not later than `by`, between two polls if none is
    /// due just before. Until it is wanted again it is read a few times more, less and less often, so that whoever
    /// comes late finds no value that is much older for it. Costs nothing where a read is under way or was made
    /// within the last second; and where it fails, what was read before stands until the next poll.
    ReadWanted {
        /// Whose.
        target: TargetId,
        /// The trigger's index in the policy.
        trigger: usize,
        /// By when the read is to be asked for.
        by: Timestamp,
    },
    /// The workload's counts, whenever they were looked at or changed.
    WorkloadObserved {
        /// Whose.
        target: TargetId,
        /// The counts, or why they cannot be known.
        workload: Result<Workload, ReadError>,
    },
    /// The answer to [`Command::SetReplicas`].
    ScaleFinished {
        /// Whose.
        target: TargetId,
        /// The `change` of the command.
        change: u64,
        /// Whether it was done.
        outcome: Result<(), ReadError>,
    },
    /// The time asked for by [`Command::WakeAt`] has come (or any other time; a tick never does harm).
    Tick,
}

/// The counts of a workload.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Workload {
    /// Asked for: `scale.spec.replicas`.
    pub replicas: u32,
    /// Existing: `scale.status.replicas`. The HPA's AverageValue arithmetic uses this.
    pub current: u32,
    /// Running and ready. The HPA's Value arithmetic uses this.
    pub ready: u32,
    /// Pods known to be busy; never scaled below. `None`: not known.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub busy: Option<u32>,
}

impl Workload {
    /// All of `replicas` exist and are ready.
    #[must_use]
    pub fn settled(replicas: u32) -> Self {
        Workload { replicas, current: replicas, ready: replicas, busy: None }
    }
}

/// Something the driver has to do.
#[derive(Clone, Debug)]
pub enum Command {
    /// Read this trigger and answer with [`Event::ReadingArrived`].
    Read {
        /// Whose.
        target: TargetId,
        /// The trigger's index in the policy.
        trigger: usize,
        /// To be repeated in the answer.
        read: u64,
        /// An answer after this is a time-out.
        deadline: Timestamp,
    },
    /// Set the workload's replicas and answer with [`Event::ScaleFinished`].
    SetReplicas {
        /// Whose.
        target: TargetId,
        /// To how many.
        replicas: u32,
        /// To be repeated in the answer; equal to the sequence number of the record that explains it.
        change: u64,
    },
    /// A decision was made; keep and show its record.
    Emit(Arc<Record>),
    /// Keep this across restarts. Sent at once before a change and when a restart without it could go wrong, and for
    /// what only prolongs windows and cooldowns no more often than every ten seconds or polling interval.
    Save {
        /// Whose.
        target: TargetId,
        /// What.
        state: SavedState,
    },
    /// Send [`Event::Tick`] at this time. A later command replaces an earlier one.
    WakeAt(Timestamp),
}

/// What must survive a restart so that it changes no replica count by itself (promise 8).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct SavedState {
    /// The count found when the target was first seen.
    pub original_replicas: Option<u32>,
    /// When a trigger was last active.
    pub last_active: Option<Timestamp>,
    /// Wanted counts before stabilization, oldest first, as far back as the longest window.
    pub recommendations: Vec<Recommendation>,
    /// Changes made, oldest first, as far back as the longest policy period.
    pub scaled: Vec<ScaleEvent>,
    /// Failed reads in a row, by trigger index.
    pub failures: Vec<u32>,
    /// The last record's sequence number. Saved less often than records are written: a driver that keeps the records
    /// restores the higher of this and the last record's own.
    pub sequence: u64,
}

/// One recommendation before stabilization.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recommendation {
    /// When it was made.
    pub at: Timestamp,
    /// How many it wanted.
    pub replicas: u32,
}

/// One change of the replica count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScaleEvent {
    /// When it was made.
    pub at: Timestamp,
    /// From how many.
    pub from: u32,
    /// To how many.
    pub to: u32,
}

impl ShiftBack for Recommendation {
    fn shift_back(&mut self, by: Duration) {
        self.at.shift_back(by);
    }
}

impl ShiftBack for ScaleEvent {
    fn shift_back(&mut self, by: Duration) {
        self.at.shift_back(by);
    }
}

impl SavedState {
    /// Without times after `now`: the clock was set back while nobody looked, and what happened happened before now.
    pub(crate) fn not_after(mut self, now: Timestamp) -> Self {
        self.last_active = self.last_active.map(|at| at.min(now));
        self.recommendations.iter_mut().for_each(|past| past.at = past.at.min(now));
        self.scaled.iter_mut().for_each(|past| past.at = past.at.min(now));
        self
    }
}
