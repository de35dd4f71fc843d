//! How to reach a Kafka: addresses, encryption, credentials; and the librdkafka clients made from them.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use rdkafka::ClientContext;
use rdkafka::client::OAuthToken;
use rdkafka::config::ClientConfig;
use rdkafka::consumer::ConsumerContext;
use rdkafka::error::RDKafkaErrorCode;

/// A value that is never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Sensitive(Arc<str>);

impl Sensitive {
    /// Hides `value`.
    pub fn new(value: impl Into<Arc<str>>) -> Self {
        Sensitive(value.into())
    }

    /// The value itself; for handing on to a client, never for printing.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Sensitive {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("<hidden>")
    }
}

/// Everything needed to connect. Made by whoever reads manifests; nothing in here is looked up any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KafkaSettings {
    /// `host:port`, several separated by commas.
    pub bootstrap_servers: String,
    /// User and password or token. `None`: no SASL.
    pub sasl: Option<Sasl>,
    /// Encryption. `None`: plain text.
    pub tls: Option<Tls>,
}

impl KafkaSettings {
    /// Plain text, no credentials.
    #[must_use]
    pub fn plaintext(bootstrap_servers: impl Into<String>) -> Self {
        KafkaSettings { bootstrap_servers: bootstrap_servers.into(), sasl: None, tls: None }
    }

    /// Kafka's `security.protocol`.
    #[must_use]
    pub fn security_protocol(&self) -> &'static str {
        match (&self.sasl, &self.tls) {
            (None, None) => "plaintext",
            (None, Some(_)) => "ssl",
            (Some(_), None) => "sasl_plaintext",
            (Some(_), Some(_)) => "sasl_ssl",
        }
    }

    /// librdkafka's configuration, with the connection's part filled in.
    pub(crate) fn client_config(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        config
            .set("bootstrap.servers", &self.bootstrap_servers)
            .set("security.protocol", self.security_protocol())
            .set("client.id", "tidegate")
            // Errors reach us through the context; nothing is printed by the library.
            .set("log.connection.close", "false")
            .set("reconnect.backoff.ms", "50")
            .set("reconnect.backoff.max.ms", "1000");
        if let Some(sasl) = &self.sasl {
            config.set("sasl.mechanism", sasl.mechanism());
            if let Some((username, password)) = sasl.user() {
                config.set("sasl.username", username).set("sasl.password", password.expose());
            }
        }
        if let Some(tls) = &self.tls {
            tls.apply(&mut config);
        }
        config
    }

    /// The context that its clients run in.
    pub(crate) fn context(&self) -> Context {
        let token = match &self.sasl {
            Some(Sasl::OauthBearer { token, principal }) => Some((token.clone(), principal.clone())),
            _ => None,
        };
        Context { token, errors: Arc::default() }
    }
}

/// SASL mechanisms.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sasl {
    /// `PLAIN`.
    Plain {
        /// User.
        username: String,
        /// Password.
        password: Sensitive,
    },
    /// `SCRAM-SHA-256`.
    ScramSha256 {
        /// User.
        username: String,
        /// Password.
        password: Sensitive,
    },
    /// `SCRAM-SHA-512`.
    ScramSha512 {
        /// User.
        username: String,
        /// Password.
        password: Sensitive,
    },
    /// `OAUTHBEARER` with a token that somebody else fetched.
    OauthBearer {
        /// The token.
        token: Sensitive,
        /// Whom it is for; sent beside the token.
        principal: String,
    },
}

impl Sasl {
    fn mechanism(&self) -> &'static str {
        match self {
            Sasl::Plain { .. } => "PLAIN",
            Sasl::ScramSha256 { .. } => "SCRAM-SHA-256",
            Sasl::ScramSha512 { .. } => "SCRAM-SHA-512",
            Sasl::OauthBearer { .. } => "OAUTHBEARER",
        }
    }

    fn user(&self) -> Option<(&str, &Sensitive)> {
        match self {
            Sasl::Plain { username, password }
            | Sasl::ScramSha256 { username, password }
            | Sasl::ScramSha512 { username, password } => Some((username, password)),
            Sasl::OauthBearer { .. } => None,
        }
    }
}

/// Encryption and client certificates, all in PEM.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tls {
    /// Certificates to trust in place of the system's.
    pub ca: Option<String>,
    /// Our certificate, for mTLS.
    pub certificate: Option<String>,
    /// Its key.
    pub key: Option<Sensitive>,
    /// What the key is encrypted with.
    pub key_password: Option<Sensitive>,
    /// Accept any certificate. Only when asked for.
    pub skip_verify: bool,
}

