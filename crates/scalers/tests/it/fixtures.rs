//! What the behaviour suite must know of a trigger type beyond its row: how a good trigger looks, and which wrong answers
//! its source can give. One file each; a row without one fails the suite.

mod cron;
mod external;
mod kafka;
mod kubernetes_workload;
mod metrics_api;
mod prometheus;
mod resource;

use std::collections::BTreeMap;

use tidegate_scalers::{Secret, TriggerInput};

use crate::server::Fault;

/// One trigger type's part in the suite.
pub struct Fixture {
    /// The first name in its row.
    pub name: &'static str,
    /// Good triggers that read from `host:port`, the plainest first. Together they should use every way to authenticate,
    /// with [`crate::watch::CANARY`] for every secret.
    pub good: fn(&str) -> Vec<TriggerInput>,
    /// Wrong answers of its source, none of which may become a number. `None`: it has no source.
    pub faults: Option<fn() -> Vec<Fault>>,
}

/// All of them.
pub const ALL: &[Fixture] = &[
    cron::FIXTURE,
    external::FIXTURE,
    kafka::FIXTURE,
    kubernetes_workload::FIXTURE,
    metrics_api::FIXTURE,
    prometheus::FIXTURE,
    resource::FIXTURE,
];

/// A trigger with this metadata and these authentication parameters.
pub fn input(kind: &str, metadata: &[(&str, &str)], auth: &[(&str, &str)]) -> TriggerInput {
    let metadata = metadata.iter().map(|&(name, text)| (name.to_owned(), text.to_owned()));
    let auth = auth.iter().map(|&(name, text)| (name.to_owned(), Secret::new(text)));
    TriggerInput {
        kind: kind.to_owned(),
        namespace: "shop".to_owned(),
        scaled_object: "orders".to_owned(),
        metadata: metadata.collect::<BTreeMap<_, _>>(),
        auth: auth.collect(),
        ..TriggerInput::default()
    }
}
