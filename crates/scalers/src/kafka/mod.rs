//! Kafka lag in bulk.
//!
//! One connection for each broker and identity serves all triggers. A pass reads the committed offsets of many groups
//! in one request a coordinator, then the end offsets of all their partitions in one request a leader, so connections
//! and requests grow with brokers and not with triggers.

mod address;
mod clients;
mod cluster;
mod connection;
pub(crate) mod fault;
pub(crate) mod gather;
pub(crate) mod lag;
pub(crate) mod parameters;
pub(crate) mod pass;
mod pool;
pub(crate) mod progress;
mod reader;
pub(crate) mod reading;
mod replies;
mod sasl;
mod settings;
mod stream;
mod tail;
pub(crate) mod tls;
mod versions;
mod wire;

pub use address::BrokerAddress;
pub use clients::KafkaClients;
pub use reader::{GroupLag, LagQuery, LagReader, LagReport, PartitionLag};
pub use settings::{ClientCertificate, ConnectionSettings, Login, OauthSettings, Sasl, TlsSettings, TokenSource};
