//! Who is measured: its processes, and what they take.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use kube::api::{Api, DynamicObject, Patch, PatchParams};
use kube::core::{ApiResource, GroupVersionKind};
use serde_json::{Value, json};
use tidegate_cluster::keda::{Keda, KedaOptions};
use tidegate_cluster::{ApiServiceName, workspace_root};

use crate::ports::free_ports;
use crate::world::World;

/// The kernel's unit of CPU time in `/proc`, a constant of its interface.
const TICKS_PER_SECOND: u64 = 100;

/// The allocator as deploy/tidegate.yaml sets it, without profiling.
const ALLOCATOR: &str = "background_thread:true,dirty_decay_ms:1000,narenas:2,tcache_gc_incr_bytes:1048576";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Tidegate, and the cluster's HorizontalPodAutoscalers.
    Hpa,
    /// Tidegate alone, in mode direct with a polling interval of 1 s.
    Direct,
    Keda,
}

impl Kind {
    pub fn parse(text: &str) -> Result<Kind, String> {
        match text {
            "hpa" => Ok(Kind::Hpa),
            "direct" => Ok(Kind::Direct),
            "keda" => Ok(Kind::Keda),
            other => Err(format!("unknown side {other:?}; known: hpa, direct, keda")),
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            Kind::Hpa => "Tidegate, mode hpa",
            Kind::Direct => "Tidegate, mode direct",
            Kind::Keda => "KEDA",
        }
    }

    /// Whether HPAs ask for metrics.
    pub fn serves_metrics(self) -> bool {
        self != Kind::Direct
    }
}

pub struct Side {
    pub kind: Kind,
    running: Running,
}

enum Running {
    Tidegate { process: Child, port: u16, log: PathBuf },
    Keda(Box<Keda>),
}

impl Side {
    pub async fn start(kind: Kind, world: &World) -> Side {
        let running = match kind {
            Kind::Keda => Running::Keda(Box::new(
                Keda::start(&world.cluster, &KedaOptions { no_webhooks: true, ..KedaOptions::default() })
                    .await
                    .expect("KEDA starts"),
            )),
            Kind::Hpa | Kind::Direct => {
                definitions(world).await;
                let [port] = free_ports().unwrap();
                aggregate(world, port).await;
                let log = world.cluster.folder().join("tidegate.log");
                Running::Tidegate { process: spawn(world, port, &log), port, log }
            }
        };
        Side { kind, running }
    }

    pub async fn stop(self) {
        match self.running {
            Running::Tidegate { mut process, .. } => {
                process.kill().expect("it runs");
                process.wait().expect("it ends");
            }
            Running::Keda(keda) => keda.stop().await,
        }
    }

    /// Ends the operator as a crash does, and starts it again at once.
    pub async fn kill_and_start(&mut self, world: &World) {
        match &mut self.running {
            Running::Tidegate { process, port, log } => {
                process.kill().expect("it runs");
                process.wait().expect("it ends");
                *process = spawn(world, *port, log);
            }
            Running::Keda(keda) => {
                keda.operator.kill().await;
                keda.operator.start().await.expect("KEDA's operator starts again");
            }
        }
    }

    fn pids(&self) -> Vec<u32> {
        match &self.running {
            Running::Tidegate { process, .. } => vec![process.id()],
            Running::Keda(keda) => [&keda.operator, &keda.adapter].iter().filter_map(|part| part.pid()).collect(),
        }
    }

    /// Memory of all its processes.
    pub fn memory(&self) -> Memory {
        let of = |pid: &u32| {
            let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
            let field = |name: &str| {
                let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap_or("0 kB");
                line.trim().trim_end_matches(" kB").parse::<u64>().unwrap_or(0) * 1024
            };
            (field("VmRSS:"), field("RssFile:"))
        };
        let (resident_bytes, file_bytes) =
            self.pids().iter().map(of).fold((0, 0), |sum, of| (sum.0 + of.0, sum.1 + of.1));
        Memory { resident_bytes, file_bytes }
    }

    /// CPU time of all its processes since they started.
    pub fn cpu(&self) -> Duration {
        let of = |pid: &u32| {
            let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
            let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or("").split_whitespace().collect();
            let ticks = |place: usize| fields.get(place).and_then(|text| text.parse::<u64>().ok()).unwrap_or(0);
            // utime and stime: the 14th and 15th field of the whole line.
            Duration::from_millis((ticks(11) + ticks(12)) * 1000 / TICKS_PER_SECOND)
        };
        self.pids().iter().map(of).sum()
    }

    /// Open connections of its processes to a port.
    pub fn connections(&self, port: u16) -> usize {
        let mut ours = std::collections::HashSet::new();
        for pid in self.pids() {
            for entry in std::fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten() {
                let link = std::fs::read_link(entry.path()).unwrap_or_default();
                if let Some(inode) = link.to_str().and_then(|link| link.strip_prefix("socket:[")) {
                    ours.insert(inode.trim_end_matches(']').to_owned());
                }
            }
        }
        let remote = format!(":{port:04X}");
        let tables =
            ["/proc/net/tcp", "/proc/net/tcp6"].map(|table| std::fs::read_to_string(table).unwrap_or_default());
        let lines =
            tables.iter().flat_map(|table| table.lines()).map(|line| line.split_whitespace().collect::<Vec<_>>());
        // Field 2 is the remote address, 3 the state (01: established), 9 the inode.
        let open = |fields: &Vec<&str>| {
            fields.len() > 9 && fields[2].ends_with(&remote) && fields[3] == "01" && ours.contains(fields[9])
        };
        lines.filter(open).count()
    }

