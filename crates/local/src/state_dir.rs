//! Where a run keeps what it must remember: `.tidegate/` in its folder.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use tidegate_engine::TargetId;

/// The folder `.tidegate/` and the places in it.
#[derive(Clone, Debug)]
pub struct StateDir {
    root: PathBuf,
}

/// Held while `up` runs; dropped, or lost with the process, it is free again.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

/// Why the lock was not had.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another `up` has it.
    #[error("another `tidegate up` runs {folder}{pid}; stop it first, or use a copy of the folder")]
    Held {
        /// The folder of manifests.
        folder: PathBuf,
        /// As ` (process 17)`, where it is known.
        pid: String,
    },
    /// The file cannot be made.
    #[error("making {path}: {cause}; the folder must be writable to keep state and logs in it")]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        cause: io::Error,
    },
}

impl StateDir {
    /// That of a folder of manifests (or of the folder that holds a single manifest file).
    #[must_use]
    pub fn of(folder: &Path) -> StateDir {
        let folder = if folder.is_file() { folder.parent().unwrap_or(folder) } else { folder };
        StateDir { root: folder.join(".tidegate") }
    }

    /// `.tidegate/` itself.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Records of decisions, one file a target.
    #[must_use]
    pub fn records(&self) -> PathBuf {
        self.root.join("records")
    }

    /// The records of one target, JSON Lines.
    #[must_use]
    pub fn records_of(&self, target: &TargetId) -> PathBuf {
        self.records().join(format!("{}_{}.jsonl", target.namespace(), target.name()))
    }

    /// What must survive a restart.
    #[must_use]
    pub fn state(&self) -> PathBuf {
        self.root.join("state")
    }

    /// Logs, one folder a pod.
    #[must_use]
    pub fn logs(&self) -> PathBuf {
        self.root.join("logs")
    }

    /// The files that pods and `up` exchange, one folder a pod; empty when nothing runs.
    #[must_use]
    pub fn pods(&self) -> PathBuf {
        self.root.join("pods")
    }

    /// Where the report goes unless told otherwise.
    #[must_use]
    pub fn report(&self) -> PathBuf {
        self.root.join("report")
    }

    /// Who runs, see [`running`](crate::running).
    #[must_use]
    pub fn up_file(&self) -> PathBuf {
        self.root.join("up.json")
    }

    /// Makes the folders and takes the lock.
    ///
    /// # Errors
    /// When another process has it, or the folder cannot be written.
    pub fn lock(&self) -> Result<Lock, LockError> {
        let at = |path: &Path| {
            let path = path.to_owned();
            move |cause| LockError::Io { path, cause }
        };
        for folder in [self.root.clone(), self.records(), self.state(), self.logs(), self.pods()] {
            fs::create_dir_all(&folder).map_err(at(&folder))?;
        }
        // Nothing in here belongs into anybody's repository.
        let ignore = self.root.join(".gitignore");
        if !ignore.exists() {
            fs::write(&ignore, "*\n").map_err(at(&ignore))?;
        }
        let path = self.root.join("lock");
        let file = File::options().create(true).truncate(false).write(true).open(&path).map_err(at(&path))?;
        match file.try_lock() {
            Ok(()) => Ok(Lock { _file: file }),
            Err(TryLockError::WouldBlock) => {
                let pid = crate::running::read(self).map_or_else(String::new, |up| format!(" (process {})", up.pid));
                let folder = self.root.parent().unwrap_or(&self.root).to_owned();
                Err(LockError::Held { folder, pid })
            }
            Err(TryLockError::Error(cause)) => Err(at(&path)(cause)),
        }
    }
}
