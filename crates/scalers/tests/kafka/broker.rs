//! One real broker for all tests of this binary. It ends with the test process, however that ends.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use rdkafka::ClientConfig;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use tempfile::TempDir;
use tokio::sync::{RwLock, RwLockReadGuard, RwLockWriteGuard};

use crate::certificates::Certificates;
use crate::ports::free_ports;
use crate::raw::Raw;

pub const USER: &str = "alice";
pub const PASSWORD: &str = "correct horse battery";

/// A broker with a listener for each way to connect.
pub struct Broker {
    /// No encryption, no credentials.
    pub plain: String,
    /// All SASL mechanisms, unencrypted.
    pub sasl: String,
    /// All SASL mechanisms over TLS.
    pub sasl_tls: String,
    /// TLS with a client certificate.
    pub mutual: String,
    pub certificates: Certificates,
    pub pid: u32,
    _guardian: Child,
    _folder: TempDir,
}

static BROKER: OnceLock<Broker> = OnceLock::new();
static TURN: RwLock<()> = RwLock::const_new(());

/// The broker, shared with other tests.
pub async fn shared() -> (&'static Broker, RwLockReadGuard<'static, ()>) {
    let turn = TURN.read().await;
    (BROKER.get_or_init(Broker::start), turn)
}

/// The broker for oneself, to be stopped and resumed.
pub async fn alone() -> (&'static Broker, RwLockWriteGuard<'static, ()>) {
    let turn = TURN.write().await;
    (BROKER.get_or_init(Broker::start), turn)
}

/// Where the jars of Apache Kafka are.
pub fn library() -> PathBuf {
    let library = std::env::var_os("TIDEGATE_KAFKA_LIB").map(PathBuf::from).unwrap_or_else(|| {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().find(|folder| folder.join("Cargo.lock").exists());
        root.expect("a folder with Cargo.lock").join("target/servers/kafka/lib")
    });
    assert!(
        library.is_dir(),
        "no Apache Kafka in {}: run `cargo xtask setup`, or set TIDEGATE_KAFKA_LIB",
        library.display()
    );
    library
}

/// Runs one of Kafka's own tools and gives what it prints.
pub fn tool(class: &str, arguments: &[&str]) -> String {
    let output = java().arg("-Xmx128m").arg(class).args(arguments).output().expect("java starts");
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{class} {arguments:?}: {printed}{}", String::from_utf8_lossy(&output.stderr));
    printed
}

fn java() -> Command {
    let mut java = Command::new("java");
    java.args(["-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-cp"]).arg(library().join("*"));
    java
}

impl Broker {
    fn start() -> Broker {
        let folder = tempfile::tempdir().unwrap();
        let certificates = Certificates::make(folder.path());
        let ports: [u16; 5] = free_ports().unwrap();
        let config = folder.path().join("server.properties");
        fs::write(&config, properties(folder.path(), &ports)).unwrap();
        let format = config.to_str().unwrap();
        let mut arguments = vec!["format", "-t", "MkU3OEVBNTcwNTJENDM2Qk", "-c", format];
        let users: Vec<String> = ["SCRAM-SHA-256", "SCRAM-SHA-512"]
            .iter()
            .map(|mechanism| format!("{mechanism}=[name={USER},password=\"{PASSWORD}\"]"))
            .collect();
        for user in &users {
            arguments.extend(["--add-scram", user]);
        }
        tool("kafka.tools.StorageTool", &arguments);
        let (guardian, pid) = start(folder.path(), &config);
        let at = |port: u16| format!("localhost:{port}");
        let broker = Broker {
            plain: at(ports[0]),
            sasl: at(ports[1]),
            sasl_tls: at(ports[2]),
            mutual: at(ports[3]),
            certificates,
            pid,
            _guardian: guardian,
            _folder: folder,
        };
        broker.wait_until_ready();
        broker
    }

