//! Who to connect to, and as whom: everything that makes two triggers share a connection or not.

use std::collections::BTreeSet;
use std::fmt;

use sha2::{Digest, Sha256};

use crate::input::Problem;
use crate::kafka::address::BrokerAddress;
use crate::secret::Secret;

/// How to reach a Kafka cluster. Two triggers with equal settings share their connections.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectionSettings {
    /// Where to ask first; the cluster itself says where its other brokers are.
    pub bootstrap_servers: Vec<BrokerAddress>,
    /// How the client proves who it is.
    pub sasl: Sasl,
    /// `None`: plain TCP.
    pub tls: Option<TlsSettings>,
}

/// How a client proves who it is, besides by a TLS certificate.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub enum Sasl {
    /// Not at all.
    #[default]
    None,
    /// User name and password as they are.
    Plain(Login),
    /// A proof of the password (RFC 5802) with SHA-256.
    ScramSha256(Login),
    /// A proof of the password (RFC 5802) with SHA-512.
    ScramSha512(Login),
    /// A bearer token (RFC 7628).
    OauthBearer(OauthSettings),
}

impl Sasl {
    /// The mechanism's name on the wire; `None` without SASL.
    #[must_use]
    pub fn mechanism(&self) -> Option<&'static str> {
        match self {
            Sasl::None => None,
            Sasl::Plain(_) => Some("PLAIN"),
            Sasl::ScramSha256(_) => Some("SCRAM-SHA-256"),
            Sasl::ScramSha512(_) => Some("SCRAM-SHA-512"),
            Sasl::OauthBearer(_) => Some("OAUTHBEARER"),
        }
    }
}

/// A user name with its password.
#[derive(Clone, PartialEq, Eq)]
pub struct Login {
    /// The user's name.
    pub username: String,
    /// The password.
    pub password: Secret,
}

impl fmt::Debug for Login {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("[login]")
    }
}

/// Where a bearer token comes from and what goes with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OauthSettings {
    /// Where the token comes from.
    pub token: TokenSource,
    /// SASL extensions, as (`logicalCluster`, `lkc-1`).
    pub extensions: Vec<(String, String)>,
}

/// Where a bearer token comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TokenSource {
    /// Given as it is; whoever gave it renews it.
    Static(Secret),
    /// Asked for at a token endpoint by the client credentials grant (RFC 6749, section 4.4).
    ClientCredentials {
        /// The token endpoint.
        endpoint: String,
        /// The client's id and secret.
        client: Login,
        /// Scopes to ask for; none when empty.
        scopes: Vec<String>,
    },
}

/// How to encrypt, whom to trust, and the client's own certificate.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct TlsSettings {
    /// Certificates (PEM) of authorities to trust besides the system's.
    pub ca: Option<String>,
    /// The client's certificate and key.
    pub client: Option<ClientCertificate>,
    /// Accept any certificate whatsoever.
    pub skip_verify: bool,
}

/// A client's certificate with its key, for mutual TLS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientCertificate {
    /// The chain (PEM), the client's own first.
    pub chain: String,
    /// The key (PEM): PKCS#1, SEC1, PKCS#8 or encrypted PKCS#8.
    pub key: Secret,
    /// What decrypts the key.
    pub key_password: Option<Secret>,
}

impl ConnectionSettings {
    /// Plain TCP and no credentials.
    ///
    /// # Errors
    /// When `bootstrap_servers` is no comma-separated list of `host:port`.
    pub fn plain(bootstrap_servers: &str) -> Result<Self, String> {
        Ok(ConnectionSettings { bootstrap_servers: servers(bootstrap_servers)?, sasl: Sasl::None, tls: None })
    }

    /// From the parameters of a trigger of type `kafka` or `apache-kafka`. `find` gives a parameter's value from
    /// wherever it may stand, or nothing when it is absent or blank.
    ///
    /// # Errors
    /// Everything that is wrong.
    pub fn from_parameters(find: &dyn Fn(&str) -> Option<Secret>) -> Result<Self, Vec<Problem>> {
        let mut parse = Parse { find, problems: Vec::new() };
        let bootstrap_servers = parse.bootstrap_servers();
        let tls = parse.tls();
        let sasl = parse.sasl(tls.is_some());
        if parse.problems.is_empty() {
            Ok(ConnectionSettings { bootstrap_servers, sasl, tls })
        } else {
            Err(parse.problems)
        }
    }

