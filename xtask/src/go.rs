//! Servers that are built from the Go module proxy.
//!
//! Each has a folder under `target/servers` with a small module of its own, whose `go.mod` repeats the replacements that
//! the server's own module has, since Go ignores those of dependencies. A stamp in the folder says which version is there.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::run::{exists, output, root, say};

/// The release that tests and benches run against.
const KUBERNETES_VERSION: &str = "1.36.3";
/// The peer.
const KEDA_VERSION: &str = "2.21.0";

/// Between two lines of progress.
const PROGRESS: Duration = Duration::from_secs(20);
/// What is shown of a failed build.
const LAST_LINES: usize = 40;

/// The modules that Kubernetes publishes apart and replaces in its own repository.
const STAGING: [&str; 33] = [
    "api",
    "apiextensions-apiserver",
    "apimachinery",
    "apiserver",
    "cli-runtime",
    "client-go",
    "cloud-provider",
    "cluster-bootstrap",
    "code-generator",
    "component-base",
    "component-helpers",
    "controller-manager",
    "cri-api",
    "cri-client",
    "cri-streaming",
    "csi-translation-lib",
    "dynamic-resource-allocation",
    "endpointslice",
    "externaljwt",
    "kms",
    "kube-aggregator",
    "kube-controller-manager",
    "kube-proxy",
    "kube-scheduler",
    "kubectl",
    "kubelet",
    "metrics",
    "mount-utils",
    "pod-security-admission",
    "sample-apiserver",
    "sample-cli-plugin",
    "sample-controller",
    "streaming",
];

/// What is built.
struct Server {
    /// The folder under `target/servers`.
    name: &'static str,
    module: &'static str,
    version: &'static str,
    /// Packages of the module, each a program.
    commands: &'static [&'static str],
    /// Lines of `go.mod`.
    replaced: Vec<String>,
    /// For the first line of progress.
    takes: &'static str,
}

/// kube-apiserver, kube-controller-manager and kube-scheduler.
pub(crate) fn kubernetes() -> Result<(), String> {
    let commands = &["cmd/kube-apiserver", "cmd/kube-controller-manager", "cmd/kube-scheduler"];
    build(&of_kubernetes("kubernetes", commands, "five minutes and more")).map(drop)
}

/// kubectl, where the machine has none: some tests do what a person would do with it.
pub(crate) fn kubectl() -> Result<(), String> {
    if exists("kubectl") {
        return Ok(());
    }
    build(&of_kubernetes("kubectl", &["cmd/kubectl"], "a minute")).map(drop)
}

/// Where it is when it was built here.
pub(crate) fn kubectl_folder() -> PathBuf {
    root().join("target/servers/kubectl/bin")
}

