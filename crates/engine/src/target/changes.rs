//! What becomes of a change that was commanded, and of a target that is removed.

use std::sync::Arc;

use super::{Change, Context, Observed, Target};
use crate::event::{Command, ScaleEvent, Workload};
use crate::policy::Mode;
use crate::reading::ReadError;
use crate::reason::{Reason, Rule};
use crate::record::{Cause, Outcome, Step};
use crate::recorder;
use crate::schedule;

impl Target {
    /// Takes the answer to a change.
    pub(crate) fn finish_change(&mut self, answered: u64, outcome: Result<(), ReadError>, context: &mut Context<'_>) {
        let Change::InFlight { change, from, to, at, executor, outdated, seen } = self.change.clone() else { return };
        if change != answered {
            return;
        }
        match outcome {
            Ok(()) => {
                self.change = Change::None;
                self.change_failures = 0;
                if let Observed::Known(workload) = &mut self.observed {
                    *workload = Workload { replicas: to, ..*workload };
                }
                if !executor {
                    self.remember_move(ScaleEvent { at, from, to });
                }
                self.save_now = true;
                if outdated && !self.leaving {
                    self.decide(Cause::ScaleFinished { error: None }, context);
                }
            }
            Err(error) => self.change_failed(error, seen, context),
        }
    }

    pub(super) fn change_failed(&mut self, error: ReadError, seen: Option<Workload>, context: &mut Context<'_>) {
        self.change_failures = self.change_failures.saturating_add(1);
        let retry_at = context.now + schedule::retry_pause(self.change_failures, self.seed);
        self.change = Change::Failed { retry_at };
        if let (Observed::Known(workload), Some(seen)) = (&mut self.observed, seen) {
            *workload = seen;
        }
        if !self.leaving {
            self.decide(Cause::ScaleFinished { error: Some(error) }, context);
        }
    }

    /// Puts the original count back if asked to. Whether it may be forgotten now.
    pub(crate) fn leave(&mut self, context: &mut Context<'_>) -> bool {
        self.leaving = true;
        if matches!(self.change, Change::InFlight { .. }) && self.policy.restore_original {
            return false;
        }
        let (Some(original), Some(workload)) = (self.original, self.last_known()) else { return true };
        if !self.policy.restore_original || workload.replicas == original {
            return true;
        }
        self.sequence += 1;
        let advised = self.policy.mode == Mode::Shadow;
        let reason = Reason::Original { replicas: original };
        let step = Step { rule: Rule::RestoreOriginal, from: workload.replicas, to: original, reason };
        let record = recorder::bare(
            self,
            context,
            Cause::Removed,
            vec![step],
            if advised { Outcome::Advised } else { Outcome::Scaled },
        );
        context.commands.push(Command::Emit(Arc::new(record)));
        if !advised {
            let target = self.id.clone();
            context.commands.push(Command::SetReplicas { target, replicas: original, change: self.sequence });
        }
        true
    }
}
