//! Names that lead elsewhere from one connection to the next, and hosts that credentials are not for. What counts is what
//! is dialled, each time.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use tidegate_engine::{ReadError, ReadErrorKind, Timestamp};
use tidegate_scalers::{AllowedHosts, ApiServer, Clients, EgressPolicy, Resolver, TriggerInput, catalog};
use tokio::net::TcpListener;

use crate::fixtures::input;
use crate::server::{Play, Server, http};

const AMPLE: Duration = Duration::from_secs(30);
/// Allowed by the administrator in these tests, as a server of a tenant would be.
const GOOD: &str = "127.0.0.2";
const NAME: &str = "rebound.test";

fn now() -> Timestamp {
    "2026-06-01T12:00:00Z".parse().unwrap()
}

/// Says the same of every name, until it is told to say something else.
#[derive(Clone)]
struct Names(Arc<Mutex<Vec<IpAddr>>>);

impl Names {
    fn lead_to(addresses: &[&str]) -> Names {
        let names = Names(Arc::default());
        names.now_lead_to(addresses);
        names
    }

    fn now_lead_to(&self, addresses: &[&str]) {
        *self.0.lock().unwrap() = addresses.iter().map(|address| address.parse().unwrap()).collect();
    }
}

#[async_trait]
impl Resolver for Names {
    async fn addresses(&self, host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        let literal = host.trim_matches(['[', ']']).parse::<IpAddr>();
        let found = literal.map_or_else(|_| self.0.lock().unwrap().clone(), |address| vec![address]);
        Ok(found.into_iter().map(|address| SocketAddr::new(address, port)).collect())
    }
}

/// Like an operator's: neither loopback nor the API server, but for [`GOOD`].
fn clients(names: &Names) -> Clients {
    let policy = EgressPolicy::cluster(ApiServer::at(["10.96.0.1".parse().unwrap()])).allowing([GOOD.parse().unwrap()]);
    Clients::new().with_egress(policy).with_resolver(Arc::new(names.clone()))
}

fn triggers(address: &str) -> Vec<TriggerInput> {
    let url = format!("http://{address}/");
    vec![
        input("prometheus", &[("serverAddress", &url), ("query", "up"), ("threshold", "1")], &[]),
        input("metrics-api", &[("url", &url), ("valueLocation", "a"), ("targetValue", "1")], &[]),
        input("kafka", &[("bootstrapServers", address), ("consumerGroup", "g"), ("topic", "t")], &[]),
        input("external", &[("scalerAddress", address)], &[]),
    ]
}

async fn fails(clients: &Clients, input: &TriggerInput) -> ReadError {
    catalog::check(input).unwrap().connect(clients).read(now(), AMPLE).await.unwrap_err()
}

async fn refused(clients: &Clients, input: &TriggerInput, part: &str) {
    let error = fails(clients, input).await;
    assert_eq!(error.kind, ReadErrorKind::Configuration, "{}: {error}", input.kind);
    assert!(error.message.contains(part), "{}: {error}", input.kind);
}

/// The same port at the allowed address, where it hangs up, and at loopback, where nobody may come.
async fn good_and_trap() -> (Server, Arc<AtomicUsize>) {
    loop {
        let good = Server::start_at(GOOD, Play::Close).await;
        let Ok(trap) = TcpListener::bind(("127.0.0.1", good.address.port())).await else { continue };
        let caught = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&caught);
        tokio::spawn(async move {
            while trap.accept().await.is_ok() {
                counted.fetch_add(1, Ordering::SeqCst);
            }
        });
        return (good, caught);
    }
}

/// PAIN-21: a name that led to an allowed server leads to the operator's machine, a metadata service or the API server at the
/// next connection; by one and the same trigger, with its pools as they are
#[tokio::test]
async fn a_name_that_changes_its_address_is_judged_at_each_dial() {
    let (good, caught) = good_and_trap().await;
    for input in triggers(&format!("{NAME}:{}", good.address.port())) {
        let names = Names::lead_to(&[GOOD]);
        let clients = clients(&names);
        let scaler = catalog::check(&input).unwrap().connect(&clients);
        let before = good.connections();
        let error = scaler.read(now(), AMPLE).await.unwrap_err();
        assert!(good.connections() > before, "{}: the good server was reached: {error}", input.kind);
        for (address, part) in [
            ("127.0.0.1", "loopback"),
            ("::1", "loopback"),
            ("::ffff:127.0.0.1", "loopback"),
            ("169.254.169.254", "metadata service"),
            ("fe80::1", "link-local"),
            ("10.96.0.1", "API server"),
        ] {
            names.now_lead_to(&[address]);
            let error = scaler.read(now(), AMPLE).await.unwrap_err();
            assert_eq!(error.kind, ReadErrorKind::Configuration, "{} {address}: {error}", input.kind);
            assert!(error.message.contains(part), "{} {address}: {error}", input.kind);
        }
        // Of several addresses only those that are allowed are dialled, and it works again when the name is right again.
        names.now_lead_to(&["127.0.0.1", GOOD]);
        let before = good.connections();
        assert_ne!(scaler.read(now(), AMPLE).await.unwrap_err().kind, ReadErrorKind::Configuration, "{}", input.kind);
        assert!(good.connections() > before, "{}: the good server was reached again", input.kind);
    }
    assert_eq!(caught.load(Ordering::SeqCst), 0, "somebody was connected to");
}

