//! The block of authentication parameters that triggers over HTTP share, and how it is applied to a request.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::Url;
use tidegate_engine::ReadError;

use super::oauth::{ClientCredentials, TokenSource, Tokens};
use super::{Http, Pool, Request};
use crate::clients::Clients;
use crate::declare::{choices, parameters};
use crate::given::Given;
use crate::kafka::{ClientCertificate, TlsSettings};
use crate::secret::Secret;

choices! {
    /// A way to prove who asks.
    pub(crate) enum AuthMode {
        ApiKey = "apiKey",
        Basic = "basic",
        Tls = "tls",
        Bearer = "bearer",
        Custom = "custom",
        OAuth = "oauth",
    }
}

choices! {
    /// Where an API key is put.
    pub(crate) enum ApiKeyMethod {
        Header = "header",
        Query = "query",
    }
}

parameters! {
    /// The parameters of the block.
    pub(crate) struct HttpAuthentication {
        /// Which of the credentials below are used: a list. Of `bearer`, `basic` and `oauth` at most one.
        auth_modes: Option<Vec<AuthMode>> = "authModes" from [Metadata, Auth] {
            aliases(&["authMode"]), exclusive(&["bearer", "basic", "oauth"])
        };
        /// The token of mode `bearer`.
        bearer_token: Option<Secret> = "bearerToken" from [Auth] { aliases(&["token"]) };
        /// The user of mode `basic`.
        username: Option<String> = "username" from [Auth];
        /// The password of mode `basic`; may be absent.
        password: Option<Secret> = "password" from [Auth];
        /// Certificates (PEM) of authorities to trust besides the system's. Used in any mode and without one.
        ca: Option<String> = "ca" from [Auth];
        /// The client's certificate chain (PEM) of mode `tls`.
        cert: Option<String> = "cert" from [Auth];
        /// The client's key (PEM) of mode `tls`.
        key: Option<Secret> = "key" from [Auth];
        /// The name of the header of mode `custom`.
        custom_auth_header: Option<String> = "customAuthHeader" from [Auth];
        /// The value of the header of mode `custom`.
        custom_auth_value: Option<Secret> = "customAuthValue" from [Auth];
        /// The key of mode `apiKey`.
        api_key: Option<Secret> = "apiKey" from [Metadata, Auth];
        /// Where the API key goes: a header or a parameter of the query.
        method: ApiKeyMethod = "method" from [Metadata, Auth] { default("header") };
        /// The name of the API key's header or parameter; `X-API-KEY` or `api_key` when absent.
        key_param_name: Option<String> = "keyParamName" from [Metadata, Auth];
        /// The token endpoint of mode `oauth` (client credentials).
        oauth_token_uri: Option<Address> = "oauthTokenURI" from [Auth];
        /// The client's id of mode `oauth`.
        client_id: Option<String> = "clientID" from [Auth];
        /// The client's secret of mode `oauth`.
        client_secret: Option<Secret> = "clientSecret" from [Auth];
        /// Scopes to ask for in mode `oauth`, apart by commas.
        scopes: Option<Vec<String>> = "scopes" from [Auth] { aliases(&["scope"]) };
        /// Further parameters of the token request of mode `oauth`, written as the query of a URL.
        endpoint_params: Option<Secret> = "endpointParams" from [Auth];
    }
}

/// A server's address: an `http` or `https` URL.
#[derive(Clone)]
pub(crate) struct Address(pub(crate) Url);

impl crate::value::Value for Address {
    const KIND: crate::Kind = crate::Kind::Address;
    fn parse(text: &str) -> Result<Self, String> {
        let url = Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
        url.map(Address).ok_or_else(|| "an address as http://host:port or https://host/path".to_owned())
    }
}

/// How a request proves who asks.
pub(crate) struct Credentials {
    modes: Vec<Proof>,
}

/// One way, with all that it needs.
enum Proof {
    Authorization(&'static str, Secret),
    Header(String, Secret),
    Query(String, Secret),
    Token(Arc<TokenSource>),
}

/// Which parameter belongs to which mode.
const NEEDS: &[(AuthMode, &str, &[&str], &[&str])] = &[
    (AuthMode::ApiKey, "apiKey", &["apiKey"], &["method", "keyParamName"]),
    (AuthMode::Basic, "basic", &["username"], &["password"]),
    (AuthMode::Tls, "tls", &["cert", "key"], &[]),
    (AuthMode::Bearer, "bearer", &["bearerToken"], &[]),
    (AuthMode::Custom, "custom", &["customAuthHeader", "customAuthValue"], &[]),
    (AuthMode::OAuth, "oauth", &["oauthTokenURI", "clientID"], &["clientSecret", "scopes", "endpointParams"]),
];

impl HttpAuthentication {
    fn uses(&self, mode: AuthMode) -> bool {
        self.auth_modes.as_ref().is_some_and(|modes| modes.contains(&mode))
    }

    /// Whether any mode is listed.
    pub(crate) fn any(&self) -> bool {
        self.auth_modes.is_some()
    }

