//! The end of the guard's pipe that `up` holds.

use std::collections::HashMap;
use std::io::{self, PipeWriter, Write};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::process::{Child, Command};

use super::{GuardCommand, Message};
use crate::processes::OWNER;

/// Before a guard that died is replaced.
const AGAIN: Duration = Duration::from_secs(1);

/// A running guard; replaced when it dies.
#[derive(Debug)]
pub struct GuardLink {
    command: GuardCommand,
    state: PathBuf,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    pipe: Option<PipeWriter>,
    /// What a new guard has to be told.
    groups: HashMap<i32, Duration>,
    closed: bool,
}

impl GuardLink {
    /// Starts a guard for the run that keeps its state in `state`.
    ///
    /// # Errors
    /// When the program cannot be started; pods are not started without a guard.
    pub fn start(command: GuardCommand, state: &Path) -> io::Result<Arc<GuardLink>> {
        let link = Arc::new(GuardLink { command, state: state.to_owned(), inner: Mutex::default() });
        let child = link.spawn()?;
        tokio::spawn(Arc::clone(&link).keep(child));
        Ok(link)
    }

    /// To be called right after a group was started.
    pub fn started(&self, group: i32, grace: Duration) {
        let mut inner = self.lock();
        inner.groups.insert(group, grace);
        inner.tell(Message::Started { group, grace });
    }

    /// To be called when a group has ended.
    pub fn gone(&self, group: i32) {
        let mut inner = self.lock();
        inner.groups.remove(&group);
        inner.tell(Message::Gone { group });
    }

    /// Everything has ended; the guard may go.
    pub fn close(&self) {
        let mut inner = self.lock();
        inner.closed = true;
        inner.tell(Message::Farewell);
        inner.pipe = None;
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn spawn(&self) -> io::Result<Child> {
        let (reader, writer) = io::pipe()?;
        let mut command = Command::new(&self.command.program);
        command.args(&self.command.args).arg(&self.state).envs(self.command.env.iter().cloned()).env_remove(OWNER);
        // Not in the way of whoever waits for our output to close, nor of unmounting our folder.
        command.stdin(reader).stdout(Stdio::null()).stderr(Stdio::null()).current_dir("/").process_group(0);
        let child = command.spawn()?;
        let mut inner = self.lock();
        inner.pipe = Some(writer);
        let groups: Vec<_> = inner.groups.iter().map(|(group, grace)| (*group, *grace)).collect();
        for (group, grace) in groups {
            inner.tell(Message::Started { group, grace });
        }
        Ok(child)
    }

    async fn keep(self: Arc<Self>, mut child: Child) {
        loop {
            let ended = child.wait().await;
            if self.lock().closed {
                return;
            }
            tracing::warn!(?ended, "the guard of the pods ended; starting another");
            child = loop {
                tokio::time::sleep(AGAIN).await;
                match self.spawn() {
                    Ok(child) => break child,
                    Err(error) => tracing::error!(%error, "the guard of the pods cannot be started again"),
                }
            };
        }
    }
}

impl Inner {
    /// A guard that cannot be told has died; the next one is told everything.
    fn tell(&mut self, message: Message) {
        if let Some(pipe) = &mut self.pipe
            && pipe.write_all(message.line().as_bytes()).is_err()
        {
            self.pipe = None;
        }
    }
}
