//! Bearer tokens, judged by the API server (TokenReview) and remembered for as long as Kubernetes' own servers do.

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::authentication::v1::{TokenReview, TokenReviewSpec};
use kube::api::{Api, PostParams};
use sha2::{Digest, Sha256};

use super::answers::Answers;
use super::caller::Caller;

/// As `k8s.io/apiserver` has it: a token that is taken back works at most this much longer.
const LIFETIME: Duration = Duration::from_secs(10);
/// Tokens remembered at once.
const MOST: usize = 4096;

/// Judges tokens.
pub(super) struct Tokens {
    api: Api<TokenReview>,
    /// By the token's digest; the token itself is not kept.
    known: Answers<[u8; 32], Option<Arc<Caller>>>,
}

impl Tokens {
    pub(super) fn new(client: kube::Client) -> Self {
        Tokens { api: Api::all(client), known: Answers::new(LIFETIME, MOST) }
    }

    /// Whose token it is. `None`: nobody's.
    ///
    /// # Errors
    /// When the API server does not say.
    pub(super) async fn whose(&self, token: &str) -> Result<Option<Arc<Caller>>, kube::Error> {
        let key: [u8; 32] = Sha256::digest(token.as_bytes()).into();
        self.known.get(&key, || self.ask(token)).await
    }

    async fn ask(&self, token: &str) -> Result<Option<Arc<Caller>>, kube::Error> {
        let spec = TokenReviewSpec { token: token.to_owned(), audiences: None };
        let review = TokenReview { spec, ..TokenReview::default() };
        let status = self.api.create(&PostParams::default(), &review).await?.status.unwrap_or_default();
        let user = status.user.filter(|_| status.authenticated == Some(true));
        Ok(user.and_then(|user| {
            let name = user.username.filter(|name| !name.is_empty())?;
            let (groups, extra) = (user.groups.unwrap_or_default(), user.extra.unwrap_or_default());
            Some(Caller { name, uid: user.uid.filter(|uid| !uid.is_empty()), groups, extra }.authenticated())
        }))
    }
}
