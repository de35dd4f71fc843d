//! `tidegate operator` where no API server answers.

use std::fs::File;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::ports::free_ports;
use crate::support::{folder, tidegate, wait_for};

/// Long enough for a loaded machine; nothing is measured here.
const LONG: Duration = Duration::from_secs(60);

/// The whole answer; nothing where nobody listens.
fn get(port: u16, path: &str) -> Option<String> {
    let mut socket = TcpStream::connect(("127.0.0.1", port)).ok()?;
    write!(socket, "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").ok()?;
    let mut text = String::new();
    socket.read_to_string(&mut text).ok()?;
    Some(text)
}

/// It is alive, so that Kubernetes does not restart it; not ready; says what it waits for; and a signal ends it at once.
#[test]
fn an_operator_without_an_api_server_is_alive_and_not_ready_and_ends_on_a_signal() {
    let [nobody, health] = free_ports().unwrap();
    let config = format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: here\n\
         clusters: [{{name: here, cluster: {{server: 'http://127.0.0.1:{nobody}'}}}}]\n\
         users: [{{name: me, user: {{token: none}}}}]\n\
         contexts: [{{name: here, context: {{cluster: here, user: me}}}}]\n"
    );
    let files = folder(&[("kubeconfig", &config)]);
    let log = files.path().join("log");
    let mut child = tidegate()
        .args(["operator", "--kubeconfig"])
        .arg(files.path().join("kubeconfig"))
        .args(["--secure-port=0", "--admission-bind-address=0", "--metrics-bind-address=0"])
        .args(["--console-bind-address=0", &format!("--health-probe-bind-address=127.0.0.1:{health}")])
        .env("POD_NAMESPACE", "keda")
        .stderr(File::create(&log).unwrap())
        .spawn()
        .unwrap();
    let alive = wait_for("an answer to /healthz", LONG, || get(health, "/healthz"));
    let ready = get(health, "/readyz").unwrap();
    let told = wait_for("what it waits for in the log", LONG, || {
        let log = std::fs::read_to_string(&log).unwrap();
        log.contains("asking the API server for its addresses").then_some(log)
    });
    kill(Pid::from_raw(child.id().try_into().unwrap()), Signal::SIGTERM).unwrap();
    let status = wait_for("its end", LONG, || child.try_wait().unwrap());
    assert!(alive.starts_with("HTTP/1.1 200"), "{alive}\n{told}");
    assert!(ready.starts_with("HTTP/1.1 503") && ready.contains("started"), "{ready}\n{told}");
    assert_eq!(status.code(), Some(0), "{}", std::fs::read_to_string(&log).unwrap());
}
