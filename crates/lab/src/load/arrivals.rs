//! The open model: iterations start by the clock, however slow the broker is.

use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::sync::CancellationToken;

use super::observe::{OBSERVE_EVERY, Watch};
use super::plan::Plan;
use super::sender::Sender;
use crate::scenario::Arrivals;

/// Iterations are started in batches this far apart.
const TICK: Duration = Duration::from_millis(5);
/// No plan shows records for this long: the next one is a new beginning, of which the observer hears at once.
const LULL: Duration = Duration::from_secs(1);

/// Starts what is due until the plan ends or `stop`. Returns how many came due.
pub(super) async fn run(arrivals: &Arrivals, sender: &Sender, watch: &Watch, stop: &CancellationToken) -> u64 {
    let plan = Plan::of(arrivals);
    let start = Instant::now();
    let mut ticks = tokio::time::interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let (mut handled, mut last_sent, mut next_report) = (0, None::<Instant>, start);
    loop {
        tokio::select! {
            biased;
            () = stop.cancelled() => return handled,
            _ = ticks.tick() => {}
        }
        let elapsed = start.elapsed();
        let due = plan.due(elapsed);
        let now = Instant::now();
        if due > handled && last_sent.is_none_or(|last| now - last > LULL) {
            watch.report(plan.value_at(elapsed));
        }
        if due > handled {
            start_iterations(due - handled, arrivals.pool.max, sender, watch);
            handled = due;
            last_sent = Some(now);
        }
        if now >= next_report {
            watch.report(plan.value_at(elapsed));
            next_report = now + OBSERVE_EVERY;
        }
        if elapsed >= plan.duration() {
            return handled;
        }
    }
}

fn start_iterations(count: u64, most_in_flight: u32, sender: &Sender, watch: &Watch) {
    for started in 0..count {
        let free = sender.counts.in_flight() < u64::from(most_in_flight);
        if !(free && sender.send()) {
            watch.drop_iterations(count - started);
            return;
        }
    }
}