    /// Where to look when something does not come.
    pub fn logs(&self) -> String {
        match &self.running {
            Running::Tidegate { log, .. } => format!("see {}", log.display()),
            Running::Keda(keda) => format!("see {}", keda.operator.log().display()),
        }
    }
}

/// What processes have in memory.
pub struct Memory {
    pub resident_bytes: u64,
    /// Of it, pages of the program's file. How many of them are mapped beside those that are used depends on how the file was
    /// written to disk: copies of one file differ by ten megabytes.
    pub file_bytes: u64,
}

impl std::fmt::Display for Memory {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{} MB ({} of the file)", self.resident_bytes / 1_000_000, self.file_bytes / 1_000_000)
    }
}

fn program() -> PathBuf {
    // `cargo xtask bench scale` names the one that is shipped; another can be looked into, as one with symbols.
    let program = std::env::var_os("TIDEGATE_BENCH_PROGRAM").map(PathBuf::from);
    let program = program.unwrap_or_else(|| workspace_root().join("target/release/tidegate"));
    assert!(program.exists(), "no {}: run `cargo xtask bench scale`", program.display());
    program
}

async fn definitions(world: &World) {
    let printed = Command::new(program()).args(["crds", "--output", "json"]).output().expect("tidegate crds runs");
    let list: Value = serde_json::from_slice(&printed.stdout).expect("tidegate crds prints JSON");
    let resource =
        ApiResource::from_gvk(&GroupVersionKind::gvk("apiextensions.k8s.io", "v1", "CustomResourceDefinition"));
    let api: Api<DynamicObject> = Api::all_with(world.client(), &resource);
    for definition in list["items"].as_array().expect("a list") {
        let name = definition["metadata"]["name"].as_str().expect("a name");
        api.patch(name, &PatchParams::apply("bench").force(), &Patch::Apply(definition)).await.expect("a CRD is taken");
    }
    // Served a moment after they are taken.
    for (group, kind) in [("keda.sh", "ScaledObject"), ("tidegate.dev", "ScalingPolicy")] {
        while world.api(group, "v1alpha1", kind).list(&Default::default()).await.is_err() {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
}

/// The operator puts its own certificate authority into the APIService.
async fn aggregate(world: &World, port: u16) {
    let (namespace, name) = ("keda".to_owned(), "keda-metrics-apiserver".to_owned());
    world.cluster.local_service(&ApiServiceName { namespace: namespace.clone(), name: name.clone(), port }).await;
    let resource = ApiResource::from_gvk(&GroupVersionKind::gvk("apiregistration.k8s.io", "v1", "APIService"));
    let api: Api<DynamicObject> = Api::all_with(world.client(), &resource);
    let object = json!({
        "apiVersion": "apiregistration.k8s.io/v1",
        "kind": "APIService",
        "metadata": {"name": "v1beta1.external.metrics.k8s.io"},
        "spec": {
            "group": "external.metrics.k8s.io",
            "version": "v1beta1",
            "groupPriorityMinimum": 100,
            "versionPriority": 100,
            "service": {"namespace": namespace, "name": name, "port": port},
        },
    });
    let (name, by) = ("v1beta1.external.metrics.k8s.io", PatchParams::apply("bench").force());
    api.patch(name, &by, &Patch::Apply(&object)).await.expect("the APIService is taken");
}

fn spawn(world: &World, port: u16, log: &Path) -> Child {
    let file = std::fs::OpenOptions::new().create(true).append(true).open(log).expect("a log");
    // For looking into it: where profiles are served, and what the allocator does.
    let profiling = std::env::var("TIDEGATE_BENCH_PROFILING").unwrap_or_else(|_| "0".to_owned());
    let allocator = std::env::var("TIDEGATE_BENCH_MALLOC_CONF");
    let allocator = allocator.unwrap_or_else(|_| ALLOCATOR.to_owned());
    Command::new(program())
        .args([
            "operator",
            "--profiling-bind-address",
            &profiling,
            "--enable-cert-rotation",
            "--secure-port",
            &port.to_string(),
        ])
        .args(["--admission-bind-address", "0", "--metrics-bind-address", "0", "--health-probe-bind-address", "0"])
        .args(["--console-bind-address", "0", "--allow-address", "127.0.0.0/8", "--allow-address", "::1"])
        .args(["--kubeconfig".as_ref(), world.cluster.kubeconfig().as_os_str()])
        .envs([("_RJEM_MALLOC_CONF", allocator)])
        .envs([("WATCH_NAMESPACE", ""), ("POD_NAMESPACE", "keda")])
        .stdin(Stdio::null())
        .stdout(file.try_clone().expect("a log"))
        .stderr(file)
        .spawn()
        .expect("tidegate starts")
}
