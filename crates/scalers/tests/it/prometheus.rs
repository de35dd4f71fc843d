//! The prometheus trigger against a real Prometheus: results of every kind, its own refusals, TLS in all forms.

use std::sync::Arc;
use std::time::Duration;

use tidegate_engine::{ReadError, ReadErrorKind, Reading, Timestamp};
use tidegate_scalers::{Clients, Scaler, TriggerInput, catalog};

use crate::egress::trusting;
use crate::fixtures::input;
use crate::real::{Authority, Prometheus};
use crate::watch::{self, CANARY, USER};

const AMPLE: Duration = Duration::from_secs(30);

fn trigger(server: &str, query: &str, auth: &[(&str, &str)]) -> TriggerInput {
    input("prometheus", &[("serverAddress", server), ("query", query), ("threshold", "10")], auth)
}

fn connect(input: &TriggerInput) -> Arc<dyn Scaler> {
    let checked = catalog::check(input).unwrap_or_else(|problems| panic!("{problems:?}"));
    checked.connect(&Clients::new())
}

fn now() -> Timestamp {
    let elapsed = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    Timestamp::from_millis(i64::try_from(elapsed.as_millis()).unwrap())
}

async fn read(input: &TriggerInput) -> Result<Reading, ReadError> {
    let result = connect(input).read(now(), AMPLE).await;
    if let Err(error) = &result {
        watch::no_secret("an error", &format!("{error:?}"));
    }
    result
}

fn notes(reading: &Reading) -> String {
    reading.figures.as_ref().map(|figures| figures.notes.join("; ")).unwrap_or_default()
}

#[tokio::test]
async fn results_of_every_kind() {
    let server = Prometheus::start("", &[]).await;
    let address = format!("http://127.0.0.1:{}", server.port);
    let ask = async |query: &str, strict: bool| {
        let mut input = trigger(&address, query, &[]);
        if strict {
            input.metadata.insert("ignoreNullValues".to_owned(), "false".to_owned());
        }
        read(&input).await
    };

    let reading = ask("vector(42.5)", true).await.unwrap();
    assert_eq!((reading.value, reading.activation_value, notes(&reading)), (42.5, None, String::new()));
    assert_eq!(ask("scalar(vector(7))", true).await.unwrap().value, 7.0, "a scalar");
    let before = now().as_millis() / 1000;
    let asked_at = ask("time()", true).await.unwrap().value;
    assert!((before as f64..=now().as_millis() as f64 / 1000.0).contains(&asked_at), "asked at the read's time");

    let negative = ask("vector(-3)", true).await.unwrap();
    assert_eq!((negative.value, negative.activation_value), (0.0, Some(-3.0)));
    assert_eq!(notes(&negative), "the query gave -3; a negative number counts as 0");

    for (query, found) in [
        ("absent(vector(1))", "the query has an empty result"),
        ("vector(0) / 0", "the query gave NaN"),
        ("vector(1) / 0", "the query gave +Inf"),
        ("vector(-1) / 0", "the query gave -Inf"),
        ("nothing[5m]", "the query has an empty result"),
    ] {
        let reading = ask(query, false).await.unwrap();
        assert_eq!((reading.value, reading.activation_value), (0.0, None), "{query}");
        assert_eq!(notes(&reading), format!("{found}; it counts as 0 because ignoreNullValues is true"));
        let error = ask(query, true).await.unwrap_err();
        assert_eq!(error.kind, ReadErrorKind::Invalid);
        let expected = format!(
            "querying Prometheus at {address}/api/v1/query: {found}, and ignoreNullValues is false; check the query"
        );
        assert_eq!(&*error.message, expected);
    }

    for (query, kind, found) in [
        ("vector(1) or label_replace(vector(2), \"a\", \"b\", \"\", \"\")", ReadErrorKind::Invalid, "has 2 elements"),
        ("\"text\"", ReadErrorKind::Invalid, "gives a string"),
        ("sum(", ReadErrorKind::Refused, "400 Bad Request: bad_data: "),
    ] {
        let error = ask(query, false).await.unwrap_err();
        assert_eq!(error.kind, kind, "{error}");
        assert!(error.message.contains(found), "{error}");
    }
}