    /// Equal for equal settings, different for different ones; says nothing about them.
    #[must_use]
    pub fn identity(&self) -> [u8; 32] {
        let mut hash = Hash(Sha256::new());
        for server in self.bootstrap_servers.iter().collect::<BTreeSet<_>>() {
            hash.put(&server.to_string());
        }
        hash.put(self.sasl.mechanism().unwrap_or(""));
        match &self.sasl {
            Sasl::None => {}
            Sasl::Plain(login) | Sasl::ScramSha256(login) | Sasl::ScramSha512(login) => hash.login(login),
            Sasl::OauthBearer(oauth) => hash.oauth(oauth),
        }
        hash.put(if self.tls.is_some() { "tls" } else { "plain" });
        if let Some(tls) = &self.tls {
            hash.put(if tls.skip_verify { "any" } else { "verified" });
            hash.put(tls.ca.as_deref().unwrap_or(""));
            if let Some(client) = &tls.client {
                hash.put(&client.chain);
                hash.put(client.key.expose());
                hash.put(client.key_password.as_ref().map_or("", Secret::expose));
            }
        }
        hash.0.finalize().into()
    }
}

/// Feeds texts to a hash with their lengths, so that ("a", "bc") and ("ab", "c") differ.
struct Hash(Sha256);

impl Hash {
    fn put(&mut self, text: &str) {
        self.0.update((text.len() as u64).to_be_bytes());
        self.0.update(text.as_bytes());
    }

    fn login(&mut self, login: &Login) {
        self.put(&login.username);
        self.put(login.password.expose());
    }

    fn oauth(&mut self, oauth: &OauthSettings) {
        match &oauth.token {
            TokenSource::Static(token) => self.put(token.expose()),
            TokenSource::ClientCredentials { endpoint, client, scopes } => {
                self.put(endpoint);
                self.login(client);
                scopes.iter().for_each(|scope| self.put(scope));
            }
        }
        for (name, value) in &oauth.extensions {
            self.put(name);
            self.put(value);
        }
    }
}

/// `host:port,host:port`, white space and empty parts ignored.
fn servers(text: &str) -> Result<Vec<BrokerAddress>, String> {
    let parse = |(place, part): (usize, &str)| part.parse().map_err(|error| format!("address {place}: {error}"));
    let found: Result<Vec<BrokerAddress>, String> =
        (1..).zip(text.split(',').map(str::trim).filter(|part| !part.is_empty())).map(parse).collect();
    match found {
        Ok(servers) if servers.is_empty() => Err("no address given; expected host:port,host:port".to_owned()),
        other => other,
    }
}

/// Reads settings from parameters and keeps everything that is wrong.
struct Parse<'a> {
    find: &'a dyn Fn(&str) -> Option<Secret>,
    problems: Vec<Problem>,
}

