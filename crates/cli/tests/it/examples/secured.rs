//! Kafka behind a login and behind client certificates: a real broker, credentials from a Secret.

use super::{Ground, produce};
use crate::broker::{self, PASSWORD, USER};

/// A PEM text as the block that stands in a manifest.
fn block(pem: &str) -> String {
    pem.lines().map(|line| format!("    {line}\n")).collect()
}

/// The PEM block below `key` in the example's file.
fn written(example: &str, key: &str) -> String {
    let text = super::text_of(example, &[]);
    let (_, rest) = text.split_once(&format!("  {key}: |\n")).unwrap();
    rest.lines().take_while(|line| line.starts_with("    ")).map(|line| format!("{line}\n")).collect()
}

async fn out_and_in(ground: &Ground, plain: &'static str, topic: &'static str) {
    let worker = format!("{topic}-worker");
    let load = tokio::task::spawn_blocking(move || produce(plain, topic, "20/s", "3s"));
    ground.until(&worker, "1 or more", |replicas| replicas >= 1).await;
    load.await.unwrap();
    ground.until(&worker, "0 again", |replicas| replicas == 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kafka_with_scram_over_tls_is_read_and_consumed_with_the_same_secret() {
    let (broker, _turn) = broker::shared().await;
    let ground = Ground::prepare("kafka-scram").await;
    broker.raw().create_topic("invoices", 4);
    let (before, after) = (written("kafka-scram", "ca"), block(&broker.certificates.ca));
    let replacements = [
        ("kafka-0.kafka.svc:9094", broker.sasl_tls.as_str()),
        ("username: invoices", &format!("username: {USER}")),
        ("password: change me", &format!("password: {PASSWORD}")),
        (&before, &after),
    ];
    ground.apply("kafka-scram", &replacements);
    out_and_in(&ground, &broker.plain, "invoices").await;
    assert!(!ground.log().contains(PASSWORD), "the password is in the log");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kafka_that_wants_client_certificates_is_read_and_consumed_with_the_same_secret() {
    let (broker, _turn) = broker::shared().await;
    let ground = Ground::prepare("kafka-mtls").await;
    broker.raw().create_topic("payments", 4);
    let of_broker = &broker.certificates;
    let keys = ["ca.crt", "tls.crt", "tls.key"];
    let [ca, certificate, key] = keys.map(|key| written("kafka-mtls", key));
    let plain_key = &of_broker.client_keys.iter().find(|(form, _)| *form == "PKCS#8").unwrap().1;
    let replacements = [
        ("kafka-0.kafka.svc:9095", broker.mutual.as_str()),
        (&ca, &block(&of_broker.ca)),
        (&certificate, &block(&of_broker.client)),
        (&key, &block(plain_key)),
    ];
    ground.apply("kafka-mtls", &replacements);
    out_and_in(&ground, &broker.plain, "payments").await;
}
