//! What is counted for the page of metrics beside the live loop's own figures: the requests that triggers make, and the
//! objects that there are.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use tidegate_console::{CallOf, Store};
use tidegate_scalers::{HttpCall, ReadObserver, TriggerName};

use crate::credentials::Credentials;
use crate::serve::Series;
use crate::watches::Index;

/// Where KEDA counts objects that are in no namespace.
const NO_NAMESPACE: &str = "default";

/// Tells the console's store what triggers ask their sources.
pub(crate) struct ToCalls(pub(crate) Arc<Store>);

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

/// Counts the objects of each kind and namespace, those that cannot be served too.
pub(crate) struct Registered {
    pub(crate) index: Index,
    pub(crate) credentials: Credentials,
    pub(crate) console: Arc<Store>,
    counted: Mutex<Counts>,
}

type Counts = BTreeMap<(&'static str, String), usize>;

impl Registered {
    pub(crate) fn new(index: Index, credentials: Credentials, console: Arc<Store>) -> Self {
        Registered { index, credentials, console, counted: Mutex::default() }
    }

    fn count(&self) -> Counts {
        let mut counts = Counts::new();
        for id in self.index.ids() {
            *counts.entry(("scaled_object", id.namespace().to_owned())).or_default() += 1;
        }
        for key in self.credentials.authentications() {
            let place = match key.cluster {
                true => ("cluster_trigger_authentication", NO_NAMESPACE.to_owned()),
                false => ("trigger_authentication", key.namespace.clone()),
            };
            *counts.entry(place).or_default() += 1;
        }
        counts
    }
}

impl Series for Registered {
    /// The console's store writes them.
    fn write(&self, _page: &mut String) {}

    fn refresh(&self) {
        let now = self.count();
        let before = std::mem::replace(&mut *self.counted.lock().unwrap_or_else(PoisonError::into_inner), now.clone());
        let gone = before.into_keys().filter(|place| !now.contains_key(place)).map(|place| (place, 0));
        for ((kind, namespace), count) in now.clone().into_iter().chain(gone) {
            self.console.resources(kind, &namespace, count);
        }
    }
}
