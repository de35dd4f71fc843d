//! Ways into the cluster: as whom, and with which credentials.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use kube::config::Kubeconfig;
use serde_json::{Value, json};

use crate::certificates::KeyPair;
use crate::error::Error;

/// One user's access to the API server.
#[derive(Clone)]
pub struct Access {
    url: String,
    authority: PathBuf,
    credential: Credential,
}

#[derive(Clone)]
enum Credential {
    Certificate(KeyPair),
    Token(String),
}

impl fmt::Debug for Access {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Access").field("url", &self.url).finish_non_exhaustive()
    }
}

impl Access {
    pub(crate) fn by_certificate(url: &str, authority: &Path, pair: KeyPair) -> Access {
        Access { url: url.to_owned(), authority: authority.to_owned(), credential: Credential::Certificate(pair) }
    }

    /// The same server for whom this token belongs to.
    #[must_use]
    pub fn with_token(&self, token: impl Into<String>) -> Access {
        Access { credential: Credential::Token(token.into()), ..self.clone() }
    }

    /// A new client. It belongs to the current Tokio runtime and does not outlive it.
    ///
    /// # Errors
    /// When the certificates cannot be read.
    pub fn client(&self) -> Result<kube::Client, Error> {
        let config = self.config()?;
        kube::Client::try_from(config).map_err(Error::api(format!("making a client for {}", self.url)))
    }

    /// The configuration of a client.
    ///
    /// # Errors
    /// When the certificates cannot be read.
    pub fn config(&self) -> Result<kube::Config, Error> {
        let other = |error: &dyn fmt::Display| Error::Other(format!("making a client for {}: {error}", self.url));
        let kubeconfig: Kubeconfig = serde_json::from_value(self.kubeconfig()).map_err(|error| other(&error))?;
        let mut config = kube::Config::try_from(kubeconfig).map_err(|error| other(&error))?;
        // Both ends are on this machine.
        config.disable_compression = true;
        Ok(config)
    }

    /// Writes a file for `KUBECONFIG`.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write_kubeconfig(&self, file: &Path) -> Result<(), Error> {
        fs::write(file, format!("{:#}\n", self.kubeconfig())).map_err(Error::file("writing", file))
    }

    fn kubeconfig(&self) -> Value {
        let user = match &self.credential {
            Credential::Certificate(pair) => {
                json!({"client-certificate": pair.certificate, "client-key": pair.key})
            }
            Credential::Token(token) => json!({"token": token}),
        };
        json!({
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "cluster",
            "clusters": [{"name": "cluster", "cluster": {"server": self.url, "certificate-authority": self.authority}}],
            "users": [{"name": "user", "user": user}],
            "contexts": [{"name": "cluster", "context": {"cluster": "cluster", "user": "user"}}],
        })
    }
}
