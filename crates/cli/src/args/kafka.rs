//! How to reach a Kafka cluster; shared by `lag`, `produce` and `consume`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

/// Address and credentials. Passwords come from files or the environment, never from the command line, where every
/// user of the machine can read them. Certificates may come from the environment too, as a pod gets them from a Secret.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Kafka")]
pub(crate) struct KafkaArgs {
    /// Brokers to ask first, HOST:PORT, separated by commas
    #[arg(short, long, value_name = "LIST", env = "KAFKA_BOOTSTRAP_SERVERS")]
    pub(crate) bootstrap_servers: String,
    /// How to log in
    #[arg(long, value_enum, default_value_t)]
    pub(crate) sasl: Sasl,
    /// User name (OAUTHBEARER: the client's id)
    #[arg(long, value_name = "NAME", env = "TIDEGATE_KAFKA_USERNAME")]
    pub(crate) username: Option<String>,
    /// File with the password (OAUTHBEARER: the client's secret); or TIDEGATE_KAFKA_PASSWORD
    #[arg(long, value_name = "FILE")]
    pub(crate) password_file: Option<PathBuf>,
    /// Where OAUTHBEARER gets its tokens
    #[arg(long, value_name = "URL")]
    pub(crate) oauth_token_endpoint: Option<String>,
    /// Scopes asked for with the token, separated by commas
    #[arg(long, value_name = "LIST")]
    pub(crate) oauth_scopes: Option<String>,
    /// Use TLS (implied by the options below)
    #[arg(long)]
    pub(crate) tls: bool,
    /// File with the certificate authorities to trust, PEM; or their text in TIDEGATE_KAFKA_CA [default: the public ones]
    #[arg(long, value_name = "FILE")]
    pub(crate) ca_file: Option<PathBuf>,
    /// File with the client's certificate, PEM; or its text in TIDEGATE_KAFKA_CERT
    #[arg(long, value_name = "FILE", requires = "key_file")]
    pub(crate) cert_file: Option<PathBuf>,
    /// File with the client's key, PEM; or its text in TIDEGATE_KAFKA_KEY; its password in TIDEGATE_KAFKA_KEY_PASSWORD
    #[arg(long, value_name = "FILE", requires = "cert_file")]
    pub(crate) key_file: Option<PathBuf>,
    /// Do not verify the brokers' certificates
    #[arg(long)]
    pub(crate) unsafe_ssl: bool,
}

/// Ways to log in, by KEDA's names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
pub(crate) enum Sasl {
    /// Not at all
    #[default]
    None,
    /// SASL PLAIN
    Plaintext,
    /// SCRAM-SHA-256
    #[value(name = "scram_sha256")]
    ScramSha256,
    /// SCRAM-SHA-512
    #[value(name = "scram_sha512")]
    ScramSha512,
    /// OAUTHBEARER
    Oauthbearer,
}
