//! Decision records, appended to one file a target as they are made.
//!
//! A thread of its own writes them, so that a slow disk never delays a decision. When the disk is full they wait in
//! memory, in order, and are written when there is room again; that they wait is told at once.

use std::collections::VecDeque;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tidegate_engine::{Record, TargetId};
use tidegate_runtime::Sink;

/// Records that may wait in memory: a few hundred megabytes at the very most, and a day of a hundred busy targets.
const BACKLOG: usize = 100_000;
/// Between two tries to write.
const AGAIN: Duration = Duration::from_secs(1);
/// Files of earlier runs that are kept for each target.
const EARLIER: usize = 20;

/// Told what is wrong with writing, and `None` when it works again.
pub(crate) type OnProblem = Box<dyn Fn(Option<&str>) + Send>;

/// The files of one run.
pub(crate) struct RecordFiles {
    queue: Mutex<Option<Sender<Arc<Record>>>>,
    thread: Mutex<Option<JoinHandle<()>>>,
    /// Made and not yet written.
    waiting: Arc<AtomicUsize>,
    lost: Arc<AtomicUsize>,
}

impl RecordFiles {
    /// Starts writing below `folder`. What an earlier run left there is moved to `earlier/`.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub(crate) fn start(folder: PathBuf, on_problem: OnProblem) -> io::Result<RecordFiles> {
        put_away(&folder);
        let (queue, records) = channel();
        let (waiting, lost) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let theirs = Arc::clone(&waiting);
        let writer = Writer { folder, on_problem, waiting: theirs, backlog: VecDeque::new(), failing: false };
        let thread =
            std::thread::Builder::new().name("tidegate-records".to_owned()).spawn(move || writer.run(&records))?;
        Ok(RecordFiles { queue: Mutex::new(Some(queue)), thread: Mutex::new(Some(thread)), waiting, lost })
    }

    /// Writes what waits and ends. Gives back how many records are on no disk. Blocks, for a second when it is full.
    pub(crate) fn close(&self) -> usize {
        drop(self.queue.lock().unwrap_or_else(PoisonError::into_inner).take());
        if let Some(thread) = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take() {
            let _ = thread.join();
        }
        self.waiting.load(Ordering::Relaxed) + self.lost.load(Ordering::Relaxed)
    }
}

impl Sink for RecordFiles {
    fn record(&self, record: &Arc<Record>) {
        if self.waiting.load(Ordering::Relaxed) >= BACKLOG {
            self.lost.fetch_add(1, Ordering::Relaxed);
            return;
        }
        if let Some(queue) = &*self.queue.lock().unwrap_or_else(PoisonError::into_inner) {
            self.waiting.fetch_add(1, Ordering::Relaxed);
            let _ = queue.send(Arc::clone(record));
        }
    }
}

struct Writer {
    folder: PathBuf,
    on_problem: OnProblem,
    waiting: Arc<AtomicUsize>,
    backlog: VecDeque<Arc<Record>>,
    failing: bool,
}

impl Writer {
    fn run(mut self, records: &Receiver<Arc<Record>>) {
        let mut open = true;
        while open {
            if self.failing {
                // New records must not cut the pause short, or a full disk would be tried with each of them.
                open = self.gather(records, AGAIN);
            } else {
                open = records.recv().map(|record| self.backlog.push_back(record)).is_ok();
                self.backlog.extend(records.try_iter());
            }
            self.write();
        }
        if !self.backlog.is_empty() {
            std::thread::sleep(AGAIN);
            self.write();
        }
    }

    /// Collects for a while. Whether more can come.
    fn gather(&mut self, records: &Receiver<Arc<Record>>, span: Duration) -> bool {
        let end = Instant::now() + span;
        loop {
            match records.recv_timeout(end.saturating_duration_since(Instant::now())) {
                Ok(record) => self.backlog.push_back(record),
                Err(RecvTimeoutError::Timeout) => return true,
                Err(RecvTimeoutError::Disconnected) => return false,
            }
        }
    }

    fn write(&mut self) {
        let mut problem = None;
        while let Some(record) = self.backlog.front() {
            let path = path_of(&self.folder, &record.target);
            let mut line = serde_json::to_vec(record).unwrap_or_default();
            line.push(b'\n');
            if let Err(error) = append(&path, &line) {
                problem = Some(format!("writing records of decisions to {}: {error}", path.display()));
                break;
            }
            self.backlog.pop_front();
            self.waiting.fetch_sub(1, Ordering::Relaxed);
        }
        if problem.is_some() != self.failing {
            self.failing = problem.is_some();
            let told = problem.map(|problem| format!("{problem}; they wait in memory until there is room"));
            (self.on_problem)(told.as_deref());
        }
    }
}

