//! What the tests share.

use std::collections::HashSet;
use std::ffi::OsString;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tidegate_engine::Record;
use tidegate_local::{GuardCommand, Progress, ProgressKind, Stops, UpError, UpOptions, UpSummary, up};

/// Set in a process that is to be a guard: the state folder.
const AS_GUARD: &str = "TIDEGATE_TEST_GUARD";
/// Set in a process that is to be a supervisor: the folder of manifests.
const AS_SUPERVISOR: &str = "TIDEGATE_TEST_UP";

/// The guard, in a process of its own. Does nothing when run as a test.
#[test]
fn as_guard() {
    if let Some(state) = std::env::var_os(AS_GUARD) {
        tidegate_local::guard::main(vec![state]);
    }
}

/// `up`, in a process of its own, until it is killed. Does nothing when run as a test.
#[test]
fn as_supervisor() {
    let Some(folder) = std::env::var_os(AS_SUPERVISOR) else { return };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let folder = PathBuf::from(folder);
    runtime.block_on(async {
        let stops = tidegate_local::stop_on_signals().unwrap();
        up(options(&folder, Arc::new(Lines::default())), stops).await.unwrap();
    });
}

fn me(test: &str) -> (PathBuf, Vec<OsString>) {
    let args = [test, "--exact", "--test-threads=1", "--nocapture"].map(OsString::from);
    (std::env::current_exe().unwrap(), args.to_vec())
}

pub(crate) fn options(folder: &Path, progress: Arc<dyn Progress>) -> UpOptions {
    let (program, args) = me("bench::as_guard");
    let state = folder.canonicalize().unwrap().join(".tidegate").into_os_string();
    let guard = GuardCommand { program, args, env: vec![(AS_GUARD.into(), state)] };
    UpOptions { headless: true, guard, ..UpOptions::new(folder.to_owned(), progress) }
}

/// Starts `up` in a process of its own, with a process group of its own as a shell would give it.
pub(crate) fn supervisor(folder: &Path) -> Child {
    use std::os::unix::process::CommandExt;
    let (program, args) = me("bench::as_supervisor");
    let mut command = Command::new(program);
    command.args(args).env(AS_SUPERVISOR, folder).stdout(Stdio::null()).stderr(Stdio::null()).process_group(0);
    command.spawn().unwrap()
}

/// Remembers what a person would have read.
#[derive(Default)]
pub(crate) struct Lines(Mutex<Vec<(ProgressKind, String)>>);

impl Progress for Lines {
    fn tell(&self, kind: ProgressKind, text: &str) {
        self.0.lock().unwrap().push((kind, text.to_owned()));
    }
}

impl Lines {
    pub(crate) fn with(&self, text: &str) -> Vec<String> {
        let lines = self.0.lock().unwrap();
        lines.iter().map(|(_, line)| line).filter(|line| line.contains(text)).cloned().collect()
    }

    pub(crate) fn of(&self, kind: ProgressKind) -> Vec<String> {
        let lines = self.0.lock().unwrap();
        lines.iter().filter(|line| line.0 == kind).map(|(_, line)| line.clone()).collect()
    }
}

/// `up` in this process.
pub(crate) struct Upping {
    pub(crate) stops: Stops,
    pub(crate) lines: Arc<Lines>,
    task: tokio::task::JoinHandle<Result<UpSummary, UpError>>,
}

impl Upping {
    pub(crate) fn start(folder: &Path) -> Upping {
        let (stops, lines) = (Stops::default(), Arc::new(Lines::default()));
        let progress: Arc<dyn Progress> = Arc::<Lines>::clone(&lines);
        let task = tokio::spawn(up(options(folder, progress), stops.clone()));
        Upping { stops, lines, task }
    }

    pub(crate) async fn stop(self) -> UpSummary {
        self.stops.drain.cancel();
        self.task.await.unwrap().unwrap()
    }
}

/// A source whose answer a test sets: a number, or none (then it answers with status 500).
pub(crate) struct Source {
    pub(crate) port: u16,
    value: Arc<Mutex<Option<f64>>>,
}

