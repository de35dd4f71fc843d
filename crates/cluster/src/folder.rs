//! The folder of a cluster, and the guard that ends what is left of it.
//!
//! Every process of a cluster bears the folder's mark (see `tidegate_local::processes`). When the process that owns the
//! cluster is gone, the guard kills whatever bears the mark and removes the folder. Were both killed, the next cluster that
//! is started on the machine does the same.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tidegate_local::GuardCommand;
use tidegate_local::guard::{self, GuardLink};

use crate::error::Error;

/// The beginning of the folders' names.
const PREFIX: &str = "tidegate-cluster-";

/// A cluster's files take less than this, in memory.
const ROOM_BYTES: u64 = 2 << 30;

/// A folder this young may be one whose owner has not signed it yet.
const UNSIGNED: Duration = Duration::from_secs(60);

/// The guard as a shell script: it depends on no program of ours, so that any test binary can have one. It is told
/// process groups (`+ GROUP`, `- GROUP`), and a farewell when nothing is left to do.
const GUARD: &str = r#"
trap '' INT TERM HUP
state=$1
groups=' '
while read -r what group rest; do
  case $what in
    +) groups="$groups$group " ;;
    -) case $groups in *" $group "*) groups="${groups%%" $group "*} ${groups#*" $group "}" ;; esac ;;
    bye) exit 0 ;;
  esac
done
for group in $groups; do kill -9 "-$group" 2>/dev/null; done
for round in 1 2 3 4 5 6 7 8 9 10; do
  found=
  for file in $(grep -lzsF "TIDEGATE_OWNER=$state#" /proc/[0-9]*/environ); do
    pid=${file#/proc/}
    kill -9 "${pid%/environ}" 2>/dev/null && found=1
  done
  [ -z "$found" ] && break
  sleep 0.1
done
rm -rf "$state"
"#;

/// The folder of one cluster.
#[derive(Debug)]
pub(crate) struct Folder {
    /// Where it is.
    pub(crate) path: PathBuf,
    /// Ends the processes when we are gone.
    pub(crate) guard: Arc<GuardLink>,
}

impl Folder {
    /// Makes a folder and starts its guard. Blocks shortly. To be called on the runtime that is to keep the guard.
    pub(crate) fn new() -> Result<Folder, Error> {
        let place = place();
        clear_stale(&place);
        let made = tempfile::Builder::new().prefix(PREFIX).tempdir_in(&place);
        let path = made.map_err(Error::file("making a folder in", &place))?.keep();
        for inner in ["logs", "pods", "work", "certificates"] {
            let inner = path.join(inner);
            fs::create_dir_all(&inner).map_err(Error::file("making", &inner))?;
        }
        let owner = path.join("owner");
        let me = std::process::id();
        let signature = format!("{me} {}", guard::start_ticks(me).unwrap_or_default());
        fs::write(&owner, signature).map_err(Error::file("writing", &owner))?;
        let args = ["-c", GUARD, "tidegate-cluster-guard"].map(OsString::from).to_vec();
        let command = GuardCommand { program: "sh".into(), args, env: Vec::new() };
        let guard = GuardLink::start(command, &path);
        let guard = guard.map_err(|cause| Error::Start { name: "the cluster's guard".to_owned(), cause })?;
        Ok(Folder { path, guard })
    }

    /// To be called when every process has ended.
    pub(crate) fn remove(&self) {
        self.guard.close();
        // What cannot be removed is looked at again by the next cluster.
        let _ = fs::remove_dir_all(&self.path);
    }
}

/// Memory where there is room (etcd waits for its disk at every write), the temporary folder otherwise.
fn place() -> PathBuf {
    let memory = Path::new("/dev/shm");
    let room = nix::sys::statvfs::statvfs(memory).map(|found| found.blocks_available() * found.fragment_size());
    if room.is_ok_and(|bytes| bytes > ROOM_BYTES) { memory.to_owned() } else { std::env::temp_dir() }
}

/// Ends and removes what clusters left behind whose owner and guard were both killed.
fn clear_stale(place: &Path) {
    let Ok(entries) = fs::read_dir(place) else { return };
    for path in entries.flatten().map(|entry| entry.path()) {
        let ours = path.file_name().and_then(|name| name.to_str()).is_some_and(|name| name.starts_with(PREFIX));
        if ours && !owned(&path) {
            clear(&path);
        }
    }
}

fn clear(path: &Path) {
    guard::end_orphans(path, Duration::ZERO);
    let _ = fs::remove_dir_all(path);
}

/// Whether the process that made the folder is there.
fn owned(path: &Path) -> bool {
    let Ok(text) = fs::read_to_string(path.join("owner")) else {
        let age = fs::metadata(path).and_then(|found| found.modified()).ok();
        let age = age.and_then(|made| SystemTime::now().duration_since(made).ok());
        return age.is_some_and(|age| age < UNSIGNED);
    };
    let mut words = text.split_whitespace();
    let pid = words.next().and_then(|word| word.parse().ok());
    let ticks: Option<u64> = words.next().and_then(|word| word.parse().ok());
    pid.and_then(guard::start_ticks).is_some_and(|now| Some(now) == ticks)
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use tidegate_local::processes;

    use super::*;

    fn until(what: &str, condition: impl Fn() -> bool) {
        let give_up = std::time::Instant::now() + Duration::from_secs(30);
        while !condition() {
            assert!(std::time::Instant::now() < give_up, "waited in vain until {what}");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    #[test]
    fn the_guard_kills_what_bears_the_mark_and_removes_the_folder() {
        let folder = tempfile::tempdir().unwrap().keep();
        let mark = processes::owner(&folder, "x");
        let mut marked = Command::new("sleep").arg("600").env(processes::OWNER, mark).spawn().unwrap();
        let mut other = Command::new("sleep").arg("600").spawn().unwrap();
        let mut guard = Command::new("sh");
        guard.args(["-c", GUARD, "guard"]).arg(&folder).stdin(Stdio::piped());
        let mut guard = guard.spawn().unwrap();
        until("it is marked", || !processes::of_run(&folder).is_empty());
        drop(guard.stdin.take());
        marked.wait().unwrap();
        guard.wait().unwrap();
        assert!(!folder.exists());
        assert!(other.try_wait().unwrap().is_none(), "it kills nothing else");
        other.kill().unwrap();
        other.wait().unwrap();
    }

    #[test]
    fn a_folder_without_its_owner_is_cleared_and_another_is_not() {
        let place = tempfile::tempdir().unwrap();
        let make = |name: &str, owner: &str| {
            let folder = place.path().join(format!("{PREFIX}{name}"));
            fs::create_dir(&folder).unwrap();
            fs::write(folder.join("owner"), owner).unwrap();
            folder
        };
        let me = std::process::id();
        let mine = make("mine", &format!("{me} {}", guard::start_ticks(me).unwrap()));
        let reused = make("reused", &format!("{me} 1"));
        clear_stale(place.path());
        assert!(mine.exists() && !reused.exists());
    }
}