#[tokio::test]
async fn a_path_below_or_a_slash_too_many() {
    let server = Prometheus::start("", &[]).await;
    let address = format!("http://127.0.0.1:{}", server.port);
    assert_eq!(read(&trigger(&format!("{address}/"), "vector(1)", &[])).await.unwrap().value, 1.0);
    let error = read(&trigger(&format!("{address}/elsewhere"), "vector(1)", &[])).await.unwrap_err();
    assert_eq!(error.kind, ReadErrorKind::NotFound, "{error}");
    assert!(error.message.contains("/elsewhere/api/v1/query: the server answered 404"), "{error}");
}

#[tokio::test]
async fn basic_authentication() {
    // The hash of the canary.
    let web = format!("basic_auth_users: {{ {USER}: $2b$04$abcdefghijklmnopqrstuus2jpZeR9sWTpqeKYoo9T.Cb5XlnaPmq }}\n");
    let server = Prometheus::start(&web, &[]).await;
    let address = format!("http://127.0.0.1:{}", server.port);
    let with = |password| {
        trigger(&address, "vector(1)", &[("authModes", "basic"), ("username", USER), ("password", password)])
    };
    assert_eq!(read(&with(CANARY)).await.unwrap().value, 1.0);
    for refused in [with("wrong"), trigger(&address, "vector(1)", &[])] {
        let error = read(&refused).await.unwrap_err();
        assert_eq!(error.kind, ReadErrorKind::Unauthorized, "{error}");
        assert!(error.message.contains("401 Unauthorized"), "{error}");
        assert!(error.message.ends_with("check the credentials and authModes"), "{error}");
    }
    let within = format!("http://{USER}:{CANARY}@127.0.0.1:{}", server.port);
    assert_eq!(read(&trigger(&within, "vector(1)", &[])).await.unwrap().value, 1.0);
}

const TLS: &str = "tls_server_config: { cert_file: server.pem, key_file: server.key }\n";

#[tokio::test]
async fn tls_with_an_own_authority() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    let identity = authority.server("127.0.0.1");
    let files = [("server.pem", identity.certificate.as_str()), ("server.key", identity.key.as_str())];
    let server = Prometheus::start(TLS, &files).await;
    let address = format!("https://127.0.0.1:{}", server.port);

    // Without any auth mode, as KEDA's page promises.
    assert_eq!(read(&trigger(&address, "vector(1)", &[("ca", &authority.certificate())])).await.unwrap().value, 1.0);

    for auth in [vec![], vec![("ca", stranger.certificate())]] {
        let auth: Vec<_> = auth.iter().map(|(name, text)| (*name, text.as_str())).collect();
        let error = read(&trigger(&address, "vector(1)", &auth)).await.unwrap_err();
        assert_eq!(error.kind, ReadErrorKind::Unreachable);
        assert!(error.message.starts_with(&format!("querying Prometheus at {address}/api/v1/query: ")), "{error}");
        assert!(error.message.contains("the TLS handshake failed: invalid peer certificate: "), "{error}");
        assert!(error.message.contains("as \"ca\""), "{error}");
    }

    for auth in [vec![], vec![("ca", stranger.certificate())]] {
        let auth: Vec<_> = auth.iter().map(|(name, text)| (*name, text.as_str())).collect();
        let mut input = trigger(&address, "vector(1)", &auth);
        input.metadata.insert("unsafeSsl".to_owned(), "true".to_owned());
        assert_eq!(read(&input).await.unwrap().value, 1.0, "unsafeSsl holds beside ca");
    }

    let plain = address.replace("https", "http");
    let error = read(&trigger(&plain, "vector(1)", &[])).await.unwrap_err();
    assert!(error.message.contains("400 Bad Request") && error.message.contains("HTTPS"), "{error}");
}

/// AUTH-21
#[tokio::test]
async fn tls_with_an_authority_in_a_folder() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    let identity = authority.server("127.0.0.1");
    let files = [("server.pem", identity.certificate.as_str()), ("server.key", identity.key.as_str())];
    let server = Prometheus::start(TLS, &files).await;
    let input = trigger(&format!("https://127.0.0.1:{}", server.port), "vector(1)", &[]);
    for (folder, trusted) in [(&authority, true), (&stranger, false)] {
        let scaler = catalog::check(&input).unwrap().connect(&trusting(&folder.certificate()));
        let reading = scaler.read(now(), AMPLE).await;
        assert_eq!(reading.is_ok(), trusted, "{reading:?}");
    }
}

