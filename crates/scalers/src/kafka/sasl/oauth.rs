//! Bearer tokens (RFC 7628): asked for at a token endpoint by the client credentials grant and kept until they age.

use std::sync::Arc;
use std::time::Duration;

use rustls::ClientConfig;
use serde::Deserialize;
use tidegate_engine::ReadErrorKind;
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::egress::Egress;
use crate::kafka::fault::{Fault, Step};
use crate::kafka::settings::{Login, OauthSettings, TlsSettings, TokenSource};
use crate::secret::Secret;

/// Replies of a token endpoint above this are refused.
const MAX_REPLY_BYTES: usize = 1 << 20;
/// How long a token is kept whose endpoint does not say how long it lives.
const UNKNOWN_LIFETIME: Duration = Duration::from_secs(60);

/// The token of one identity, shared by all its connections.
#[derive(Default)]
pub(crate) struct Tokens {
    tls: TlsSettings,
    egress: Egress,
    kept: Mutex<Option<Token>>,
}

struct Token {
    text: Secret,
    until: Instant,
}

impl Tokens {
    /// The authorities that the trigger trusts hold for the token endpoint too. Its client certificate and `unsafeSsl`
    /// are meant for brokers alone.
    pub(crate) fn new(tls: Option<&TlsSettings>, egress: Egress) -> Self {
        let ca = tls.and_then(|tls| tls.ca.clone());
        Tokens { tls: TlsSettings { ca, client: None, skip_verify: false }, egress, kept: Mutex::default() }
    }

    /// A token that is still good for a while. Many who ask at once cost one request.
    pub(crate) async fn get(&self, settings: &OauthSettings, deadline: Instant) -> Result<Secret, Fault> {
        let TokenSource::ClientCredentials { endpoint, client, scopes } = &settings.token else {
            return match &settings.token {
                TokenSource::Static(token) => Ok(token.clone()),
                TokenSource::ClientCredentials { .. } => Err(fault(ReadErrorKind::Internal, "", "no token")),
            };
        };
        let mut kept = tokio::time::timeout_at(deadline, self.kept.lock())
            .await
            .map_err(|_| Fault::late(endpoint, Step::Token))?;
        if let Some(token) = kept.as_ref().filter(|token| Instant::now() < token.until) {
            return Ok(token.text.clone());
        }
        let asked = tokio::time::timeout_at(deadline, self.ask(endpoint, client, scopes)).await;
        let token = asked.map_err(|_| {
            Fault::late(endpoint, Step::Token).hint("look whether the token endpoint is reachable from here")
        })??;
        let text = token.text.clone();
        *kept = Some(token);
        Ok(text)
    }

    /// Drops a token that a broker refused.
    pub(crate) async fn forget(&self) {
        *self.kept.lock().await = None;
    }

    async fn ask(&self, endpoint: &str, client: &Login, scopes: &[String]) -> Result<Token, Fault> {
        let config = crate::kafka::tls::config(&self.tls, self.egress.authorities())
            .map_err(|(_, error)| fault(ReadErrorKind::Configuration, endpoint, error))?;
        let url = reqwest::Url::parse(endpoint).ok();
        let host = url.as_ref().and_then(|url| Some((url.host_str()?, url.port_or_known_default()?)));
        let (host, port) = host.unwrap_or_default();
        self.egress
            .judge(host, port)
            .map_err(|refusal| fault(ReadErrorKind::Configuration, endpoint, refusal.to_string()))?;
        let http = http_client(config, &self.egress)
            .map_err(|error| fault(ReadErrorKind::Internal, endpoint, error.to_string()))?;
        let mut form = vec![("grant_type", "client_credentials".to_owned())];
        if !scopes.is_empty() {
            form.push(("scope", scopes.join(" ")));
        }
        // Credentials belong into the header (RFC 6749, section 2.3.1); some servers take them only in the body.
        let basic = (encoded(&client.username), encoded(client.password.expose()));
        let request = http.post(endpoint).basic_auth(basic.0, Some(basic.1)).form(&form);
        let mut answer = send(endpoint, request).await?;
        if matches!(answer.0, 400 | 401) {
            form.push(("client_id", client.username.clone()));
            form.push(("client_secret", client.password.expose().to_owned()));
            answer = send(endpoint, http.post(endpoint).form(&form)).await?;
        }
        understand(endpoint, answer.0, &answer.1)
    }
}

fn http_client(config: ClientConfig, egress: &Egress) -> Result<reqwest::Client, reqwest::Error> {
    reqwest::Client::builder()
        // A proxy would dial for us, where no policy is asked; the environment must not name one.
        .no_proxy()
        .tls_backend_preconfigured(config)
        .dns_resolver(crate::http::Resolver(egress.clone()))
        // Credentials go to the host that was named and nowhere else.
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(Duration::from_secs(10))
        .timeout(Duration::from_secs(30))
        .build()
}