/// Where the records of a target are written.
pub(crate) fn path_of(folder: &Path, target: &TargetId) -> PathBuf {
    folder.join(format!("{}_{}.jsonl", target.namespace(), target.name()))
}

/// Adds a whole line or nothing.
fn append(path: &Path, line: &[u8]) -> io::Result<()> {
    let mut file = File::options().create(true).append(true).open(path)?;
    let before = file.metadata()?.len();
    let written = file.write_all(line);
    if written.is_err() {
        let _ = file.set_len(before);
    }
    written
}

fn put_away(folder: &Path) {
    let earlier = folder.join("earlier");
    let Ok(entries) = fs::read_dir(folder) else { return };
    let files: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).filter(|path| path.is_file()).collect();
    if files.is_empty() || fs::create_dir_all(&earlier).is_err() {
        return;
    }
    let now = jiff::Timestamp::now().strftime("%Y%m%dT%H%M%S%.3f").to_string();
    for file in files {
        let Some(stem) = file.file_stem().and_then(|stem| stem.to_str()) else { continue };
        let _ = fs::rename(&file, earlier.join(format!("{stem}.{now}.jsonl")));
        prune(&earlier, stem);
    }
}

fn prune(earlier: &Path, stem: &str) {
    let Ok(entries) = fs::read_dir(earlier) else { return };
    let prefix = format!("{stem}.");
    let ours = |path: &PathBuf| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(&prefix));
    let mut files: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).filter(ours).collect();
    files.sort();
    let excess = files.len().saturating_sub(EARLIER);
    for file in files.into_iter().take(excess) {
        let _ = fs::remove_file(file);
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;
    use std::sync::mpsc::sync_channel;

    use super::*;

    fn record(sequence: u64) -> Arc<Record> {
        let json = serde_json::json!({
            "format": "tidegate.record/1", "sequence": sequence, "at": "2026-01-01T00:00:00.000Z",
            "target": "default/orders", "cause": {"what": "timer"}, "mode": "direct", "workload": null, "readings": [],
            "active": false, "steps": [], "boundBy": "none", "desiredReplicas": 0,
            "limits": {"min": 0, "max": 1}, "result": "unchanged",
        });
        Arc::new(serde_json::from_value(json).unwrap())
    }

    fn sequences(path: &Path) -> Vec<u64> {
        let text = fs::read_to_string(path).unwrap();
        text.lines().map(|line| serde_json::from_str::<Record>(line).unwrap().sequence).collect()
    }

    #[test]
    fn a_full_disk_loses_no_record() {
        let folder = tempfile::tempdir().unwrap();
        let (sender, problems) = sync_channel(10);
        let on_problem = move |problem: Option<&str>| sender.send(problem.map(str::to_owned)).unwrap();
        let files = RecordFiles::start(folder.path().to_owned(), Box::new(on_problem)).unwrap();
        let path = path_of(folder.path(), &TargetId::new("default", "orders"));
        // Everything written to this device finds it full.
        symlink("/dev/full", &path).unwrap();
        files.record(&record(1));
        let problem = problems.recv().unwrap().unwrap();
        assert!(problem.contains("No space left") && problem.contains("default_orders.jsonl"), "{problem}");
        for sequence in 2..=50 {
            files.record(&record(sequence));
        }
        fs::remove_file(&path).unwrap();
        assert_eq!(problems.recv().unwrap(), None, "told when there is room again");
        files.record(&record(51));
        assert_eq!(files.close(), 0);
        assert_eq!(sequences(&path), (1..=51).collect::<Vec<_>>());
    }

    #[test]
    fn a_disk_that_stays_full_is_owned_up_to_and_an_earlier_run_is_put_away() {
        let folder = tempfile::tempdir().unwrap();
        let path = path_of(folder.path(), &TargetId::new("default", "orders"));
        let first = RecordFiles::start(folder.path().to_owned(), Box::new(|_| {})).unwrap();
        first.record(&record(1));
        assert_eq!(first.close(), 0);
        let second = RecordFiles::start(folder.path().to_owned(), Box::new(|_| {})).unwrap();
        assert!(!path.exists());
        let earlier = fs::read_dir(folder.path().join("earlier")).unwrap().next().unwrap().unwrap().path();
        assert_eq!(sequences(&earlier), [1]);
        symlink("/dev/full", &path).unwrap();
        second.record(&record(2));
        second.record(&record(3));
        assert_eq!(second.close(), 2);
    }
}
