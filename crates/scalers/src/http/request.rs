//! One request and its answer: redirects, the size of an answer, and what an error says.

use bytes::{Bytes, BytesMut};
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue, LOCATION};
use reqwest::{Client, Method, StatusCode, Url};
use sha2::{Digest, Sha256};
use tidegate_engine::{ReadError, ReadErrorKind};

use super::authentication::base64;
use super::fault;
use crate::egress::{Barred, Egress};
use crate::secret::Secret;

/// As many as Go's client, and so KEDA, follows.
const REDIRECTS: usize = 10;
/// No answer that holds one number is longer; more would only eat memory.
const LONGEST_ANSWER: usize = 8 << 20;
/// Of an answer that is an error, this much is quoted.
const QUOTED: usize = 200;

/// A request.
#[derive(Clone)]
pub(crate) struct Request {
    /// What is being done, for errors, as `querying Prometheus`.
    pub(crate) doing: &'static str,
    method: Method,
    /// The whole URL.
    pub(crate) url: Url,
    /// The address before any redirect.
    asked: Option<Url>,
    headers: HeaderMap,
    form: Vec<(String, Secret)>,
    /// What must not be quoted, should the server send it back.
    secrets: Vec<Secret>,
    /// The URL is that of an endpoint of a Service which was judged by its name.
    endpoint: bool,
}

/// A complete answer of any status.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) body: Bytes,
}

impl Request {
    /// A request without body.
    pub(crate) fn get(doing: &'static str, url: Url) -> Self {
        Request::new(doing, Method::GET, url, Vec::new(), Vec::new())
    }

    /// A form that is sent, and which texts in it must not be quoted.
    pub(crate) fn post(doing: &'static str, url: Url, form: Vec<(String, Secret)>, secrets: Vec<Secret>) -> Self {
        Request::new(doing, Method::POST, url, form, secrets)
    }

    fn new(
        doing: &'static str,
        method: Method,
        mut url: Url,
        form: Vec<(String, Secret)>,
        secrets: Vec<Secret>,
    ) -> Self {
        let (user, password) = (decoded(url.username()), decoded(url.password().unwrap_or_default()));
        // Neither fails on an address with a host.
        let _ = (url.set_username(""), url.set_password(None));
        let mut request =
            Request { doing, method, url, asked: None, headers: HeaderMap::new(), form, secrets, endpoint: false };
        if !user.expose().is_empty() || !password.expose().is_empty() {
            let pair = Secret::new(format!("{}:{}", user.expose(), password.expose()));
            // Base64 can always be a header.
            let _ = request.authorization("Basic", &Secret::new(base64(pair.expose().as_bytes())));
            request.secrets.push(password);
        }
        request
    }

    /// Adds a header whose value may be a credential. A request with such a header never goes to another host.
    ///
    /// # Errors
    /// When the name or the value cannot be a header.
    pub(crate) fn header(&mut self, name: &str, value: &Secret) -> Result<(), ReadError> {
        let bad = |what| {
            let message =
                format!("{}: the {what} of the header \"{}\" cannot be sent", self.doing, name.escape_debug());
            ReadError::new(ReadErrorKind::Configuration, message)
        };
        let header = HeaderName::from_bytes(name.as_bytes()).map_err(|_| bad("name"))?;
        let mut text = HeaderValue::from_str(value.expose()).map_err(|_| bad("value"))?;
        text.set_sensitive(true);
        self.headers.insert(header, text);
        self.secrets.push(value.clone());
        Ok(())
    }

    /// Says that the URL is that of an endpoint of a Service whose name [`Egress::judge_service`] has judged.
    pub(crate) fn go_to_endpoint(&mut self) {
        self.endpoint = true;
    }

    /// Adds an `Authorization` header of a scheme.
    pub(crate) fn authorization(&mut self, scheme: &str, value: &Secret) -> Result<(), ReadError> {
        self.secrets.push(value.clone());
        self.header(AUTHORIZATION.as_str(), &Secret::new(format!("{scheme} {}", value.expose())))
    }

    /// Adds a parameter to the query that may be a credential.
    pub(crate) fn secret_query(&mut self, name: &str, value: &Secret) {
        self.url.query_pairs_mut().append_pair(name, value.expose());
        let escaped = self.url.query().and_then(|query| query.rsplit_once('=')).map(|(_, value)| Secret::new(value));
        self.secrets.extend(escaped);
        self.secrets.push(value.clone());
    }

    /// Equal for requests whose answer can be shared.
    pub(super) fn digest(&self) -> [u8; 32] {
        let mut digest = Sha256::new();
        let mut add = |bytes: &[u8]| {
            digest.update((bytes.len() as u64).to_le_bytes());
            digest.update(bytes);
        };
        add(self.method.as_str().as_bytes());
        add(self.url.as_str().as_bytes());
        add(&[u8::from(self.endpoint)]);
        for (name, value) in &self.headers {
            add(name.as_str().as_bytes());
            add(value.as_bytes());
        }
        for (name, value) in &self.form {
            add(name.as_bytes());
            add(value.expose().as_bytes());
        }
        digest.finalize().into()
    }

    /// Sends it, follows redirects, and reads the answer in whole.
    pub(super) async fn run(
        mut self,
        client: &Client,
        certificate: bool,
        egress: &Egress,
    ) -> Result<Answer, ReadError> {
        for _ in 0..=REDIRECTS {
            self.judge(egress).map_err(|refusal| self.error(ReadErrorKind::Configuration, &refusal.to_string()))?;
            let mut request = client.request(self.method.clone(), self.url.clone()).headers(self.headers.clone());
            if self.method == Method::POST {
                let form: Vec<_> = self.form.iter().map(|(name, value)| (name.as_str(), value.expose())).collect();
                request = request.form(&form);
            }
            let response = request.send().await.map_err(|error| self.fault(&error))?;
            let status = response.status();
            match response.headers().get(LOCATION) {
                Some(location) if status.is_redirection() => {
                    let to = self.redirected(location, certificate)?;
                    let from = std::mem::replace(&mut self.url, to);
                    self.asked.get_or_insert(from);
                }
                _ => return self.whole(response).await,
            }
        }
        Err(self.error(ReadErrorKind::Refused, &format!("more than {REDIRECTS} redirects")))
    }