#[tokio::test]
async fn a_certificate_for_another_name() {
    let authority = Authority::new();
    let identity = authority.server("prometheus.example");
    let files = [("server.pem", identity.certificate.as_str()), ("server.key", identity.key.as_str())];
    let server = Prometheus::start(TLS, &files).await;
    let address = format!("https://127.0.0.1:{}", server.port);
    let error = read(&trigger(&address, "vector(1)", &[("ca", &authority.certificate())])).await.unwrap_err();
    assert!(error.message.contains("ask by a name that the certificate is for"), "{error}");
}

#[tokio::test]
async fn tls_towards_a_plain_server() {
    let server = Prometheus::start("", &[]).await;
    let address = format!("https://127.0.0.1:{}", server.port);
    let error = read(&trigger(&address, "vector(1)", &[])).await.unwrap_err();
    assert_eq!(error.kind, ReadErrorKind::Unreachable);
    assert!(error.message.contains("the server does not seem to speak TLS on this port"), "{error}");
}

#[tokio::test]
async fn mutual_tls() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    let identity = authority.server("127.0.0.1");
    let ca = authority.certificate();
    let web = "tls_server_config:\n  cert_file: server.pem\n  key_file: server.key\n  client_ca_file: ca.pem\n  \
               client_auth_type: RequireAndVerifyClientCert\n";
    let files = [("server.pem", identity.certificate.as_str()), ("server.key", identity.key.as_str()), ("ca.pem", &ca)];
    let server = Prometheus::start(web, &files).await;
    let address = format!("https://127.0.0.1:{}", server.port);

    let mine = authority.client();
    let auth = [("authModes", "tls"), ("ca", &*ca), ("cert", &*mine.certificate), ("key", &*mine.key)];
    assert_eq!(read(&trigger(&address, "vector(1)", &auth)).await.unwrap().value, 1.0);

    let theirs = stranger.client();
    let auth = [("authModes", "tls"), ("ca", &*ca), ("cert", &*theirs.certificate), ("key", &*theirs.key)];
    for refused in [trigger(&address, "vector(1)", &auth), trigger(&address, "vector(1)", &[("ca", &ca)])] {
        let error = read(&refused).await.unwrap_err();
        assert_eq!(error.kind, ReadErrorKind::Unreachable);
        // The server's reason is an alert, which can be overtaken by the end of the connection.
        assert!(error.message.contains("client certificate"), "{error}");
    }

    // Said before anything connects.
    let auth = [("authModes", "tls"), ("ca", &*ca), ("cert", &*mine.certificate), ("key", &*theirs.key)];
    let problems = catalog::check(&trigger(&address, "vector(1)", &auth)).unwrap_err();
    assert_eq!(problems[0].parameter, "key");
    let auth = [("authModes", "tls"), ("cert", &*mine.certificate)];
    let problems = catalog::check(&trigger(&address, "vector(1)", &auth)).unwrap_err();
    assert_eq!(problems[0].message, "is required and absent: authModes lists \"tls\"");
    let problems = catalog::check(&trigger(&address, "vector(1)", &[("ca", "no certificate")])).unwrap_err();
    assert_eq!(problems[0].parameter, "ca");
}

/// POL-07
#[tokio::test]
async fn a_server_that_goes_and_comes_back() {
    let server = Prometheus::start("", &[]).await;
    let scaler = connect(&trigger(&format!("http://127.0.0.1:{}", server.port), "vector(1)", &[]));
    assert_eq!(scaler.read(now(), AMPLE).await.unwrap().value, 1.0);
    let stopped = server.stop();
    assert_eq!(scaler.read(now(), AMPLE).await.unwrap_err().kind, ReadErrorKind::Unreachable);
    let _server = stopped.start().await;
    assert_eq!(scaler.read(now(), AMPLE).await.unwrap().value, 1.0, "the same scaler reads again");
}
