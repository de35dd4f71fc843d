//! Tokens of service accounts (`boundServiceAccountToken`), asked for by name and renewed before they end.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use k8s_openapi::api::authentication::v1::{SelfSubjectReview, TokenRequest, TokenRequestSpec};
use kube::api::PostParams;
use kube::{Api, Client};
use tidegate_crds::SecretText;
use tokio::sync::Notify;
use tokio::time::Instant;
use tracing::warn;

use super::Shared;
use super::keys::{AccountKey, Dependency};

/// A request that takes longer has failed.
const REQUEST_LIMIT: Duration = Duration::from_secs(10);

/// A token is renewed after this part of its life, as kubelets do.
const RENEW_AFTER: f64 = 0.8;

/// The first wait after a failure; it doubles with each.
const FIRST_RETRY: Duration = Duration::from_secs(5);

/// The longest wait after a failure.
const LONGEST_RETRY: Duration = Duration::from_secs(300);

/// A token, or why there is none, and when to ask again.
struct Entry {
    held: Result<SecretText, String>,
    ends: Instant,
    ask_at: Instant,
    retry: Duration,
}

/// The tokens in use.
pub(super) struct Tokens {
    client: Client,
    lifetime: Duration,
    entries: Mutex<HashMap<AccountKey, Entry>>,
    /// One request at a time: there are few accounts, and many triggers may want the same token at once.
    turn: tokio::sync::Mutex<()>,
    /// The operator's own account, once it is known.
    own: tokio::sync::OnceCell<Option<String>>,
    added: Notify,
}

