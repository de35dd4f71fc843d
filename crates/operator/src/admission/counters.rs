//! What the webhook counts, under KEDA's names.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use crate::serve::{count, family, sample};

#[derive(Debug, Default)]
struct Counts {
    reviews: BTreeMap<(String, &'static str), u64>,
    errors: BTreeMap<(String, &'static str, &'static str), u64>,
}

/// Validations of ScaledObjects and ScaledJobs so far.
#[derive(Debug, Default)]
pub(super) struct Counters(Mutex<Counts>);

impl Counters {
    /// One validation. `action`: `create` or `update`; `reasons`: why it was refused, if it was.
    pub(super) fn add(&self, namespace: &str, action: &'static str, reasons: impl Iterator<Item = &'static str>) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *counts.reviews.entry((namespace.to_owned(), action)).or_default() += 1;
        for reason in reasons {
            *counts.errors.entry((namespace.to_owned(), action, reason)).or_default() += 1;
        }
    }

    pub(super) fn write(&self, page: &mut String) {
        let counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let name = "keda_webhook_scaled_object_validations_total";
        family(page, name, "counter", "Validations by the webhook.");
        for ((namespace, action), number) in &counts.reviews {
            sample(page, name, &[("namespace", namespace), ("action", action)], count(*number));
        }
        let name = "keda_webhook_scaled_object_validation_errors_total";
        family(page, name, "counter", "Faults that the webhook found, by their reason.");
        for ((namespace, action, reason), number) in &counts.errors {
            let labels = [("namespace", namespace.as_str()), ("action", action), ("reason", reason)];
            sample(page, name, &labels, count(*number));
        }
    }
}
