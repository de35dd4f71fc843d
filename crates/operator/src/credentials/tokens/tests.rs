//! Tokens over a server whose clock is wrong and which refuses at times.

use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};

use hyper::{Request, Response};
use kube::client::Body;
use serde_json::json;

use super::*;

const LIFE: Duration = Duration::from_secs(600);

/// An API server whose clock is apart from ours, and which refuses the operator's own token for a while.
#[derive(Default)]
struct Server {
    apart: jiff::SignedDuration,
    asked: AtomicUsize,
    status: AtomicI64,
}

impl Server {
    fn tokens(self: &Arc<Self>) -> Tokens {
        let server = Arc::clone(self);
        let service = tower::service_fn(move |request: Request<Body>| {
            let answer = server.answer(request.uri().path());
            async move { Ok::<_, std::convert::Infallible>(answer) }
        });
        Tokens::new(Client::new(service, "default"), LIFE)
    }

    fn answer(&self, path: &str) -> Response<Body> {
        let code = self.status.load(Ordering::SeqCst);
        let refused = json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code,
            "reason": "Unauthorized", "message": "Unauthorized"});
        let body = match path {
            _ if code != 0 => refused,
            path if path.ends_with("/token") => {
                let number = self.asked.fetch_add(1, Ordering::SeqCst) + 1;
                let ends = jiff::Timestamp::now() + self.apart + jiff::SignedDuration::from_secs(600);
                json!({"kind": "TokenRequest", "apiVersion": "authentication.k8s.io/v1", "metadata": {},
                    "spec": {"audiences": [], "expirationSeconds": 600},
                    "status": {"token": format!("token-{number}"), "expirationTimestamp": ends.to_string()}})
            }
            _ => json!({"kind": "SelfSubjectReview", "apiVersion": "authentication.k8s.io/v1", "metadata": {},
                "status": {"userInfo": {"username": "system:serviceaccount:keda:keda-operator"}}}),
        };
        let status = if code == 0 { 200 } else { u16::try_from(code).unwrap() };
        Response::builder().status(status).body(Body::from(body.to_string().into_bytes())).unwrap()
    }

    fn refuses(&self, code: i64) {
        self.status.store(code, Ordering::SeqCst);
    }
}

fn account() -> AccountKey {
    AccountKey { namespace: "shop".to_owned(), name: "reader".to_owned() }
}

async fn given(tokens: &Tokens) -> Result<String, String> {
    tokens.get(&account()).await.map(|token| token.expose().to_owned())
}

/// AUTH-12: by a clock that is hours apart from the API server's, a token is used while it lasts, and never after it.
#[tokio::test(start_paused = true)]
async fn a_token_is_renewed_when_it_ends_whatever_the_clocks_say() {
    for hours in [-3, 0, 3] {
        let server = Arc::new(Server { apart: jiff::SignedDuration::from_hours(hours), ..Server::default() });
        let tokens = server.tokens();
        assert_eq!(given(&tokens).await.as_deref(), Ok("token-1"), "{hours} h");
        tokio::time::advance(LIFE - Duration::from_secs(1)).await;
        assert_eq!(given(&tokens).await.as_deref(), Ok("token-1"), "{hours} h");
        let (at, _) = tokens.next().unwrap();
        assert!(at < Instant::now(), "{hours} h: it is renewed before it ends");
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!(given(&tokens).await.as_deref(), Ok("token-2"), "{hours} h: an expired one is not given");
    }
}

/// A token that is good is kept while the operator's own is refused; one that has ended is an error, not a credential.
#[tokio::test(start_paused = true)]
async fn while_the_operator_is_refused_only_good_tokens_are_given() {
    let server = Arc::new(Server::default());
    let tokens = server.tokens();
    given(&tokens).await.unwrap();
    server.refuses(401);
    tokio::time::advance(LIFE.mul_f64(RENEW_AFTER)).await;
    assert_eq!(tokens.ask(&account()).await.unwrap().expose(), "token-1");
    tokio::time::advance(LIFE).await;
    let error = given(&tokens).await.unwrap_err();
    assert!(error.contains("Unauthorized"), "{error}");
    server.refuses(0);
    assert_eq!(tokens.ask(&account()).await.unwrap().expose(), "token-2");
    assert_eq!(given(&tokens).await.as_deref(), Ok("token-2"));
}