impl Tokens {
    pub(super) fn new(client: Client, lifetime: Duration) -> Self {
        Tokens {
            client,
            lifetime,
            entries: Mutex::default(),
            turn: tokio::sync::Mutex::default(),
            own: tokio::sync::OnceCell::new(),
            added: Notify::new(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<AccountKey, Entry>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A token of the account.
    ///
    /// # Errors
    /// Why there is none, and what to do.
    pub(super) async fn get(&self, account: &AccountKey) -> Result<SecretText, String> {
        if let Some(held) = self.known(account) {
            return held;
        }
        let _turn = self.turn.lock().await;
        match self.known(account) {
            Some(held) => held,
            None => self.ask(account).await,
        }
    }

    fn known(&self, account: &AccountKey) -> Option<Result<SecretText, String>> {
        let entries = self.lock();
        let entry = entries.get(account)?;
        (entry.held.is_err() || Instant::now() < entry.ends).then(|| entry.held.clone())
    }

    /// Asks for a new one. A token that is still good stays when there is no other.
    async fn ask(&self, account: &AccountKey) -> Result<SecretText, String> {
        let asked = self.request(account).await;
        let now = Instant::now();
        let mut entries = self.lock();
        let entry = match (asked, entries.remove(account)) {
            (Ok((token, life)), _) => {
                Entry { held: Ok(token), ends: now + life, ask_at: now + life.mul_f64(RENEW_AFTER), retry: FIRST_RETRY }
            }
            (Err(why), before) => {
                let (held, ends, retry) = match before {
                    Some(Entry { held: Ok(token), ends, retry, .. }) if now < ends => (Ok(token), ends, retry),
                    Some(before) => (Err(why), now, before.retry),
                    None => (Err(why), now, FIRST_RETRY),
                };
                let pause = retry.mul_f64(crate::jitter::jitter(0.8..1.2));
                Entry { held, ends, ask_at: now + pause, retry: (retry * 2).min(LONGEST_RETRY) }
            }
        };
        let held = entry.held.clone();
        entries.insert(account.clone(), entry);
        drop(entries);
        self.added.notify_one();
        held
    }

    async fn request(&self, account: &AccountKey) -> Result<(SecretText, Duration), String> {
        let own = self.own_account().await?;
        if own.as_deref() == Some(&format!("system:serviceaccount:{}:{}", account.namespace, account.name)) {
            return Err(
                "this is the operator's own account, whose token is not given to triggers; name another".to_owned()
            );
        }
        let seconds = i64::try_from(self.lifetime.as_secs()).unwrap_or(i64::MAX);
        let request = TokenRequest {
            spec: Some(TokenRequestSpec { expiration_seconds: Some(seconds), ..TokenRequestSpec::default() }),
            ..TokenRequest::default()
        };
        let reply = self.post(account, &request).await?;
        let status = reply.status.unwrap_or_default();
        let token = status.token.filter(|token| !token.is_empty()).ok_or("the API server answered without a token")?;
        // The server may give a shorter life than was asked for, and says so here too. The time at which it ends is by the
        // server's clock: by ours it may be long past or far away.
        let given = reply.spec.and_then(|spec| spec.expiration_seconds).and_then(|seconds| u64::try_from(seconds).ok());
        let life = given.filter(|seconds| *seconds > 0).map_or(self.lifetime, Duration::from_secs);
        Ok((SecretText::new(token), life))
    }

    async fn post(&self, account: &AccountKey, request: &TokenRequest) -> Result<TokenRequest, String> {
        let path = format!("/api/v1/namespaces/{}/serviceaccounts/{}/token", account.namespace, account.name);
        let body = serde_json::to_vec(request).map_err(|error| format!("writing the request: {error}"))?;
        let request = hyper::Request::post(path)
            .header("content-type", "application/json")
            .body(body)
            .map_err(|error| format!("writing the request: {error}"))?;
        match tokio::time::timeout(REQUEST_LIMIT, self.client.request::<TokenRequest>(request)).await {
            Ok(Ok(reply)) => Ok(reply),
            Ok(Err(kube::Error::Api(status))) if status.code == 403 => Err(format!(
                "the operator's account may not; give it a Role in namespace {} that allows create on \
                 serviceaccounts/token (resourceNames: [{}] is enough)",
                account.namespace, account.name
            )),
            Ok(Err(kube::Error::Api(status))) if status.code == 404 => {
                Err(format!("there is no service account {:?} in namespace {:?}", account.name, account.namespace))
            }
            Ok(Err(error)) => Err(format!("the API server could not be asked: {error}")),
            Err(_) => Err("the API server did not answer in time".to_owned()),
        }
    }

    /// Who the operator is to the API server; `None`: no service account.
    async fn own_account(&self) -> Result<&Option<String>, String> {
        self.own
            .get_or_try_init(|| async {
                let api: Api<SelfSubjectReview> = Api::all(self.client.clone());
                let asked = SelfSubjectReview::default();
                let reply = tokio::time::timeout(REQUEST_LIMIT, api.create(&PostParams::default(), &asked)).await;
                let reply = match reply {
                    Ok(Ok(reply)) => reply,
                    Ok(Err(error)) => {
                        return Err(format!("the operator's own account could not be found out: {error}"));
                    }
                    Err(_) => return Err("the API server did not answer in time".to_owned()),
                };
                Ok(reply.status.and_then(|status| status.user_info).and_then(|user| user.username))
            })
            .await
    }

    /// Nobody needs it any more; the token is wiped.
    pub(super) fn forget(&self, account: &AccountKey) {
        self.lock().remove(account);
    }

    /// The next account to ask for, and when.
    fn next(&self) -> Option<(Instant, AccountKey)> {
        self.lock().iter().map(|(account, entry)| (entry.ask_at, account.clone())).min()
    }
}

/// Renews tokens until the credentials are stopped.
pub(super) async fn run(shared: Arc<Shared>) {
    let tokens = &shared.tokens;
    loop {
        let next = tokens.next();
        let due = async {
            match &next {
                Some((at, _)) => tokio::time::sleep_until(*at).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = shared.stop.cancelled() => return,
            () = tokens.added.notified() => continue,
            () = due => {}
        }
        let Some((_, account)) = next else { continue };
        let _turn = tokens.turn.lock().await;
        // It may have been given up while this waited.
        if !tokens.lock().contains_key(&account) {
            continue;
        }
        if let Err(why) = tokens.ask(&account).await {
            warn!(
                namespace = account.namespace,
                account = account.name,
                why,
                "a service account's token could not be had"
            );
        }
        shared.tell(&Dependency::Account(account)).await;
    }
}

#[cfg(test)]
mod tests;
