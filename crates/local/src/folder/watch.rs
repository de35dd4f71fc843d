//! Says when a manifest may have changed.
//!
//! Folders are watched and not files, since editors replace files and ConfigMap volumes swap links. An event says only
//! that it is worth reading again; whether anything changed is seen by the content.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::mpsc;

use super::files::is_manifest;

/// Editors write in several steps; what follows this quickly belongs together.
const QUIET: Duration = Duration::from_millis(100);
/// But a folder that never becomes quiet is read nevertheless.
const LONGEST: usize = 20;

/// A watched set of folders.
#[derive(Debug)]
pub(crate) struct Watch {
    watcher: RecommendedWatcher,
    folders: BTreeSet<PathBuf>,
    events: mpsc::Receiver<()>,
}

impl Watch {
    /// Watches nothing yet.
    ///
    /// # Errors
    /// When the system cannot watch files.
    pub(crate) fn new() -> notify::Result<Watch> {
        // One event waiting says as much as many.
        let (sender, events) = mpsc::channel(1);
        let watcher = notify::recommended_watcher(move |event: notify::Result<Event>| {
            if event.as_ref().is_ok_and(|event| !matters(event)) {
                return;
            }
            let _ = sender.try_send(());
        })?;
        Ok(Watch { watcher, folders: BTreeSet::new(), events })
    }

    /// Watches exactly these folders from now on. Gives back what could not be watched.
    pub(crate) fn follow(&mut self, folders: BTreeSet<PathBuf>) -> Vec<String> {
        for gone in self.folders.difference(&folders) {
            let _ = self.watcher.unwatch(gone);
        }
        let mut problems = Vec::new();
        let mut followed = BTreeSet::new();
        for folder in folders {
            if !self.folders.contains(&folder)
                && let Err(error) = self.watcher.watch(&folder, RecursiveMode::NonRecursive)
            {
                problems.push(format!("{} cannot be watched for changes: {error}", folder.display()));
                continue;
            }
            followed.insert(folder);
        }
        self.folders = followed;
        problems
    }

    /// Returns when something may have changed and it has been quiet for a moment.
    pub(crate) async fn changed(&mut self) {
        if self.events.recv().await.is_none() {
            std::future::pending::<()>().await;
        }
        for _ in 0..LONGEST {
            if tokio::time::timeout(QUIET, self.events.recv()).await.is_err() {
                return;
            }
        }
    }
}

/// Reading a file is an event too, and pods may write other files beside the manifests.
fn matters(event: &Event) -> bool {
    let is_folder_or_link = |path: &Path| path.extension().is_none() || path.is_dir() || path.is_symlink();
    !matches!(event.kind, EventKind::Access(_))
        && (event.paths.is_empty()
            || event.paths.iter().any(|path| is_manifest(path) || is_swap(path) || is_folder_or_link(path)))
}

/// `..data` and the like, by which volumes swap their content.
fn is_swap(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(".."))
}
