//! A real Prometheus, started by the test on a free port of the loopback address, and certificates for it.

use std::fs::File;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, ExtendedKeyUsagePurpose, IsCa, KeyPair};
use tempfile::TempDir;

use crate::ports::free_ports;

/// A server with its own folder; both are gone when dropped.
pub struct Prometheus {
    pub port: u16,
    child: Child,
    folder: TempDir,
}

impl Prometheus {
    /// Starts one with the text of its `--web.config.file`, and with files that this may name.
    pub async fn start(web: &str, files: &[(&str, &str)]) -> Self {
        // Another process may take the port before the server does; then another one is tried.
        for _ in 0..5 {
            let folder = tempfile::tempdir().unwrap();
            std::fs::write(folder.path().join("prometheus.yml"), "global: {scrape_interval: 1h}\n").unwrap();
            std::fs::write(folder.path().join("web.yml"), web).unwrap();
            for (name, text) in files {
                std::fs::write(folder.path().join(name), text).unwrap();
            }
            let [port] = free_ports().unwrap();
            let mut this = Prometheus { port, child: spawn(folder.path(), port), folder };
            if this.ready().await {
                return this;
            }
        }
        panic!("prometheus did not start on any of five ports");
    }

    /// Ends it; it can be started again on the same port.
    pub fn stop(mut self) -> Stopped {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        Stopped(self)
    }

    /// Waits until it answers queries; `false` when it has ended instead.
    async fn ready(&mut self) -> bool {
        let begin = Instant::now();
        while begin.elapsed() < Duration::from_secs(60) {
            if self.child.try_wait().unwrap().is_some() {
                return false;
            }
            // It listens, and answers 503, before it is ready; asking would need the credentials of each test.
            let log = std::fs::read_to_string(self.folder.path().join("log")).unwrap();
            if log.contains("Server is ready to receive web requests") {
                return true;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("prometheus on port {} is not ready after a minute", self.port);
    }
}

/// A server that does not run at present.
pub struct Stopped(Prometheus);

impl Stopped {
    pub async fn start(mut self) -> Prometheus {
        self.0.child = spawn(self.0.folder.path(), self.0.port);
        assert!(self.0.ready().await, "prometheus does not start again");
        self.0
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn spawn(folder: &Path, port: u16) -> Child {
    let log = File::create(folder.join("log")).unwrap();
    Command::new("prometheus")
        .arg(format!("--config.file={}", folder.join("prometheus.yml").display()))
        .arg(format!("--web.config.file={}", folder.join("web.yml").display()))
        .arg(format!("--storage.tsdb.path={}", folder.join("data").display()))
        .arg(format!("--web.listen-address=127.0.0.1:{port}"))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log)
        .spawn()
        .expect("prometheus is needed for this test: `apt-get install prometheus`, checked by `cargo xtask setup`")
}

/// An authority that signs certificates.
pub struct Authority(CertifiedIssuer<'static, KeyPair>);

/// A certificate and its key, as PEM.
pub struct Identity {
    pub certificate: String,
    pub key: String,
}

impl Authority {
    pub fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Authority(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    pub fn certificate(&self) -> String {
        self.0.as_ref().pem()
    }

    /// For a server of this name or address.
    pub fn server(&self, name: &str) -> Identity {
        self.sign(name, ExtendedKeyUsagePurpose::ServerAuth)
    }

    pub fn client(&self) -> Identity {
        self.sign("reader", ExtendedKeyUsagePurpose::ClientAuth)
    }

    fn sign(&self, name: &str, usage: ExtendedKeyUsagePurpose) -> Identity {
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        params.extended_key_usages = vec![usage];
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.0).unwrap();
        Identity { certificate: certificate.pem(), key: key.serialize_pem() }
    }
}