impl Tls {
    fn apply(&self, config: &mut ClientConfig) {
        if let Some(ca) = &self.ca {
            config.set("ssl.ca.pem", ca);
        }
        if let Some(certificate) = &self.certificate {
            config.set("ssl.certificate.pem", certificate);
        }
        if let Some(key) = &self.key {
            config.set("ssl.key.pem", key.expose());
        }
        if let Some(password) = &self.key_password {
            config.set("ssl.key.password", password.expose());
        }
        if self.skip_verify {
            config
                .set("enable.ssl.certificate.verification", "false")
                .set("ssl.endpoint.identification.algorithm", "none");
        }
    }
}

/// librdkafka's callbacks: hands out the token, keeps the last error so that a time-out can be explained.
#[derive(Clone)]
pub(crate) struct Context {
    token: Option<(Sensitive, String)>,
    errors: Arc<std::sync::Mutex<Option<String>>>,
}

impl Context {
    /// The last error a client reported, if any.
    pub(crate) fn last_error(&self) -> Option<String> {
        self.errors.lock().ok().and_then(|error| error.clone())
    }

    /// `fallback`, or better the last error.
    pub(crate) fn explain(&self, fallback: impl fmt::Display) -> String {
        self.last_error().unwrap_or_else(|| fallback.to_string())
    }
}

impl ClientContext for Context {
    const ENABLE_REFRESH_OAUTH_TOKEN: bool = true;

    fn log(&self, level: rdkafka::config::RDKafkaLogLevel, facility: &str, message: &str) {
        tracing::debug!(target: "rdkafka", ?level, facility, message);
    }

    fn error(&self, error: rdkafka::error::KafkaError, reason: &str) {
        tracing::debug!(target: "rdkafka", %error, reason);
        // That all brokers are down follows every other error and explains none.
        let vague = error.rdkafka_error_code() == Some(RDKafkaErrorCode::AllBrokersDown);
        if let Ok(mut last) = self.errors.lock()
            && !(vague && last.is_some())
        {
            *last = Some(reason.to_owned());
        }
    }

    fn generate_oauth_token(&self, _config: Option<&str>) -> Result<OAuthToken, Box<dyn Error>> {
        let (token, principal) = self.token.as_ref().ok_or("no OAUTHBEARER token was given")?;
        // A static token has no life time that we know; asked for again every hour it costs nothing.
        let lifetime = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?.as_millis() + 3_600_000;
        Ok(OAuthToken {
            token: token.expose().to_owned(),
            principal_name: principal.clone(),
            lifetime_ms: i64::try_from(lifetime)?,
        })
    }
}

impl ConsumerContext for Context {}

#[cfg(test)]
mod tests {
    use rdkafka::consumer::BaseConsumer;

    use super::*;

    fn user(sasl: fn(String, Sensitive) -> Sasl) -> KafkaSettings {
        let sasl = Some(sasl("reader".to_owned(), Sensitive::new("hunter2")));
        KafkaSettings { bootstrap_servers: "127.0.0.1:9".to_owned(), sasl, tls: Some(Tls::default()) }
    }

    #[test]
    fn every_mechanism_is_known_to_the_client_library() {
        for settings in [
            user(|username, password| Sasl::Plain { username, password }),
            user(|username, password| Sasl::ScramSha256 { username, password }),
            user(|username, password| Sasl::ScramSha512 { username, password }),
            user(|principal, token| Sasl::OauthBearer { token, principal }),
        ] {
            let client: Result<BaseConsumer<Context>, _> =
                settings.client_config().create_with_context(settings.context());
            assert!(client.is_ok(), "{:?}: {:?}", settings.sasl, client.err());
        }
    }

    #[test]
    fn no_secret_is_printed() {
        let settings = user(|username, password| Sasl::Plain { username, password });
        assert!(!format!("{settings:?}").contains("hunter2"));
    }

    #[test]
    fn the_protocol_follows_from_what_is_given() {
        let mut settings = user(|username, password| Sasl::Plain { username, password });
        assert_eq!(settings.security_protocol(), "sasl_ssl");
        settings.tls = None;
        assert_eq!(settings.security_protocol(), "sasl_plaintext");
        settings.sasl = None;
        assert_eq!(settings.security_protocol(), "plaintext");
    }
}