    fn wait_until_ready(&self) {
        let give_up = Instant::now() + Duration::from_secs(120);
        while std::net::TcpStream::connect(&self.plain).is_err() || !self.raw().coordinates() {
            let log = fs::read_to_string(self._folder.path().join("log")).unwrap_or_default();
            assert!(Instant::now() < give_up, "the broker does not start: {log}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    pub fn raw(&self) -> Raw {
        Raw::connect(&self.plain)
    }

    /// Writes records to a topic that exists, evenly over its partitions.
    pub fn produce(&self, topic: &str, partitions: i32, each: usize) {
        produce(&self.plain, topic, partitions, each);
    }

    /// Sends a signal to the broker.
    pub fn signal(&self, signal: &str) {
        let status = Command::new("kill").args([signal, &self.pid.to_string()]).status().unwrap();
        assert!(status.success(), "kill {signal}");
    }
}

pub fn produce(servers: &str, topic: &str, partitions: i32, each: usize) {
    let producer: BaseProducer =
        ClientConfig::new().set("bootstrap.servers", servers).set("linger.ms", "5").create().unwrap();
    for partition in 0..partitions {
        for _ in 0..each {
            let record: BaseRecord<'_, (), str> = BaseRecord::to(topic).partition(partition).payload("x");
            producer.send(record).map_err(|(error, _)| error).unwrap();
        }
    }
    producer.flush(Duration::from_secs(30)).unwrap();
}

/// Starts the broker under a shell that kills it when this process, which holds its standard input, is gone.
#[allow(clippy::zombie_processes, reason = "it lives as long as this process, whose end it notices")]
pub fn start(folder: &Path, config: &Path) -> (Child, u32) {
    let pid_file = folder.join("pid");
    let script =
        r#"log=$1; pid_file=$2; shift 2; "$@" >"$log" 2>&1 </dev/null & echo $! >"$pid_file"; read _; kill -9 $!"#;
    let mut guardian = Command::new("sh");
    guardian.args(["-c", script, "sh"]).arg(folder.join("log")).arg(&pid_file);
    guardian.arg("java").args(["-Xmx512m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-cp"]);
    guardian.arg(library().join("*")).arg("kafka.Kafka").arg(config);
    let guardian = guardian.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    let give_up = Instant::now() + Duration::from_secs(10);
    loop {
        let pid = fs::read_to_string(&pid_file).ok().and_then(|pid| pid.trim().parse().ok());
        if let Some(pid) = pid {
            return (guardian, pid);
        }
        assert!(Instant::now() < give_up, "the shell does not start");
        std::thread::yield_now();
    }
}

fn properties(folder: &Path, ports: &[u16]) -> String {
    let names = ["PLAIN", "SASL", "SASLTLS", "MUTUAL"];
    let listeners: Vec<String> =
        names.iter().zip(ports).map(|(name, port)| format!("{name}://localhost:{port}")).collect();
    let (listeners, controller) = (listeners.join(","), ports[4]);
    let folder = folder.display();
    let mut text = format!(
        "process.roles=broker,controller\nnode.id=1\ncontroller.quorum.voters=1@localhost:{controller}\n\
         listeners={listeners},CONTROLLER://localhost:{controller}\nadvertised.listeners={listeners}\n\
         listener.security.protocol.map=PLAIN:PLAINTEXT,SASL:SASL_PLAINTEXT,SASLTLS:SASL_SSL,MUTUAL:SSL,CONTROLLER:PLAINTEXT\n\
         controller.listener.names=CONTROLLER\ninter.broker.listener.name=PLAIN\nlog.dirs={folder}/data\n\
         offsets.topic.replication.factor=1\noffsets.topic.num.partitions=1\ntransaction.state.log.replication.factor=1\n\
         transaction.state.log.min.isr=1\ntransaction.state.log.num.partitions=1\ngroup.initial.rebalance.delay.ms=0\n\
         group.coordinator.append.linger.ms=0\nauto.create.topics.enable=true\nfile.delete.delay.ms=100\n"
    );
    for listener in ["sasltls", "mutual"] {
        text += &format!(
            "listener.name.{listener}.ssl.keystore.type=PEM\nlistener.name.{listener}.ssl.keystore.location={folder}/server.pem\n\
             listener.name.{listener}.ssl.truststore.type=PEM\nlistener.name.{listener}.ssl.truststore.location={folder}/ca.pem\n"
        );
    }
    text += "listener.name.mutual.ssl.client.auth=required\n";
    let module = "org.apache.kafka.common.security";
    for listener in ["sasl", "sasltls"] {
        text += &format!(
            "listener.name.{listener}.sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512,OAUTHBEARER\n\
             listener.name.{listener}.plain.sasl.jaas.config={module}.plain.PlainLoginModule required user_{USER}=\"{PASSWORD}\";\n\
             listener.name.{listener}.scram-sha-256.sasl.jaas.config={module}.scram.ScramLoginModule required;\n\
             listener.name.{listener}.scram-sha-512.sasl.jaas.config={module}.scram.ScramLoginModule required;\n\
             listener.name.{listener}.oauthbearer.sasl.jaas.config={module}.oauthbearer.OAuthBearerLoginModule required \
             unsecuredLoginStringClaim_sub=\"broker\";\n\
             listener.name.{listener}.oauthbearer.sasl.server.callback.handler.class=\
             {module}.oauthbearer.internals.unsecured.OAuthBearerUnsecuredValidatorCallbackHandler\n"
        );
    }
    text
}
