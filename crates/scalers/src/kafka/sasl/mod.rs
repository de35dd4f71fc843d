//! Proving to a broker who we are.

mod oauth;
mod scram;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use kafka_protocol::messages::{SaslAuthenticateRequest, SaslHandshakeRequest};
use kafka_protocol::protocol::StrBytes;
use tidegate_engine::ReadErrorKind;
use tokio::time::Instant;

use crate::kafka::connection::Connection;
use crate::kafka::fault::{Fault, Step};
use crate::kafka::replies::session::{SaslAnswer, sasl_authenticate, sasl_handshake};
use crate::kafka::settings::{Login, Sasl};
use crate::kafka::versions::{SASL_AUTHENTICATE, SASL_HANDSHAKE};

pub(crate) use oauth::Tokens;

/// Authenticates a fresh connection. Gives how long the broker lets the session live, if it limits that.
pub(crate) async fn authenticate(
    connection: &Connection,
    sasl: &Sasl,
    tokens: &Tokens,
    deadline: Instant,
) -> Result<Option<Duration>, Fault> {
    let Some(mechanism) = sasl.mechanism() else { return Ok(None) };
    let exchange = Exchange { connection, mechanism, deadline };
    exchange.offer().await?;
    let answer = match sasl {
        Sasl::None => return Ok(None),
        Sasl::Plain(login) => exchange.plain(login).await?,
        Sasl::ScramSha256(login) => exchange.scram(scram::Scram::new(login, scram::Hash::Sha256)).await?,
        Sasl::ScramSha512(login) => exchange.scram(scram::Scram::new(login, scram::Hash::Sha512)).await?,
        Sasl::OauthBearer(settings) => {
            let token = tokens.get(settings, deadline).await?;
            let answer = exchange.bearer(&oauth::first_message(&token, &settings.extensions)).await;
            if answer.is_err() {
                tokens.forget().await;
            }
            answer?
        }
    };
    Ok(u64::try_from(answer.lifetime_ms).ok().filter(|lifetime| *lifetime > 0).map(Duration::from_millis))
}

/// One exchange over one connection.
struct Exchange<'a> {
    connection: &'a Connection,
    mechanism: &'static str,
    deadline: Instant,
}

impl Exchange<'_> {
    fn fault(&self, cause: impl Into<Arc<str>>) -> Fault {
        Fault::new(ReadErrorKind::Unauthorized, self.connection.address(), Step::Sasl(self.mechanism), cause)
    }

    /// Says which mechanism comes.
    async fn offer(&self) -> Result<(), Fault> {
        let request = SaslHandshakeRequest::default().with_mechanism(StrBytes::from_static_str(self.mechanism));
        let body = self.connection.ask(SASL_HANDSHAKE, &request, self.deadline).await?;
        let (error, offered) = sasl_handshake(&body).map_err(|error| self.fault(error.to_string()))?;
        match error {
            0 => Ok(()),
            33 => Err(self
                .fault(format!("the broker does not offer it; it offers {}", offered.join(", ")))
                .hint("set parameter sasl to what the listener offers, or check the port")),
            34 => {
                Err(self.fault("the listener does not want SASL").hint("set parameter sasl to none, or check the port"))
            }
            code => Err(self.fault(format!("the broker answers the handshake with error code {code}"))),
        }
    }

    /// One message there, one back.
    async fn send(&self, message: Vec<u8>) -> Result<SaslAnswer, Fault> {
        let version = self.connection.version(SASL_AUTHENTICATE)?;
        let request = SaslAuthenticateRequest::default().with_auth_bytes(Bytes::from(message));
        let body = self.connection.ask(SASL_AUTHENTICATE, &request, self.deadline).await?;
        let answer = sasl_authenticate(&body, version).map_err(|error| self.fault(error.to_string()))?;
        match answer.error {
            0 => Ok(answer),
            code => {
                let cause = answer.message.unwrap_or_else(|| format!("error code {code}"));
                Err(self.fault(format!("the broker refuses: {cause}")).hint("check the credentials"))
            }
        }
    }

    async fn plain(&self, login: &Login) -> Result<SaslAnswer, Fault> {
        self.send(format!("\0{}\0{}", login.username, login.password.expose()).into_bytes()).await
    }

    async fn scram(&self, scram: Result<scram::Scram, String>) -> Result<SaslAnswer, Fault> {
        let mut scram = scram.map_err(|error| self.fault(error))?;
        let first = self.send(scram.first()).await?;
        // Thousands of rounds of hashing: not on a thread that serves others.
        let (scram, last) = tokio::task::spawn_blocking(move || {
            let last = scram.last(&first.bytes);
            (scram, last)
        })
        .await
        .map_err(|error| self.fault(error.to_string()))?;
        let answer = self.send(last.map_err(|error| self.fault(error))?).await?;
        scram.verify(&answer.bytes).map_err(|error| {
            self.fault(error).hint("whoever answers at this address does not know the password: it may be an impostor")
        })?;
        Ok(answer)
    }

    async fn bearer(&self, first: &[u8]) -> Result<SaslAnswer, Fault> {
        let answer = self.send(first.to_vec()).await?;
        if answer.bytes.is_empty() {
            return Ok(answer);
        }
        // A refusal comes as a message; the exchange must be ended by one byte before the broker says so itself.
        let said = String::from_utf8_lossy(&answer.bytes).into_owned();
        let _ = self.send(vec![1]).await;
        Err(self
            .fault(format!("the broker refuses the token: {said}"))
            .hint("check the token's issuer, audience and scopes"))
    }
}
