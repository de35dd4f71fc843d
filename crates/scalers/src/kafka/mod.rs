//! Kafka lag in bulk.
//!
//! One connection for each broker and identity serves all triggers. A pass reads the committed offsets of many groups
//! in one request a coordinator, then the end offsets of all their partitions in one request a leader, so connections
//! and requests grow with brokers and not with triggers.

mod address;
mod clients;
mod reader;
mod settings;
pub(crate) mod tls;

pub use address::BrokerAddress;
pub use clients::KafkaClients;
pub use reader::{GroupLag, LagQuery, LagReader, LagReport, PartitionLag};
pub use settings::{ClientCertificate, ConnectionSettings, Login, OauthSettings, Sasl, TlsSettings, TokenSource};