    /// Whether it may go where it is going, at each redirect anew. The addresses of a name are judged when it is resolved.
    fn judge(&self, egress: &Egress) -> Result<(), Barred> {
        let host = self.url.host_str().unwrap_or_default();
        match self.endpoint && self.asked.is_none() {
            true => egress.judge_address(host),
            false => egress.judge(host, self.url.port_or_known_default().unwrap_or_default()),
        }
    }

    async fn whole(&self, mut response: reqwest::Response) -> Result<Answer, ReadError> {
        let (status, mut body) = (response.status(), BytesMut::new());
        while let Some(chunk) = response.chunk().await.map_err(|error| self.fault(&error))? {
            if body.len() + chunk.len() > LONGEST_ANSWER {
                let message = format!("the answer is longer than {} MiB", LONGEST_ANSWER >> 20);
                return Err(self.error(ReadErrorKind::Invalid, &message));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Answer { status, body: body.freeze() })
    }

    /// Where a redirect leads, if the request may go there.
    fn redirected(&self, location: &HeaderValue, certificate: bool) -> Result<Url, ReadError> {
        let to = location.to_str().ok().and_then(|location| self.url.join(location).ok());
        let Some(to) = to.filter(|to| matches!(to.scheme(), "http" | "https")) else {
            return Err(self.error(ReadErrorKind::Refused, "redirected to what is no HTTP address"));
        };
        if self.method != Method::GET {
            let message = format!("redirected to {}; give that address instead", shown(&to));
            return Err(self.error(ReadErrorKind::Refused, &message));
        }
        let same_origin = self.url.origin() == to.origin();
        let upgraded = self.url.host() == to.host() && self.url.scheme() == "http" && to.scheme() == "https";
        let credentials = certificate || !self.secrets.is_empty();
        if same_origin || upgraded || !credentials {
            return Ok(to);
        }
        let message =
            format!("redirected to {}, where its credentials must not go; give that address instead", shown(&to));
        Err(self.error(ReadErrorKind::Refused, &message))
    }

    fn fault(&self, error: &reqwest::Error) -> ReadError {
        let (kind, message) = fault::of(error, self.url.scheme() == "https");
        self.error(kind, &message)
    }

    /// An error with what was being done, and where. What a server said goes through [`Request::quote`] first.
    pub(crate) fn error(&self, kind: ReadErrorKind, message: &str) -> ReadError {
        let asked = self.asked.as_ref().map(|asked| format!("{}, redirected to ", shown(asked))).unwrap_or_default();
        ReadError::new(kind, format!("{} at {asked}{}: {message}", self.doing, shown(&self.url)))
    }

    /// An error for an answer that does not have a good status; quotes its beginning.
    pub(crate) fn refused(&self, answer: &Answer, said: Option<&str>) -> ReadError {
        let kind = match answer.status.as_u16() {
            401 | 403 | 407 => ReadErrorKind::Unauthorized,
            404 => ReadErrorKind::NotFound,
            408 | 504 => ReadErrorKind::Timeout,
            _ => ReadErrorKind::Refused,
        };
        let status = answer.status;
        let said = said.map_or_else(|| self.quote(&answer.body), |said| self.quote(said.as_bytes()));
        let advice = match kind {
            ReadErrorKind::Unauthorized => "; check the credentials and authModes",
            ReadErrorKind::NotFound => "; check the address and its path",
            _ => "",
        };
        let said = if said.is_empty() { said } else { format!(": {said}") };
        self.error(kind, &format!("the server answered {status}{said}{advice}"))
    }

    /// The beginning of what a server said, on one line, without secrets.
    pub(crate) fn quote(&self, body: &[u8]) -> String {
        // Hidden before it is cut: half a secret would not be found any more.
        let text = self.hide(String::from_utf8_lossy(body).into_owned());
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ").replace(char::is_control, "");
        match text.char_indices().nth(QUOTED) {
            Some((end, _)) => format!("{}...", &text[..end]),
            None => text,
        }
    }

    fn hide(&self, mut text: String) -> String {
        for secret in &self.secrets {
            // Short ones would hide ordinary words, and are no secrets.
            if secret.expose().len() >= 4 && text.contains(secret.expose()) {
                text = text.replace(secret.expose(), "[secret]");
            }
        }
        text
    }
}

/// Without the percent-encoding of a URL's user information.
fn decoded(text: &str) -> Secret {
    let (mut rest, mut bytes) = (text.as_bytes(), Vec::with_capacity(text.len()));
    while let [first, tail @ ..] = rest {
        let hex = tail.get(..2).filter(|_| *first == b'%').and_then(|hex| std::str::from_utf8(hex).ok());
        let byte = hex.and_then(|hex| u8::from_str_radix(hex, 16).ok());
        bytes.push(byte.unwrap_or(*first));
        rest = if byte.is_some() { &tail[2..] } else { tail };
    }
    Secret::new(String::from_utf8_lossy(&bytes))
}

/// An address without what may be a credential: user information, query and fragment.
pub(crate) fn shown(url: &Url) -> String {
    let mut url = url.clone();
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url.set_query(None);
    url.set_fragment(None);
    url.to_string()
}
