//! Where triggers may not go: judged by what is dialled, in every protocol, at each redirect.

use std::sync::Arc;
use std::time::Duration;

use tidegate_engine::{ReadErrorKind, Timestamp};
use tidegate_scalers::{ApiServer, Authorities, Clients, EgressPolicy, TriggerInput, catalog};

use crate::fixtures::input;
use crate::server::{Play, Server, http};

const AMPLE: Duration = Duration::from_secs(30);

fn now() -> Timestamp {
    "2026-06-01T12:00:00Z".parse().unwrap()
}

fn triggers(host: &str, port: u16) -> Vec<TriggerInput> {
    let address = format!("{host}:{port}");
    let url = format!("http://{address}/");
    vec![
        input("prometheus", &[("serverAddress", &url), ("query", "up"), ("threshold", "1")], &[]),
        input("metrics-api", &[("url", &url), ("valueLocation", "a"), ("targetValue", "1")], &[]),
        input("kafka", &[("bootstrapServers", &address), ("consumerGroup", "g"), ("topic", "t")], &[]),
        input("external", &[("scalerAddress", &address)], &[]),
    ]
}

/// Clients that find this authority in a folder.
pub fn trusting(authority: &str) -> Clients {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("ca.crt"), authority).unwrap();
    let (authorities, faults) = Authorities::read(&[folder.path().to_path_buf()]);
    assert_eq!(faults, Vec::<String>::new());
    Clients::new().with_egress(EgressPolicy::default().trusting(authorities))
}

async fn refused(clients: &Clients, input: &TriggerInput, part: &str) {
    let scaler = catalog::check(input).unwrap().connect(clients);
    let error = scaler.read(now(), AMPLE).await.unwrap_err();
    assert_eq!(error.kind, ReadErrorKind::Configuration, "{}: {error}", input.kind);
    assert!(error.message.contains(part), "{}: {error}", input.kind);
}

/// PAIN-21
#[tokio::test]
async fn loopback_is_refused_on_a_cluster_by_address_and_by_name() {
    let server = Server::start(Play::Close).await;
    let clients = Clients::new().with_egress(EgressPolicy::cluster(ApiServer::default()));
    for host in ["127.0.0.1", "localhost", "0.0.0.0"] {
        for input in triggers(host, server.address.port()) {
            refused(&clients, &input, "loopback").await;
        }
    }
    assert_eq!(server.connections(), 0, "nothing was dialled");
}

/// PAIN-21
#[tokio::test]
async fn the_api_server_and_metadata_services_are_refused() {
    let clients = Clients::new().with_egress(EgressPolicy::cluster(ApiServer::at(["10.96.0.1".parse().unwrap()])));
    for (host, part) in [("10.96.0.1", "API server"), ("169.254.169.254", "metadata service")] {
        for input in triggers(host, 80) {
            refused(&clients, &input, part).await;
        }
    }
    for input in triggers("169.254.169.254", 80) {
        refused(&Clients::new(), &input, "metadata service").await;
    }
}

#[tokio::test]
async fn what_the_administrator_allows_is_dialled() {
    let server = Server::start(Play::Close).await;
    let policy = EgressPolicy::cluster(ApiServer::default()).allowing(["127.0.0.0/8".parse().unwrap()]);
    let clients = Clients::new().with_egress(policy);
    for (place, input) in triggers("127.0.0.1", server.address.port()).into_iter().enumerate() {
        let error = catalog::check(&input).unwrap().connect(&clients).read(now(), AMPLE).await.unwrap_err();
        assert_eq!(error.kind, ReadErrorKind::Unreachable, "{}: {error}", input.kind);
        assert!(server.connections() > place, "{}", input.kind);
    }
}

/// A server that may be asked sends the request on to one that may not.
#[tokio::test]
async fn a_redirect_does_not_lead_there() {
    let location = "302 Found\r\nlocation: http://169.254.169.254/latest/meta-data";
    let server = Server::start(Play::Say(Arc::new(move |_| http(location, b"")))).await;
    for input in triggers("127.0.0.1", server.address.port()).into_iter().take(2) {
        refused(&Clients::new(), &input, "metadata service").await;
    }
}
