//! One container of a pod: a process in a group of its own, restarted when it ends, ended when asked.

use std::io::{self, PipeReader};
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;

use nix::sys::signal::Signal;
use tidegate_crds::SecretText;
use tidegate_crds::env::{Environment, expand};
use tokio::process::{Child, Command};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::backoff::Backoff;
use super::probe::{self, ExecContext};
use super::template::{ContainerTemplate, PodTemplate};
use super::{PodIdentity, PodWhat, Shared, program};
use crate::logs::PodLog;
use crate::processes::{self, signal_group};

/// How long the output of a process that ended may still take to arrive: only a descendant that left the group can
/// hold it open any longer.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// What the containers of a pod have in common.
#[derive(Debug)]
pub struct PodContext {
    /// What all pods have in common.
    pub shared: Arc<Shared>,
    /// What is run.
    pub template: Arc<PodTemplate>,
    /// `metadata.namespace`.
    pub namespace: Arc<str>,
    /// `metadata.name`.
    pub name: Arc<str>,
    /// `metadata.uid`.
    pub uid: String,
    /// Marks the pod's processes; unlike any other pod's of the same state folder.
    pub mark: Arc<str>,
    /// The pod's folder, for the files it exchanges with its supervisor.
    pub folder: PathBuf,
    /// End within the grace.
    pub stop: CancellationToken,
    /// End now.
    pub kill: CancellationToken,
}

/// A container being run.
pub(crate) struct Container<'a> {
    pub(crate) pod: &'a PodContext,
    pub(crate) template: &'a ContainerTemplate,
    pub(crate) log: PodLog,
}

struct Running {
    child: Child,
    /// Its group bears the number of its first process.
    group: i32,
    output: tokio::task::JoinHandle<()>,
    context: ExecContext,
}

