//! What triggers ask their sources, counted for the page of metrics.

use std::sync::Arc;

use tidegate_console::{CallOf, Store};
use tidegate_scalers::{HttpCall, ReadObserver, TriggerName};

/// Tells the store of the console.
pub(super) struct ToCalls(pub(super) Arc<Store>);

impl ReadObserver for ToCalls {
    fn http(&self, call: &HttpCall<'_>) {
        self.0.http_call(&of(call.name), call.status, call.took);
    }

    fn empty_answer(&self, name: &TriggerName, ignored: bool) {
        self.0.empty_answer(&of(name), ignored);
    }
}

fn of(name: &TriggerName) -> CallOf<'_> {
    CallOf {
        namespace: &name.namespace,
        scaled_object: &name.scaled_object,
        kind: &name.kind,
        trigger: &name.trigger,
        metric: &name.metric,
    }
}