impl Source {
    pub(crate) fn start(value: Option<f64>) -> Source {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let value = Arc::new(Mutex::new(value));
        let theirs = Arc::clone(&value);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let value = Arc::clone(&theirs);
                std::thread::spawn(move || answer(stream, &value));
            }
        });
        Source { port, value }
    }

    pub(crate) fn set(&self, value: Option<f64>) {
        *self.value.lock().unwrap() = value;
    }
}

fn answer(mut stream: TcpStream, value: &Mutex<Option<f64>>) -> Option<()> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    loop {
        let (mut line, mut length) = (String::new(), 0);
        while reader.read_line(&mut line).ok()? > 2 {
            let header = line.to_ascii_lowercase();
            length = header.strip_prefix("content-length:").map_or(length, |text| text.trim().parse().unwrap());
            line.clear();
        }
        std::io::Read::read_exact(&mut reader, &mut vec![0; length]).ok()?;
        if line.is_empty() {
            return None;
        }
        let (status, body) = match *value.lock().unwrap() {
            Some(value) => (
                "200 OK",
                format!(
                    r#"{{"status":"success","data":{{"resultType":"vector","result":[{{"metric":{{}},"value":[0,"{value}"]}}]}}}}"#
                ),
            ),
            None => ("500 Internal Server Error", "broken".to_owned()),
        };
        let length = body.len();
        write!(stream, "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}")
            .ok()?;
    }
}

/// A Deployment and a ScaledObject on the source: ten a replica, polled each second.
pub(crate) fn manifests(name: &str, script: &str, source: &Source, settings: &str) -> String {
    let port = source.port;
    format!(
        r#"apiVersion: apps/v1
kind: Deployment
metadata: {{name: {name}}}
spec:
  replicas: 0
  selector: {{matchLabels: {{app: {name}}}}}
  template:
    metadata: {{labels: {{app: {name}}}}}
    spec:
      terminationGracePeriodSeconds: 2
      containers:
        - {{name: main, image: none, command: [sh, -c, {script:?}]}}
---
apiVersion: keda.sh/v1alpha1
kind: ScaledObject
metadata: {{name: {name}}}
spec:
  scaleTargetRef: {{name: {name}}}
  pollingInterval: 1
  {settings}
  advanced:
    horizontalPodAutoscalerConfig:
      behavior:
        scaleUp: {{policies: [{{type: Pods, value: 1000, periodSeconds: 1}}]}}
        scaleDown: {{stabilizationWindowSeconds: 0}}
  triggers:
    - type: prometheus
      metadata: {{serverAddress: "http://127.0.0.1:{port}", query: up, threshold: "10"}}
"#
    )
}

pub(crate) fn write(folder: &Path, file: &str, text: &str) {
    fs::write(folder.join(file), text).unwrap();
}

/// The processes of a folder's run, by the mark in their environment.
pub(crate) fn processes(folder: &Path) -> HashSet<u32> {
    let mark = format!("TIDEGATE_OWNER={}#", folder.canonicalize().unwrap().join(".tidegate").display());
    let pids = fs::read_dir("/proc").unwrap().flatten();
    pids.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter(|pid| {
            let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
            environment.split(|byte| *byte == 0).any(|variable| variable.starts_with(mark.as_bytes()))
        })
        .collect()
}

/// All records of a folder, in order of their numbers; a broken line fails the test.
pub(crate) fn records(folder: &Path, target: &str) -> Vec<Record> {
    let root = folder.join(".tidegate/records");
    let files = [root.clone(), root.join("earlier")];
    let files = files.iter().flat_map(|folder| fs::read_dir(folder).into_iter().flatten().flatten());
    let files = files.map(|entry| entry.path()).filter(|path| {
        path.is_file() && path.file_name().unwrap().to_str().unwrap().starts_with(&format!("default_{target}."))
    });
    let mut records: Vec<Record> = files
        .flat_map(|path| {
            let text = fs::read_to_string(path).unwrap();
            text.lines().map(|line| serde_json::from_str(line).unwrap()).collect::<Vec<Record>>()
        })
        .collect();
    records.sort_by_key(|record| record.sequence);
    records
}

/// Waits for a condition; what is waited for is named when it does not come.
pub(crate) async fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !condition() {
        assert!(begun.elapsed() < Duration::from_secs(60), "waited in vain: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
