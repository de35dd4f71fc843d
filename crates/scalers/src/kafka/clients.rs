//! The clusters in use, shared by all triggers of the process.

/// All Kafka connections of a process: one for each broker and identity. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct KafkaClients {}
