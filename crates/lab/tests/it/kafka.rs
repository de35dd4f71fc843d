//! The lab against a real Apache Kafka, which `cargo xtask setup` puts under target/servers/kafka.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::config::ClientConfig;
use rdkafka::error::RDKafkaErrorCode;
use serde_json::json;
use tidegate_lab::consume::{self, ConsumeOptions, Speed};
use tidegate_lab::kafka::{KafkaSettings, Sasl, Sensitive};
use tidegate_lab::load;
use tokio_util::sync::CancellationToken;

use crate::ports::free_ports;
use crate::support::{self, PATIENCE, offsets, points, soon};

/// One broker that is its own controller, and ends with the test.
struct Kafka {
    process: Child,
    settings: KafkaSettings,
    folder: tempfile::TempDir,
    _turn: tokio::sync::MutexGuard<'static, ()>,
}

/// One broker at a time: on a small machine several that start together keep each other from it.
static TURN: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

impl Drop for Kafka {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The folder with Kafka's jars.
fn jars() -> PathBuf {
    if let Some(folder) = std::env::var_os("TIDEGATE_KAFKA_LIB") {
        return folder.into();
    }
    let start = Path::new(env!("CARGO_MANIFEST_DIR"));
    let root = start.ancestors().find(|folder| folder.join("Cargo.lock").exists()).unwrap_or(start);
    let folder = root.join("target/servers/kafka/lib");
    assert!(
        folder.is_dir(),
        "no Kafka in {}: run `cargo xtask setup` first, or set TIDEGATE_KAFKA_LIB",
        folder.display()
    );
    folder
}

fn java(jars: &Path, main: &str) -> Command {
    let mut command = Command::new("java");
    command.arg("-Xmx256m").arg("-cp").arg(format!("{}/*", jars.display())).arg(main);
    command.stdout(Stdio::null()).stderr(Stdio::null());
    command
}

/// Starts one with `protocol` on its client listener and further lines of configuration.
async fn kafka(protocol: &str, more: &str) -> Kafka {
    let turn = TURN.lock().await;
    let jars = jars();
    let folder = tempfile::tempdir().unwrap();
    let [clients, controller] = free_ports().unwrap();
    let config = folder.path().join("server.properties");
    let text = format!(
        "process.roles=broker,controller\nnode.id=1\ncontroller.quorum.voters=1@127.0.0.1:{controller}\n\
         listeners=CLIENTS://127.0.0.1:{clients},CONTROLLER://127.0.0.1:{controller}\n\
         advertised.listeners=CLIENTS://127.0.0.1:{clients}\ncontroller.listener.names=CONTROLLER\n\
         listener.security.protocol.map=CLIENTS:{protocol},CONTROLLER:PLAINTEXT\ninter.broker.listener.name=CLIENTS\n\
         log.dirs={}\noffsets.topic.replication.factor=1\noffsets.topic.num.partitions=1\n\
         transaction.state.log.replication.factor=1\ntransaction.state.log.min.isr=1\n\
         auto.create.topics.enable=false\ngroup.initial.rebalance.delay.ms=0\n{more}\n",
        folder.path().join("data").display()
    );
    std::fs::write(&config, text).unwrap();
    let formatted = java(&jars, "kafka.tools.StorageTool")
        .args(["format", "-t", "4L6g3nShT-eMCtK--X86sw", "-c"])
        .arg(&config)
        .status()
        .unwrap_or_else(|error| panic!("java cannot be started ({error}); `cargo xtask setup` says what is missing"));
    assert!(formatted.success(), "formatting Kafka's storage failed");
    let process = java(&jars, "kafka.Kafka").arg(&config).spawn().unwrap();
    Kafka { process, settings: KafkaSettings::plaintext(format!("127.0.0.1:{clients}")), folder, _turn: turn }
}

/// Makes topic `orders`, as soon as the broker answers.
async fn make_topic(kafka: &Kafka, config: &ClientConfig) {
    let admin: AdminClient<DefaultClientContext> = config.create().unwrap();
    let topic = NewTopic::new("orders", 4, TopicReplication::Fixed(1));
    let deadline = Instant::now() + PATIENCE;
    loop {
        let options = AdminOptions::new().request_timeout(Some(Duration::from_secs(5)));
        let made = admin.create_topics([&topic], &options).await;
        let there = |made: &Result<String, (String, RDKafkaErrorCode)>| match made {
            Ok(_) => true,
            // The answer to the try before came too late.
            Err((_, code)) => *code == RDKafkaErrorCode::TopicAlreadyExists,
        };
        if made.as_ref().is_ok_and(|topics| topics.iter().all(there)) {
            return;
        }
        assert!(Instant::now() < deadline, "kafka in {}: {made:?}", kafka.folder.path().display());
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

fn plain(kafka: &Kafka) -> ClientConfig {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", &kafka.settings.bootstrap_servers);
    config
}

async fn produce_and_consume(settings: &KafkaSettings) -> consume::ConsumeSummary {
    let fields = json!({
        "executor": "constant-arrival-rate", "rate": 500, "duration": "1s", "message": {"key": "random"},
    });
    let spec = support::load(fields);
    let produced = soon("the load", load::run(&spec, settings, points(), CancellationToken::new())).await.unwrap();
    assert_eq!((produced.produced, produced.failed, produced.dropped), (500, 0, 0), "{produced:?}");
    let mut options = ConsumeOptions::new(settings.clone(), vec!["orders".to_owned()], "workers");
    options.speed = Speed::Rate(5000.0);
    options.max_records = Some(500);
    soon("consuming", consume::run(options, CancellationToken::new())).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_real_kafka_assigns_and_keeps_what_was_committed() {
    let kafka = kafka("PLAINTEXT", "").await;
    make_topic(&kafka, &plain(&kafka)).await;
    let summary = produce_and_consume(&kafka.settings).await;
    assert_eq!(summary.processed, 500);
    assert_eq!(offsets(&kafka.settings.bootstrap_servers, "workers", 4), (500, 500));
}

#[tokio::test(flavor = "multi_thread")]
async fn where_the_broker_does_not_assign_the_members_do() {
    let kafka = kafka("PLAINTEXT", "group.coordinator.rebalance.protocols=classic").await;
    make_topic(&kafka, &plain(&kafka)).await;
    let summary = produce_and_consume(&kafka.settings).await;
    assert_eq!(summary.processed, 500);
    assert_eq!(offsets(&kafka.settings.bootstrap_servers, "workers", 4), (500, 500));
}

#[tokio::test(flavor = "multi_thread")]
async fn credentials_are_sent_and_wrong_ones_are_a_clear_error() {
    let users = "listener.name.clients.sasl.enabled.mechanisms=PLAIN\nsasl.mechanism.inter.broker.protocol=PLAIN\n\
                 listener.name.clients.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule \
                 required username=\"lab\" password=\"hunter2\" user_lab=\"hunter2\";";
    let mut kafka = kafka("SASL_PLAINTEXT", users).await;
    let mut config = plain(&kafka);
    config
        .set("security.protocol", "sasl_plaintext")
        .set("sasl.mechanism", "PLAIN")
        .set("sasl.username", "lab")
        .set("sasl.password", "hunter2");
    make_topic(&kafka, &config).await;
    let sasl = |password: &str| Sasl::Plain { username: "lab".to_owned(), password: Sensitive::new(password) };
    kafka.settings.sasl = Some(sasl("hunter2"));
    assert_eq!(produce_and_consume(&kafka.settings).await.processed, 500);

    kafka.settings.sasl = Some(sasl("wrong-one"));
    let spec = support::load(json!({"executor": "shared-iterations"}));
    let error = load::run(&spec, &kafka.settings, points(), CancellationToken::new()).await.unwrap_err().to_string();
    assert!(error.contains("uthentication") && !error.contains("wrong-one"), "{error}");
    let options = ConsumeOptions::new(kafka.settings.clone(), vec!["orders".to_owned()], "workers");
    let error = soon("the refusal", consume::run(options, CancellationToken::new())).await.unwrap_err().to_string();
    assert!(error.contains("uthentication") && !error.contains("wrong-one"), "{error}");
}