async fn send(endpoint: &str, request: reqwest::RequestBuilder) -> Result<(u16, Vec<u8>), Fault> {
    let unreachable = |error: reqwest::Error| {
        let error = error.without_url();
        let mut cause = error.to_string();
        let mut inner = std::error::Error::source(&error);
        while let Some(error) = inner {
            cause = format!("{cause}: {error}");
            inner = error.source();
        }
        fault(ReadErrorKind::Unreachable, endpoint, cause)
            .hint("check oauthTokenEndpointUri; for an authority of your own give its certificate in ca")
    };
    let mut response = request.header("accept", "application/json").send().await.map_err(unreachable)?;
    let status = response.status().as_u16();
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(unreachable)? {
        if body.len() + chunk.len() > MAX_REPLY_BYTES {
            return Err(fault(ReadErrorKind::Invalid, endpoint, "the reply is too large for a token"));
        }
        body.extend_from_slice(&chunk);
    }
    Ok((status, body))
}

#[derive(Deserialize)]
struct Granted {
    access_token: String,
    #[serde(default)]
    expires_in: Option<f64>,
}

#[derive(Deserialize)]
struct Refused {
    error: String,
    #[serde(default)]
    error_description: Option<String>,
}

fn understand(endpoint: &str, status: u16, body: &[u8]) -> Result<Token, Fault> {
    if !(200..300).contains(&status) {
        let said = serde_json::from_slice::<Refused>(body).map_or_else(
            |_| String::new(),
            |refused| {
                format!(": {} {}", refused.error, refused.error_description.unwrap_or_default()).trim_end().to_owned()
            },
        );
        let kind = if matches!(status, 400 | 401 | 403) { ReadErrorKind::Unauthorized } else { ReadErrorKind::Refused };
        return Err(fault(kind, endpoint, format!("HTTP status {status}{said}"))
            .hint("check username (client id), password (client secret) and scopes"));
    }
    let granted: Granted = serde_json::from_slice(body)
        .map_err(|_| fault(ReadErrorKind::Invalid, endpoint, "the reply holds no access_token"))?;
    if granted.access_token.is_empty() || !granted.access_token.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(fault(ReadErrorKind::Invalid, endpoint, "the token in the reply is no bearer token"));
    }
    let lifetime = granted
        .expires_in
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
        .map_or(UNKNOWN_LIFETIME, |lifetime| lifetime.min(Duration::from_secs(86_400)));
    // Renewed before it ends, so that no connection starts with a token that ends on the way.
    let until = Instant::now() + lifetime.mul_f64(0.8);
    Ok(Token { text: Secret::new(granted.access_token), until })
}

fn fault(kind: ReadErrorKind, endpoint: &str, cause: impl Into<Arc<str>>) -> Fault {
    Fault::new(kind, endpoint, Step::Token, cause)
}

/// As in a form's body.
fn encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~*".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

/// The client's first message with its token.
pub(super) fn first_message(token: &Secret, extensions: &[(String, String)]) -> Vec<u8> {
    let mut message = format!("n,,\u{1}auth=Bearer {}\u{1}", token.expose());
    for (name, value) in extensions {
        message.push_str(&format!("{name}={value}\u{1}"));
    }
    message.push('\u{1}');
    message.into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::egress::AllowedHosts;

    #[test]
    fn writes_the_first_message_of_rfc_7628() {
        let message = first_message(&Secret::new("abc"), &[("logicalCluster".to_owned(), "lkc-1".to_owned())]);
        assert_eq!(message, b"n,,\x01auth=Bearer abc\x01logicalCluster=lkc-1\x01\x01");
    }

    #[tokio::test]
    async fn a_client_that_is_for_other_hosts_is_not_sent_to_the_endpoint() {
        let said_by = "the annotation of ClusterTriggerAuthentication kafka".to_owned();
        let allowed = AllowedHosts { said_by, hosts: vec![("127.0.0.1".to_owned(), Some(9092))] };
        let tokens = Tokens::new(None, Egress::default().only_to(Some(Arc::new(allowed))));
        let endpoint = "https://127.0.0.1/token".to_owned();
        let client = Login { username: "a".to_owned(), password: Secret::new("b") };
        let token = TokenSource::ClientCredentials { endpoint, client, scopes: Vec::new() };
        let settings = OauthSettings { token, extensions: Vec::new() };
        let refused = tokens.get(&settings, Instant::now() + Duration::from_secs(30)).await.err().unwrap();
        assert_eq!(refused.kind, ReadErrorKind::Configuration);
        assert!(refused.to_string().contains("127.0.0.1:443 is not among the hosts"), "{refused}");
    }

    #[tokio::test]
    async fn understands_grants_and_refusals() {
        assert_eq!(understand("e", 200, br#"{"access_token":"t","expires_in":3600}"#).unwrap().text.expose(), "t");
        let refused = understand("e", 401, br#"{"error":"invalid_client","error_description":"no"}"#).err().unwrap();
        assert_eq!(refused.kind, ReadErrorKind::Unauthorized);
        assert!(refused.to_string().contains("invalid_client no"), "{refused}");
        for body in [&b"{}"[..], b"", br#"{"access_token":""}"#, br#"{"access_token":"a b"}"#] {
            assert_eq!(understand("e", 200, body).err().unwrap().kind, ReadErrorKind::Invalid);
        }
    }
}