impl Parse<'_> {
    fn text(&self, name: &str) -> Option<String> {
        (self.find)(name).map(|value| value.expose().trim().to_owned()).filter(|value| !value.is_empty())
    }

    fn secret(&self, name: &str) -> Option<Secret> {
        (self.find)(name).filter(|value| !value.expose().trim().is_empty())
    }

    fn problem(&mut self, parameter: &str, message: impl Into<String>) {
        self.problems.push(Problem { parameter: parameter.to_owned(), message: message.into() });
    }

    fn flag(&mut self, name: &str) -> bool {
        match self.text(name).as_deref() {
            None | Some("0" | "f" | "F" | "FALSE" | "false" | "False") => false,
            Some("1" | "t" | "T" | "TRUE" | "true" | "True") => true,
            Some(other) => {
                let message = format!("found {other:?}, expected true or false");
                self.problem(name, message);
                false
            }
        }
    }

    fn bootstrap_servers(&mut self) -> Vec<BrokerAddress> {
        let Some(text) = self.text("bootstrapServers") else {
            self.problem("bootstrapServers", "missing; give the brokers' addresses as host:port,host:port");
            return Vec::new();
        };
        servers(&text).unwrap_or_else(|message| {
            self.problem("bootstrapServers", message);
            Vec::new()
        })
    }

    fn tls(&mut self) -> Option<TlsSettings> {
        let skip_verify = self.flag("unsafeSsl");
        match self.text("tls").as_deref() {
            None | Some("disable") => return None,
            Some("enable") => {}
            Some(other) => {
                let message = format!("found {other:?}, expected enable or disable");
                self.problem("tls", message);
                return None;
            }
        }
        let client = match (self.text("cert"), self.secret("key")) {
            (Some(chain), Some(key)) => {
                Some(ClientCertificate { chain, key, key_password: self.secret("keyPassword") })
            }
            (None, None) => None,
            (Some(_), None) => {
                self.problem("key", "missing although cert is given; give both, or neither");
                None
            }
            (None, Some(_)) => {
                self.problem("cert", "missing although key is given; give both, or neither");
                None
            }
        };
        let tls = TlsSettings { ca: self.text("ca"), client, skip_verify };
        if let Err((parameter, message)) = crate::kafka::tls::check(&tls) {
            self.problem(parameter, message);
        }
        Some(tls)
    }

    fn sasl(&mut self, tls: bool) -> Sasl {
        let mechanism = self.text("sasl").unwrap_or_else(|| "none".to_owned());
        match mechanism.as_str() {
            "none" => Sasl::None,
            "plaintext" => self.login(&mechanism).map_or(Sasl::None, Sasl::Plain),
            "scram_sha256" => self.login(&mechanism).map_or(Sasl::None, Sasl::ScramSha256),
            "scram_sha512" => self.login(&mechanism).map_or(Sasl::None, Sasl::ScramSha512),
            "oauthbearer" => self.oauth(tls).map_or(Sasl::None, Sasl::OauthBearer),
            "gssapi" => {
                self.problem(
                    "sasl",
                    "gssapi (Kerberos) is not available in this build; use scram_sha512 over TLS, \
                                      oauthbearer, or a client certificate",
                );
                Sasl::None
            }
            "aws_msk_iam" => self.aws(),
            other => {
                let message = format!(
                    "found {other:?}, expected one of none, plaintext, scram_sha256, scram_sha512, oauthbearer"
                );
                self.problem("sasl", message);
                Sasl::None
            }
        }
    }

    fn aws(&mut self) -> Sasl {
        self.problem(
            "sasl",
            "aws_msk_iam is not available in this build; use scram_sha512 or a client certificate, \
                              which MSK offers too",
        );
        Sasl::None
    }

    fn login(&mut self, mechanism: &str) -> Option<Login> {
        let found = (self.text("username"), self.secret("password"));
        for (name, missing) in [("username", found.0.is_none()), ("password", found.1.is_none())] {
            if missing {
                let message = format!("missing, and sasl {mechanism} needs it; give it in the TriggerAuthentication");
                self.problem(name, message);
            }
        }
        let (username, password) = (found.0?, found.1?);
        Some(Login { username, password: Secret::new(password.expose().trim()) })
    }

    fn oauth(&mut self, _tls: bool) -> Option<OauthSettings> {
        match self.text("saslTokenProvider").as_deref() {
            None | Some("bearer") => {}
            Some("aws_msk_iam") => {
                self.aws();
                return None;
            }
            Some(other) => {
                let message = format!("found {other:?}, expected bearer");
                self.problem("saslTokenProvider", message);
            }
        }
        let extensions = self.extensions();
        if let Some(token) = self.secret("token") {
            return Some(OauthSettings { token: TokenSource::Static(Secret::new(token.expose().trim())), extensions });
        }
        let endpoint = self.text("oauthTokenEndpointUri");
        match endpoint.as_deref() {
            None => self.problem(
                "oauthTokenEndpointUri",
                "missing, and sasl oauthbearer needs it; give the token endpoint's address (or a token in `token`)",
            ),
            Some(uri) if !uri.starts_with("https://") && !uri.starts_with("http://") => {
                self.problem("oauthTokenEndpointUri", "expected an address that starts with https:// or http://");
            }
            Some(_) => {}
        }
        let client = self.login("oauthbearer")?;
        let scopes = self.text("scopes").unwrap_or_default();
        let scopes = scopes.split([',', ' ']).filter(|scope| !scope.is_empty()).map(str::to_owned).collect();
        Some(OauthSettings {
            token: TokenSource::ClientCredentials { endpoint: endpoint?, client, scopes },
            extensions,
        })
    }

    fn extensions(&mut self) -> Vec<(String, String)> {
        let mut extensions = Vec::new();
        for part in self.text("oauthExtensions").unwrap_or_default().split(',').filter(|part| !part.trim().is_empty()) {
            match part.trim().split_once('=') {
                Some((name, value))
                    if !name.is_empty()
                        && name != "auth"
                        && name.chars().all(|c| c.is_ascii_alphabetic())
                        && value.chars().all(|c| c.is_ascii_graphic() || c == ' ') =>
                {
                    extensions.push((name.to_owned(), value.to_owned()));
                }
                _ => {
                    self.problem("oauthExtensions", "expected name=value,name=value with names of letters only");
                }
            }
        }
        extensions
    }
}
