//! What `up` costs at rest: 200 targets, each with one pod that sleeps and a Prometheus trigger that is polled every
//! 30 s (KEDA's default) and finds nothing to do, the page being served.
//!
//! `cargo bench -p tidegate-local --bench rest` prints the share of one core and the memory (the most that was resident)
//! over a minute, and exits with 1 above the limits: 1 % and 80 MB. The source is in a process of its own.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, missing_docs)]

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::sync::Arc;
use std::time::Duration;

use tidegate_local::{GuardCommand, Silent, Stops, UpOptions, up};

const TARGETS: usize = 200;
/// Starting is not rest; the first polls are spread over this.
const WARM_UP: Duration = Duration::from_secs(40);
const MEASURED: Duration = Duration::from_secs(60);
const MOST_CORE_SHARE: f64 = 0.01;
const MOST_KIBIBYTES: u64 = 80_000_000 / 1024;

fn main() -> ExitCode {
    let args: Vec<_> = std::env::args_os().collect();
    match args.get(1).and_then(|word| word.to_str()) {
        Some("guard") => return tidegate_local::guard::main(args[2..].to_vec()),
        Some("source") => return source(),
        _ => {}
    }
    let mut source =
        Command::new(std::env::current_exe().unwrap()).arg("source").stdout(Stdio::piped()).spawn().unwrap();
    let mut port = String::new();
    BufReader::new(source.stdout.take().unwrap()).read_line(&mut port).unwrap();
    let folder = std::env::temp_dir().join(format!("tidegate-rest-{}", std::process::id()));
    write_manifests(&folder, port.trim());
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let fine = runtime.block_on(measure(&folder));
    source.kill().unwrap();
    source.wait().unwrap();
    std::fs::remove_dir_all(&folder).unwrap();
    if fine { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

async fn measure(folder: &Path) -> bool {
    let guard = GuardCommand { program: "/proc/self/exe".into(), args: vec!["guard".into()], env: vec![] };
    let options = UpOptions { guard, ..UpOptions::new(folder.to_owned(), Arc::new(Silent)) };
    let stops = Stops::default();
    let run = tokio::spawn(up(options, stops.clone()));
    tokio::time::sleep(WARM_UP).await;
    let before = cpu_seconds();
    tokio::time::sleep(MEASURED).await;
    let share = (cpu_seconds() - before) / MEASURED.as_secs_f64();
    let (resident, most) = (status("VmRSS:"), status("VmHWM:"));
    stops.drain.cancel();
    let summary = run.await.unwrap().unwrap();
    let decisions: u64 = summary.targets.iter().map(|target| target.decisions).sum();
    println!(
        "{} targets, {TARGETS} pods, {decisions} decisions: {:.2} % of a core, {} MB resident ({} MB at most)",
        summary.targets.len(),
        share * 100.0,
        resident * 1024 / 1_000_000,
        most * 1024 / 1_000_000
    );
    summary.targets.len() == TARGETS && decisions > 0 && share <= MOST_CORE_SHARE && most <= MOST_KIBIBYTES
}

fn write_manifests(folder: &Path, port: &str) {
    std::fs::create_dir_all(folder).unwrap();
    for number in 0..TARGETS {
        let text = format!(
            r#"apiVersion: apps/v1
kind: Deployment
metadata: {{name: work-{number}}}
spec:
  selector: {{matchLabels: {{app: work-{number}}}}}
  template:
    metadata: {{labels: {{app: work-{number}}}}}
    spec:
      containers: [{{name: main, image: none, command: [sleep, "100000"]}}]
---
apiVersion: keda.sh/v1alpha1
kind: ScaledObject
metadata: {{name: work-{number}}}
spec:
  scaleTargetRef: {{name: work-{number}}}
  minReplicaCount: 1
  triggers:
    - type: prometheus
      metadata: {{serverAddress: "http://127.0.0.1:{port}", query: "up{{n=\"{number}\"}}", threshold: "10"}}
"#
        );
        std::fs::write(folder.join(format!("work-{number}.yaml")), text).unwrap();
    }
}

/// Processor time of this process so far, user and system.
fn cpu_seconds() -> f64 {
    let usage = nix::sys::resource::getrusage(nix::sys::resource::UsageWho::RUSAGE_SELF).unwrap();
    let seconds = |time: nix::sys::time::TimeVal| time.tv_sec() as f64 + time.tv_usec() as f64 / 1e6;
    seconds(usage.user_time()) + seconds(usage.system_time())
}

/// A line of `/proc/self/status`, in kibibytes.
fn status(name: &str) -> u64 {
    let text = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix(name)).unwrap();
    line.split_whitespace().next().unwrap().parse().unwrap()
}

/// Answers every query with 0, as Prometheus would.
fn source() -> ExitCode {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    println!("{}", listener.local_addr().unwrap().port());
    for stream in listener.incoming().flatten() {
        std::thread::spawn(move || answer(stream));
    }
    ExitCode::SUCCESS
}

fn answer(mut stream: TcpStream) -> Option<()> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    let body = r#"{"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[0,"0"]}]}}"#;
    loop {
        let mut line = String::new();
        while reader.read_line(&mut line).ok()? > 2 {
            line.clear();
        }
        if line.is_empty() {
            return None;
        }
        let head =
            format!("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n", body.len());
        stream.write_all(format!("{head}{body}").as_bytes()).ok()?;
    }
}