/// PAIN-21: a server that may be asked sends the request on to a name, and that leads to where it may not go
#[tokio::test]
async fn a_redirect_to_a_name_is_judged_by_its_address() {
    let (trap, caught) = good_and_trap().await;
    let location = format!("302 Found\r\nlocation: http://{NAME}:{}/", trap.address.port());
    let server = Server::start_at(GOOD, Play::Say(Arc::new(move |_| http(&location, b"")))).await;
    for (address, part) in [("127.0.0.1", "loopback"), ("169.254.169.254", "metadata"), ("10.96.0.1", "API server")] {
        let clients = clients(&Names::lead_to(&[address]));
        for input in triggers(&server.address.to_string()).into_iter().take(2) {
            refused(&clients, &input, part).await;
        }
    }
    assert_eq!((trap.connections(), caught.load(Ordering::SeqCst)), (0, 0), "somebody was connected to");
}

fn only(input: TriggerInput, hosts: &[(&str, Option<u16>)]) -> TriggerInput {
    let hosts = hosts.iter().map(|(host, port)| ((*host).to_owned(), *port)).collect();
    let said_by = "the annotation of ClusterTriggerAuthentication prod".to_owned();
    TriggerInput { allowed_hosts: Some(Arc::new(AllowedHosts { said_by, hosts })), ..input }
}

/// PAIN-21: credentials that are for other hosts do not go there, whatever connections others share
#[tokio::test]
async fn only_hosts_that_the_credentials_are_for_are_dialled() {
    let server = Server::start_at(GOOD, Play::Close).await;
    let port = server.address.port();
    let clients = clients(&Names::lead_to(&[GOOD]));
    let elsewhere: &[(&str, Option<u16>)] = &[("kafka.prod.svc", None), ("*.prod.svc", None), (NAME, Some(1))];
    for input in triggers(&format!("{NAME}:{port}")) {
        // The same settings without a limit: what is shared by these is not for the other.
        assert_ne!(fails(&clients, &input).await.kind, ReadErrorKind::Configuration, "{}", input.kind);
        let before = server.connections();
        let expected =
            format!("{NAME}:{port} is not among the hosts that the annotation of ClusterTriggerAuthentication prod");
        refused(&clients, &only(input.clone(), elsewhere), &expected).await;
        assert_eq!(server.connections(), before, "{}: it was dialled", input.kind);
        let error = fails(&clients, &only(input.clone(), &[("*.test", Some(port))])).await;
        assert_ne!(error.kind, ReadErrorKind::Configuration, "{}: {error}", input.kind);
        assert!(server.connections() > before, "{}: it may go there", input.kind);
    }
    for input in triggers(&format!("{GOOD}:{port}")) {
        refused(&clients, &only(input, elsewhere), &format!("{GOOD}:{port} is not among the hosts")).await;
    }
}

/// PAIN-21: nor by a redirect, nor to a token endpoint, whatever the trigger itself may ask
#[tokio::test]
async fn neither_redirects_nor_token_endpoints_lead_elsewhere() {
    let other = Server::start_at(GOOD, Play::Close).await;
    let there = format!("http://{NAME}:{}/", other.address.port());
    let location = format!("302 Found\r\nlocation: {there}");
    let server = Server::start_at(GOOD, Play::Say(Arc::new(move |_| http(&location, b"")))).await;
    let clients = clients(&Names::lead_to(&[GOOD]));
    let own: &[(&str, Option<u16>)] = &[(GOOD, Some(server.address.port()))];
    let address = server.address.to_string();
    for input in triggers(&address).into_iter().take(2) {
        refused(&clients, &only(input, own), "is not among the hosts").await;
    }
    let (url, secrets) =
        (format!("http://{address}/"), [("oauthTokenURI", &*there), ("clientID", "a"), ("clientSecret", "b")]);
    let metadata = [("serverAddress", &*url), ("query", "up"), ("threshold", "1"), ("authModes", "oauth")];
    refused(&clients, &only(input("prometheus", &metadata, &secrets), own), "is not among the hosts").await;
    assert_eq!(other.connections(), 0, "somebody was connected to");
}
