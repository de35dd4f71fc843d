//! How many events one object may cause.

use std::collections::HashMap;
use std::time::Duration;

use tokio::time::Instant;

/// As many may come at once: a start says a few things for each trigger, and an incident some more.
const BURST: f64 = 25.0;

/// After this long one more may come.
const REFILL: Duration = Duration::from_secs(20);

/// From so many objects on, those with a full budget are forgotten; they are as good as new.
const SWEEP_ABOVE: usize = 4096;

/// A token bucket for each object.
#[derive(Debug, Default)]
pub(super) struct Budgets {
    objects: HashMap<String, (f64, Instant)>,
}

impl Budgets {
    /// Whether one more event about this object may be written, and if so takes it from the budget.
    pub(super) fn spend(&mut self, object: &str, now: Instant) -> bool {
        if self.objects.len() > SWEEP_ABOVE {
            self.objects.retain(|_, (left, at)| filled(*left, *at, now) < BURST);
        }
        let (left, at) = self.objects.entry(object.to_owned()).or_insert((BURST, now));
        *left = filled(*left, *at, now);
        *at = now;
        if *left < 1.0 {
            return false;
        }
        *left -= 1.0;
        true
    }
}

fn filled(left: f64, at: Instant, now: Instant) -> f64 {
    let gained = now.saturating_duration_since(at).as_secs_f64() / REFILL.as_secs_f64();
    (left + gained).min(BURST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_that_flaps_spends_its_own_budget_and_no_other() {
        let (mut budgets, start) = (Budgets::default(), Instant::now());
        let granted = (0..100).filter(|_| budgets.spend("flapping", start)).count();
        assert_eq!(granted, 25);
        assert!(budgets.spend("calm", start));
        assert!(!budgets.spend("flapping", start + REFILL / 2));
        assert!(budgets.spend("flapping", start + REFILL * 2));
    }
}
