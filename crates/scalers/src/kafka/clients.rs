//! The clusters in use, shared by all triggers of the process.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, Weak};

use crate::egress::{AllowedHosts, Egress};
use crate::kafka::gather::Source;
use crate::kafka::pool::lock;
use crate::kafka::settings::ConnectionSettings;

/// All Kafka connections of a process: one for each broker and identity. Cheap to clone; clones share.
#[derive(Clone, Debug, Default)]
pub struct KafkaClients {
    sources: Arc<Mutex<HashMap<Identity, Weak<Source>>>>,
}

/// Who connects as whom: the settings, and the only hosts that the credentials may go to.
type Identity = ([u8; 32], Option<Arc<AllowedHosts>>);

impl KafkaClients {
    /// The source for these settings; made at the first call and dropped, with its connections, after its last user.
    /// All users of one such set are bound by the same policy.
    pub(crate) fn source(&self, settings: &ConnectionSettings, egress: &Egress) -> Arc<Source> {
        let mut sources = lock(&self.sources);
        sources.retain(|_, source| source.strong_count() > 0);
        let identity = (settings.identity(), egress.allowed().cloned());
        if let Some(source) = sources.get(&identity).and_then(Weak::upgrade) {
            return source;
        }
        let source = Arc::new(Source::new(settings.clone(), egress.clone()));
        sources.insert(identity, Arc::downgrade(&source));
        source
    }
}