impl Container<'_> {
    /// Runs it until the pod is to end. `told` hears what happens; readiness among it.
    pub(crate) async fn run(mut self, told: &(dyn Fn(PodWhat) + Sync)) {
        let mut backoff = Backoff::new(self.pod.shared.options.restart_delays);
        let mut restarts = 0;
        while !self.pod.stop.is_cancelled() {
            let begun = Instant::now();
            match self.start() {
                Ok(running) => {
                    let Some(status) = self.attend(running, told).await else { return };
                    told(PodWhat::Exited { code: code(status), status: describe(status) });
                    if !self.pod.template.restart.restarts(status.success()) {
                        return;
                    }
                }
                Err(error) => {
                    self.log.note(&error);
                    told(PodWhat::StartFailed { error });
                    if !self.pod.template.restart.restarts(false) {
                        return;
                    }
                }
            }
            let wait = backoff.after(begun.elapsed());
            restarts += 1;
            told(PodWhat::Restarting { restarts, wait });
            tokio::select! {
                () = self.pod.stop.cancelled() => return,
                () = tokio::time::sleep(wait) => {}
            }
        }
    }

    /// Until it ends (its status) or has been ended because the pod is to go (`None`).
    async fn attend(&self, mut running: Running, told: &(dyn Fn(PodWhat) + Sync)) -> Option<ExitStatus> {
        told(PodWhat::Started { pid: running.group });
        let readiness = async {
            if let Some(probe) = &self.template.readiness {
                let tell = |ready: bool, found: &str| {
                    told(if ready { PodWhat::Ready } else { PodWhat::Unready { found: found.to_owned() } });
                };
                probe::watch(probe, &running.context, tell).await;
            } else {
                told(PodWhat::Ready);
                std::future::pending::<()>().await;
            }
        };
        let ended = tokio::select! {
            status = running.child.wait() => Some(status),
            () = self.pod.stop.cancelled() => None,
            () = readiness => None,
        };
        let status = match ended {
            Some(status) => Some(status),
            None => {
                self.end(&mut running, told).await;
                None
            }
        };
        // What its first process left behind goes with it, as in a container.
        signal_group(running.group, Signal::SIGKILL);
        if tokio::time::timeout(LAST_WORDS, &mut running.output).await.is_err() {
            running.output.abort();
        }
        self.pod.shared.guard.gone(running.group);
        status.map(|status| status.unwrap_or_default())
    }

    async fn end(&self, running: &mut Running, told: &(dyn Fn(PodWhat) + Sync)) {
        let deadline = Instant::now() + self.pod.template.grace;
        let patience = async {
            tokio::select! {
                () = tokio::time::sleep_until(deadline) => {}
                () = self.pod.kill.cancelled() => {}
            }
        };
        let politely = async {
            if let Some(command) = &self.template.pre_stop
                && let Err(error) = probe::exec(command, &running.context, self.pod.template.grace).await
            {
                self.log.note(&format!("preStop: {error}"));
            }
            signal_group(running.group, Signal::SIGTERM);
            running.child.wait().await
        };
        tokio::select! {
            _ = politely => return,
            () = patience => {}
        }
        told(PodWhat::Killed);
        signal_group(running.group, Signal::SIGKILL);
        let _ = running.child.wait().await;
    }

    fn start(&mut self) -> Result<Running, String> {
        let env = self.environment()?;
        let root = &self.pod.shared.options.folder;
        let folder = self.template.working_dir.as_ref().map_or_else(|| root.clone(), |inner| root.join(inner));
        let words: Vec<String> = self.template.command.iter().map(|word| expand(word, &env)).collect();
        let (name, args) = words.split_first().ok_or("the container has no command")?;
        let program = program::find(name, env.get("PATH").map(SecretText::expose), &folder)?;
        let failed = |error: io::Error| format!("starting {} in {}: {error}", program.display(), folder.display());
        // One pipe for both, so that lines keep the order in which they were written.
        let (reader, writer) = io::pipe().map_err(failed)?;
        let mut command = Command::new(&program);
        command.arg0(name).args(args).env_clear().current_dir(&folder).process_group(0);
        command.envs(env.iter().map(|(name, value)| (name, value.expose())));
        command.stdin(Stdio::null()).stdout(writer.try_clone().map_err(failed)?).stderr(writer);
        let child = command.spawn().map_err(failed)?;
        // The command holds the writing ends; the reader sees the end only when they are closed here.
        drop(command);
        let group = child.id().and_then(|pid| i32::try_from(pid).ok()).ok_or("it ended while being started")?;
        self.pod.shared.guard.started(group, self.pod.template.grace);
        let output = tokio::spawn(read_output(reader, self.log.clone()));
        // Hundreds of pods without probes need not keep their environment.
        let needed = self.template.readiness.is_some() || self.template.pre_stop.is_some();
        let env = if needed { env } else { Environment::new() };
        Ok(Running { child, group, output, context: ExecContext { env, folder } })
    }

    fn environment(&self) -> Result<Environment, String> {
        let (pod, options) = (self.pod, &self.pod.shared.options);
        let text = |path: &std::path::Path| path.display().to_string();
        let inherited = std::env::vars_os();
        let inherited =
            inherited.filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
        let mut env: Environment = inherited.map(|(name, value)| (name, SecretText::new(value))).collect();
        let path = env.get("PATH").map_or("/usr/local/bin:/usr/bin:/bin", SecretText::expose);
        let owner = processes::owner(&options.state, &pod.mark);
        let ours = [
            ("PATH", format!("{}:{path}", options.bin.display())),
            ("POD_NAME", pod.name.to_string()),
            ("POD_NAMESPACE", pod.namespace.to_string()),
            ("POD_UID", pod.uid.clone()),
            ("POD_IP", "127.0.0.1".to_owned()),
            ("HOSTNAME", pod.name.to_string()),
            ("TIDEGATE_BIN", text(&options.program)),
            ("TIDEGATE_EVENTS_FILE", text(&pod.folder.join("events.jsonl"))),
            ("TIDEGATE_POD_DELETION_COST_FILE", text(&pod.folder.join("deletion-cost"))),
        ];
        env.extend(ours.map(|(name, value)| (name.to_owned(), SecretText::new(value))));
        let identity = PodIdentity { namespace: &pod.namespace, name: &pod.name, uid: &pod.uid };
        env.extend(self.template.variables.of(&identity)?);
        // Last, since without its owner a process could not be found again.
        env.insert(processes::OWNER.to_owned(), SecretText::new(owner));
        Ok(env)
    }
}

async fn read_output(reader: PipeReader, log: PodLog) {
    match tokio::net::unix::pipe::Receiver::from_owned_fd(reader.into()) {
        Ok(receiver) => log.copy(receiver).await,
        Err(error) => log.note(&format!("the output cannot be read: {error}")),
    }
}

fn code(status: ExitStatus) -> i32 {
    use std::os::unix::process::ExitStatusExt;
    status.code().or_else(|| status.signal().map(|signal| 128 + signal)).unwrap_or(-1)
}

fn describe(status: ExitStatus) -> String {
    use std::os::unix::process::ExitStatusExt;
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit code {code}"),
        (None, Some(number)) => {
            Signal::try_from(number).map_or_else(|_| format!("signal {number}"), |signal| format!("{signal}"))
        }
        (None, None) => "unknown".to_owned(),
    }
}