    /// Rules between the parameters.
    pub(crate) fn check(&self, unsafe_ssl: bool, given: &mut Given<'_>) {
        for (mode, name, needed, further) in NEEDS {
            let used = self.uses(*mode);
            for parameter in *needed {
                if used && !given.has(parameter) {
                    given.problem(parameter, format!("is required and absent: authModes lists \"{name}\""));
                }
            }
            let idle = needed.iter().chain(*further).find(|parameter| !used && given.has(parameter));
            if let Some(parameter) = idle {
                given.warn(parameter, format!("is not sent: authModes does not list \"{name}\""));
            }
        }
        let tls = self.tls(unsafe_ssl);
        if given.sound()
            && tls != TlsSettings::default()
            && let Err((parameter, message)) = crate::kafka::tls::check(&tls)
        {
            given.problem(parameter, message);
        }
    }

    /// What the connection has to be like. `ca` and `unsafe_ssl` hold in every mode.
    pub(crate) fn tls(&self, unsafe_ssl: bool) -> TlsSettings {
        let pair = self.cert.clone().zip(self.key.clone()).filter(|_| self.uses(AuthMode::Tls));
        let client = pair.map(|(chain, key)| ClientCertificate { chain, key, key_password: None });
        TlsSettings { ca: self.ca.clone(), client, skip_verify: unsafe_ssl }
    }

    /// What is no secret of the identity, to tell sources apart.
    pub(crate) fn identity(&self) -> String {
        let modes: Vec<_> = NEEDS.iter().filter(|needs| self.uses(needs.0)).map(|needs| needs.1).collect();
        let names = [&self.username, &self.client_id, &self.custom_auth_header];
        let names: Vec<_> = names.into_iter().flatten().map(String::as_str).collect();
        format!("{}/{}", modes.join(","), names.join("/"))
    }

    /// Binds to the shared clients. Does no I/O.
    pub(crate) fn connect(&self, unsafe_ssl: bool, clients: &Clients) -> (Arc<Pool>, Credentials) {
        let http = clients.shared::<Http>();
        let pool = http.pool(self.tls(unsafe_ssl), &clients.egress());
        let modes = self.auth_modes.iter().flatten().filter_map(|mode| self.proof(*mode, unsafe_ssl, &http, clients));
        (pool, Credentials { modes: modes.collect() })
    }

    fn proof(&self, mode: AuthMode, unsafe_ssl: bool, http: &Http, clients: &Clients) -> Option<Proof> {
        Some(match mode {
            // Part of the connection.
            AuthMode::Tls => return None,
            AuthMode::Bearer => Proof::Authorization("Bearer", self.bearer_token.clone()?),
            AuthMode::Basic => {
                let password = self.password.as_ref().map_or("", Secret::expose);
                let pair = Secret::new(format!("{}:{password}", self.username.as_ref()?));
                Proof::Authorization("Basic", Secret::new(base64(pair.expose().as_bytes())))
            }
            AuthMode::Custom => Proof::Header(self.custom_auth_header.clone()?, self.custom_auth_value.clone()?),
            AuthMode::ApiKey => {
                let named = |default: &str| self.key_param_name.clone().unwrap_or_else(|| default.to_owned());
                match self.method {
                    ApiKeyMethod::Header => Proof::Header(named("X-API-KEY"), self.api_key.clone()?),
                    ApiKeyMethod::Query => Proof::Query(named("api_key"), self.api_key.clone()?),
                }
            }
            AuthMode::OAuth => {
                let parameters = self.endpoint_params.as_ref().map(|text| pairs(text.expose())).unwrap_or_default();
                let credentials = ClientCredentials {
                    endpoint: self.oauth_token_uri.clone()?.0,
                    client: self.client_id.clone()?,
                    secret: self.client_secret.clone().unwrap_or_else(|| Secret::new("")),
                    scopes: self.scopes.iter().flatten().filter(|scope| !scope.is_empty()).cloned().collect(),
                    parameters,
                };
                // The token endpoint is another server: it gets the same authorities, but no client certificate.
                let tls = TlsSettings { client: None, ..self.tls(unsafe_ssl) };
                Proof::Token(clients.shared::<Tokens>().source(credentials, http.pool(tls, &clients.egress())))
            }
        })
    }
}

impl Credentials {
    /// Puts them on a request.
    ///
    /// # Errors
    /// When one cannot be a header, or no access token can be had.
    pub(crate) async fn apply(&self, request: &mut Request) -> Result<(), ReadError> {
        for proof in &self.modes {
            match proof {
                Proof::Authorization(scheme, value) => request.authorization(scheme, value)?,
                Proof::Header(name, value) => request.header(name, value)?,
                Proof::Query(name, value) => request.secret_query(name, value),
                Proof::Token(source) => request.authorization("Bearer", &source.token().await?)?,
            }
        }
        Ok(())
    }

    /// Forgets what a server has refused and what can be had anew: access tokens. Says whether there was one.
    pub(crate) async fn renew(&self) -> bool {
        let mut renewed = false;
        for proof in &self.modes {
            if let Proof::Token(source) = proof {
                source.forget().await;
                renewed = true;
            }
        }
        renewed
    }
}

/// The pairs of a URL's query.
fn pairs(query: &str) -> Vec<(String, Secret)> {
    let Ok(mut url) = Url::parse("x:") else { return Vec::new() };
    url.set_query(Some(query.trim_start_matches('?')));
    url.query_pairs().map(|(name, value)| (name.into_owned(), Secret::new(value))).collect()
}

pub(super) fn base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}
