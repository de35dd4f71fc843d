//! Access tokens by the client credentials grant (RFC 6749, section 4.4), kept until shortly before they expire.

use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use reqwest::Url;
use serde::Deserialize;
use tidegate_engine::{ReadError, ReadErrorKind};

use super::{Pool, Request};
use crate::secret::Secret;

/// A token is renewed this long before it expires, as Go's client does.
const EARLY: Duration = Duration::from_secs(10);
/// A server that does not say how long a token lasts is asked again after this long.
const UNSAID: Duration = Duration::from_secs(300);

/// Who asks for a token, and where.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct ClientCredentials {
    /// The token endpoint.
    pub(crate) endpoint: Url,
    /// The client's id.
    pub(crate) client: String,
    /// The client's secret; may be empty.
    pub(crate) secret: Secret,
    /// Scopes to ask for.
    pub(crate) scopes: Vec<String>,
    /// Further parameters of the request.
    pub(crate) parameters: Vec<(String, Secret)>,
}

/// The tokens of a process: one for each identity, shared by all triggers that use it.
#[derive(Default)]
pub(crate) struct Tokens {
    sources: Mutex<Vec<Weak<TokenSource>>>,
}

impl Tokens {
    /// The source of tokens for an identity. Does no I/O.
    pub(crate) fn source(&self, credentials: ClientCredentials, pool: Arc<Pool>) -> Arc<TokenSource> {
        let mut sources = self.sources.lock().unwrap_or_else(PoisonError::into_inner);
        let same = |source: &Arc<TokenSource>| source.credentials == credentials && Arc::ptr_eq(&source.pool, &pool);
        if let Some(source) = sources.iter().filter_map(Weak::upgrade).find(same) {
            return source;
        }
        sources.retain(|source| source.strong_count() > 0);
        let source = Arc::new(TokenSource { credentials, pool, token: tokio::sync::Mutex::default() });
        sources.push(Arc::downgrade(&source));
        source
    }
}

/// Gives tokens for one identity.
pub(crate) struct TokenSource {
    credentials: ClientCredentials,
    pool: Arc<Pool>,
    /// Held while a token is asked for, so that it is asked for once.
    token: tokio::sync::Mutex<Option<(Secret, Instant)>>,
}

#[derive(Deserialize)]
struct Granted {
    access_token: String,
    expires_in: Option<serde_json::Value>,
}

#[derive(Deserialize)]
struct Refused {
    error: String,
    error_description: Option<String>,
}

impl TokenSource {
    /// A token that is good for at least ten seconds.
    ///
    /// # Errors
    /// When the endpoint cannot be reached or does not give one.
    pub(crate) async fn token(&self) -> Result<Secret, ReadError> {
        let mut kept = self.token.lock().await;
        if let Some((token, until)) = kept.as_ref()
            && Instant::now() < *until
        {
            return Ok(token.clone());
        }
        *kept = None;
        let (token, lifetime) = self.ask().await?;
        let until = Instant::now() + lifetime.saturating_sub(EARLY);
        Ok(kept.insert((token, until)).0.clone())
    }

    /// Forgets the token, after a server has refused it.
    pub(crate) async fn forget(&self) {
        *self.token.lock().await = None;
    }

    /// Asks with the secret in the header, which every server must take, then in the form, which some insist on.
    async fn ask(&self) -> Result<(Secret, Duration), ReadError> {
        let mut request = self.request(false);
        let basic = format!("{}:{}", escaped(&self.credentials.client), escaped(self.credentials.secret.expose()));
        request.authorization("Basic", &Secret::new(super::authentication::base64(basic.as_bytes())))?;
        let answer = self.pool.send(request.clone()).await?;
        if !matches!(answer.status.as_u16(), 400 | 401) {
            return granted(&request, &answer);
        }
        let request = self.request(true);
        let answer = self.pool.send(request.clone()).await?;
        granted(&request, &answer)
    }

    fn request(&self, in_form: bool) -> Request {
        let ClientCredentials { endpoint, client, secret, scopes, parameters } = &self.credentials;
        let mut form = vec![("grant_type".to_owned(), Secret::new("client_credentials"))];
        if !scopes.is_empty() {
            form.push(("scope".to_owned(), Secret::new(scopes.join(" "))));
        }
        form.extend(parameters.iter().cloned());
        if in_form {
            form.push(("client_id".to_owned(), Secret::new(client.as_str())));
            form.push(("client_secret".to_owned(), secret.clone()));
        }
        let mut secrets: Vec<_> = parameters.iter().map(|(_, value)| value.clone()).collect();
        secrets.push(secret.clone());
        // A server that quotes the request in its refusal would bring them into the error.
        secrets.extend(endpoint.query().map(Secret::new));
        secrets
            .extend(endpoint.query_pairs().filter(|(_, value)| !value.is_empty()).map(|(_, value)| Secret::new(value)));
        Request::post("asking for an access token", endpoint.clone(), form, secrets)
    }
}

fn granted(request: &Request, answer: &super::Answer) -> Result<(Secret, Duration), ReadError> {
    if !answer.status.is_success() {
        let said = serde_json::from_slice::<Refused>(&answer.body).ok();
        let said = said.map(|said| [Some(said.error), said.error_description]);
        let said = said.map(|said| said.into_iter().flatten().collect::<Vec<_>>().join(": "));
        let error = request.refused(answer, said.as_deref());
        let kind = if answer.status.as_u16() == 400 { ReadErrorKind::Unauthorized } else { error.kind };
        return Err(ReadError { kind, ..error });
    }
    // The answer holds the token, so nothing of it is quoted.
    let granted: Granted = serde_json::from_slice(&answer.body)
        .map_err(|_| request.error(ReadErrorKind::Invalid, "the answer is no JSON object with an \"access_token\""))?;
    if granted.access_token.is_empty() {
        return Err(request.error(ReadErrorKind::Invalid, "the access token in the answer is empty"));
    }
    // Some servers write the seconds as text.
    let seconds = granted.expires_in.and_then(|seconds| match seconds {
        serde_json::Value::String(text) => text.parse().ok(),
        number => number.as_f64(),
    });
    let lifetime = seconds.and_then(|seconds: f64| Duration::try_from_secs_f64(seconds).ok()).unwrap_or(UNSAID);
    Ok((Secret::new(granted.access_token), lifetime))
}

/// Form-encoded, as RFC 6749 wants both halves of the header.
fn escaped(text: &str) -> String {
    reqwest::Url::parse_with_params("x:", [("", text)])
        .ok()
        .and_then(|url| url.query().and_then(|query| query.strip_prefix('=')).map(str::to_owned))
        .unwrap_or_default()
}