fn of_kubernetes(name: &'static str, commands: &'static [&'static str], takes: &'static str) -> Server {
    let staging = KUBERNETES_VERSION.strip_prefix("1.").unwrap_or(KUBERNETES_VERSION);
    let replaced = STAGING.iter().map(|name| format!("k8s.io/{name} => k8s.io/{name} v0.{staging}")).collect();
    Server { name, module: "k8s.io/kubernetes", version: KUBERNETES_VERSION, commands, replaced, takes }
}

/// KEDA's three programs, its CRDs and its webhook configuration.
pub(crate) fn keda() -> Result<(), String> {
    let replaced = "github.com/nexus-rpc/nexus-proto-annotations v0.1.0 => \
                    github.com/nexus-rpc/nexus-proto-annotations v0.1.1-0.20260629224316-835bd8d49cb4";
    let server = Server {
        name: "keda",
        module: "github.com/kedacore/keda/v2",
        version: KEDA_VERSION,
        commands: &["cmd/operator", "cmd/adapter", "cmd/webhooks"],
        replaced: vec![replaced.to_owned()],
        takes: "ten minutes and more",
    };
    let Some(folder) = build(&server)? else { return Ok(()) };
    let manifests = folder.join("manifests");
    fs::create_dir_all(&manifests).map_err(|error| format!("making {}: {error}", manifests.display()))?;
    let module = output(&folder, "go", &["list", "-mod=mod", "-m", "-f", "{{.Dir}}", server.module])?;
    let module = Path::new(module.trim());
    copy_all(&module.join("config/crd/bases"), &manifests)?;
    copy(&module.join("config/webhooks/validation_webhooks.yaml"), &manifests.join("webhooks.yml"))?;
    stamp(&folder, &server)
}

fn copy_all(from: &Path, to: &Path) -> Result<(), String> {
    let entries = fs::read_dir(from).map_err(|error| format!("reading {}: {error}", from.display()))?;
    for entry in entries.flatten() {
        copy(&entry.path(), &to.join(entry.file_name()))?;
    }
    Ok(())
}

fn copy(from: &Path, to: &Path) -> Result<(), String> {
    // Files of the module cache are read-only; their copies are not to be.
    let text = fs::read(from).map_err(|error| format!("reading {}: {error}", from.display()))?;
    fs::write(to, text).map_err(|error| format!("writing {}: {error}", to.display()))
}

fn stamp_file(folder: &Path, server: &Server) -> PathBuf {
    folder.join(format!("complete-v{}", server.version))
}

fn stamp(folder: &Path, server: &Server) -> Result<(), String> {
    fs::write(stamp_file(folder, server), "").map_err(|error| format!("writing in {}: {error}", folder.display()))
}

/// Builds a server unless it is there. Gives its folder if it was built; all are stamped but KEDA, which its caller does.
fn build(server: &Server) -> Result<Option<PathBuf>, String> {
    let folder = root().join("target/servers").join(server.name);
    if stamp_file(&folder, server).exists() {
        return Ok(None);
    }
    if Command::new("go").arg("version").output().is_err() {
        return Err(format!("`go` is needed to build {} for the tests; install Go 1.26 or newer", server.name));
    }
    let bin = folder.join("bin");
    fs::create_dir_all(&bin).map_err(|error| format!("making {}: {error}", bin.display()))?;
    let file = folder.join("go.mod");
    fs::write(&file, go_mod(server)).map_err(|error| format!("writing {}: {error}", file.display()))?;
    let file = folder.join("tools.go");
    fs::write(&file, tools_go(server)).map_err(|error| format!("writing {}: {error}", file.display()))?;
    say(&format!("building {} {} with Go ({}, once; cached after)", server.name, server.version, server.takes));
    compile(server, &folder)?;
    if server.name != "keda" {
        stamp(&folder, server)?;
    }
    Ok(Some(folder))
}

fn go_mod(server: &Server) -> String {
    let replaced: String = server.replaced.iter().map(|line| format!("replace {line}\n")).collect();
    format!("module servers\n\ngo 1.26.0\n\nrequire {} v{}\n\n{replaced}", server.module, server.version)
}

/// Imports what is built, so that Go keeps its dependencies.
fn tools_go(server: &Server) -> String {
    let imports: String = server.commands.iter().map(|path| format!("\t_ \"{}/{path}\"\n", server.module)).collect();
    format!("//go:build tools\n\npackage servers\n\nimport (\n{imports})\n")
}

fn compile(server: &Server, folder: &Path) -> Result<(), String> {
    let mut command = Command::new("go");
    command.args(["build", "-v", "-mod=mod", "-buildvcs=false", "-o", "bin/", "-ldflags", "-s -w"]);
    command.args(server.commands.iter().map(|path| format!("{}/{path}", server.module)));
    command.current_dir(folder).env("CGO_ENABLED", "0").env_remove("GOFLAGS").stderr(Stdio::piped());
    let mut child = command.spawn().map_err(|error| format!("starting go: {error}"))?;
    let (mut lines, mut told, mut packages) = (Vec::new(), Instant::now(), 0);
    for line in child.stderr.take().into_iter().flat_map(|errors| BufReader::new(errors).lines()) {
        let Ok(line) = line else { break };
        // With -v, each package that is compiled is one line.
        packages += usize::from(!line.contains(' '));
        if told.elapsed() > PROGRESS {
            say(&format!("  {}: {packages} packages compiled, now {line}", server.name));
            told = Instant::now();
        }
        lines.push(line);
    }
    let status = child.wait().map_err(|error| format!("waiting for go: {error}"))?;
    if !status.success() {
        let last = lines[lines.len().saturating_sub(LAST_LINES)..].join("\n");
        return Err(format!("building {} ended with {status}:\n{last}", server.name));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{Server, go_mod};

    #[test]
    fn the_module_repeats_the_replacements() {
        let server = Server {
            name: "x",
            module: "example.org/x",
            version: "1.2.3",
            commands: &["cmd/x"],
            replaced: vec!["a => b v1".to_owned()],
            takes: "",
        };
        let text = go_mod(&server);
        assert!(text.contains("require example.org/x v1.2.3\n") && text.contains("replace a => b v1\n"), "{text}");
    }
}
