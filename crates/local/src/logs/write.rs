//! Writing: one thread for all pods, behind a bounded queue.
//!
//! A pod must never wait for our disk. What does not fit into the queue, or cannot be written since the disk is full, is
//! dropped and counted, and the next line that gets through says how much is missing.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::{Duration, Instant};

use tidegate_engine::Timestamp;
use tokio::io::{AsyncRead, AsyncReadExt};

use super::{CURRENT, PREVIOUS};

/// Entries that may wait for the thread.
const QUEUE: usize = 4096;
/// A longer line is cut into several, as container runtimes do.
const LONGEST_LINE: usize = 16 * 1024;
/// What is read from a pod at once.
const CHUNK: usize = 4096;
/// Before a log that could not be written is tried again.
const AGAIN: Duration = Duration::from_secs(1);

/// Limits of the logs.
#[derive(Clone, Debug)]
pub struct LogOptions {
    /// The folder that holds a folder for each pod.
    pub folder: PathBuf,
    /// A pod has at most two files of this many bytes.
    pub file_bytes: u64,
    /// Logs of so many pods are kept, the oldest go.
    pub pods: usize,
}

impl LogOptions {
    /// The usual limits.
    #[must_use]
    pub fn new(folder: PathBuf) -> Self {
        LogOptions { folder, file_bytes: 10 << 20, pods: 1000 }
    }
}

/// All logs of a run. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Logs {
    queue: SyncSender<Entry>,
    dropped: Arc<AtomicU64>,
}

/// The log of one pod (or of one of its containers). Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct PodLog {
    logs: Logs,
    pod: Arc<str>,
    prefix: Arc<str>,
}

struct Entry {
    pod: Arc<str>,
    what: What,
}

enum What {
    /// Whole lines, each with its time and its line break.
    Lines(Vec<u8>),
    /// Nothing more will come.
    Close,
    /// To be answered when all before it has been written.
    Flush(tokio::sync::oneshot::Sender<()>),
}

impl Logs {
    /// Starts the thread, which ends with the last clone.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start(options: LogOptions) -> io::Result<Logs> {
        let (queue, entries) = sync_channel(QUEUE);
        let dropped = Arc::new(AtomicU64::new(0));
        let writer = Writer { options, dropped: Arc::clone(&dropped), open: HashMap::new() };
        std::thread::Builder::new().name("tidegate-logs".to_owned()).spawn(move || writer.run(&entries))?;
        Ok(Logs { queue, dropped })
    }

    /// The log of a pod.
    pub(crate) fn pod(&self, namespace: &str, pod: &str) -> PodLog {
        PodLog { logs: self.clone(), pod: format!("{namespace}_{pod}").into(), prefix: "".into() }
    }

    /// Entries lost so far.
    pub(crate) fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    /// Returns when everything before has been written or given up.
    pub(crate) async fn flush(&self) {
        let (reply, done) = tokio::sync::oneshot::channel();
        let queue = self.queue.clone();
        let entry = Entry { pod: "".into(), what: What::Flush(reply) };
        let sent = tokio::task::spawn_blocking(move || queue.send(entry).is_ok());
        if sent.await.unwrap_or(false) {
            let _ = done.await;
        }
    }

    fn send(&self, pod: &Arc<str>, what: What) {
        if self.queue.try_send(Entry { pod: Arc::clone(pod), what }).is_err() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl PodLog {
    /// The same log for one of several containers; its lines begin with its name.
    pub(crate) fn named(&self, container: &str) -> PodLog {
        PodLog { prefix: format!("{container}: ").into(), ..self.clone() }
    }

    /// A line of our own.
    pub(crate) fn note(&self, text: &str) {
        let mut lines = Vec::new();
        self.line(&mut lines, format!("[tidegate] {text}").as_bytes());
        self.logs.send(&self.pod, What::Lines(lines));
    }

    pub(crate) fn close(&self) {
        self.logs.send(&self.pod, What::Close);
    }

    /// Copies a pod's output until it closes.
    pub(crate) async fn copy(self, mut output: impl AsyncRead + Unpin) {
        let mut begun = Vec::new();
        let mut chunk = [0; CHUNK];
        while let Ok(count @ 1..) = output.read(&mut chunk).await {
            let mut lines = Vec::new();
            let mut rest = &chunk[..count];
            while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
                begun.extend_from_slice(&rest[..end]);
                self.line(&mut lines, &begun);
                begun.clear();
                rest = &rest[end + 1..];
            }
            begun.extend_from_slice(rest);
            if begun.len() >= LONGEST_LINE {
                self.line(&mut lines, &begun);
                begun = Vec::new();
            }
            if !lines.is_empty() {
                self.logs.send(&self.pod, What::Lines(lines));
            }
        }
        if !begun.is_empty() {
            let mut lines = Vec::new();
            self.line(&mut lines, &begun);
            self.logs.send(&self.pod, What::Lines(lines));
        }
    }

    fn line(&self, lines: &mut Vec<u8>, text: &[u8]) {
        let now = Timestamp::from_millis(jiff::Timestamp::now().as_millisecond());
        // Writing into memory does not fail.
        let _ = write!(lines, "{now} {}", self.prefix);
        lines.extend_from_slice(text.strip_suffix(b"\r").unwrap_or(text));
        lines.push(b'\n');
    }
}

struct Writer {
    options: LogOptions,
    dropped: Arc<AtomicU64>,
    open: HashMap<Arc<str>, OpenLog>,
}

#[derive(Default)]
struct OpenLog {
    file: Option<File>,
    bytes: u64,
    /// Entries lost since the last that was written.
    missing: u64,
    /// Not before this.
    again: Option<Instant>,
}

impl Writer {
    fn run(mut self, entries: &Receiver<Entry>) {
        self.prune();
        while let Ok(Entry { pod, what }) = entries.recv() {
            match what {
                What::Lines(lines) => self.write(pod, &lines),
                What::Close => {
                    self.open.remove(&pod);
                }
                What::Flush(reply) => {
                    let _ = reply.send(());
                }
            }
        }
    }

    fn write(&mut self, pod: Arc<str>, lines: &[u8]) {
        if !self.open.contains_key(&pod) && self.open.len().is_multiple_of(64) {
            self.prune();
        }
        let folder = self.options.folder.join(&*pod);
        let log = self.open.entry(pod).or_default();
        if log.again.is_some_and(|again| Instant::now() < again) || log.append(&folder, lines, &self.options).is_err() {
            if log.missing == 0 {
                log.again = Some(Instant::now() + AGAIN);
            }
            log.missing += 1;
            log.file = None;
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Removes the logs of the pods that ended first when there are too many.
    fn prune(&self) {
        let Ok(entries) = fs::read_dir(&self.options.folder) else { return };
        let age = |path: &Path| fs::metadata(path.join(CURRENT)).and_then(|found| found.modified()).ok();
        let closed = |path: &PathBuf| {
            path.file_name().and_then(|name| name.to_str()).is_some_and(|name| !self.open.contains_key(name))
        };
        let mut folders: Vec<_> = entries.flatten().map(|entry| entry.path()).filter(closed).collect();
        let excess = folders.len().saturating_sub(self.options.pods);
        if excess > 0 {
            folders.sort_by_cached_key(|path| age(path));
            for folder in folders.into_iter().take(excess) {
                let _ = fs::remove_dir_all(folder);
            }
        }
    }
}

impl OpenLog {
    fn append(&mut self, folder: &Path, lines: &[u8], options: &LogOptions) -> io::Result<()> {
        if self.bytes >= options.file_bytes {
            self.file = None;
            fs::rename(folder.join(CURRENT), folder.join(PREVIOUS))?;
        }
        let mut file = match self.file.take() {
            Some(file) => file,
            None => {
                fs::create_dir_all(folder)?;
                let file = File::options().create(true).append(true).open(folder.join(CURRENT))?;
                self.bytes = file.metadata()?.len();
                file
            }
        };
        let mut text = Vec::new();
        if self.missing > 0 {
            // With the time of the line that it stands before, so that sorting by time leaves it there.
            text.extend(lines.iter().take_while(|byte| **byte != b' '));
            writeln!(text, " [tidegate] {} pieces of output are missing here: the disk was full", self.missing)?;
        }
        text.extend_from_slice(lines);
        let written = file.write_all(&text);
        if written.is_err() {
            // A part of a line would run into the next one.
            let _ = file.set_len(self.bytes);
            return written;
        }
        (self.missing, self.again) = (0, None);
        self.bytes += text.len() as u64;
        self.file = Some(file);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::ops::ControlFlow;

    use super::*;
    use crate::logs::{LogQuery, list, read};

    fn lines(folder: &Path, tail: Option<usize>) -> Vec<String> {
        let query = LogQuery { folder: folder.to_owned(), name: "work-1".to_owned(), follow: false, tail };
        let mut lines = Vec::new();
        let _ = read(&query, |line| {
            assert!(line.at.parse::<Timestamp>().is_ok(), "{line:?}");
            lines.push(line.text);
            ControlFlow::Continue(())
        });
        lines
    }

    fn start(folder: &Path, file_bytes: u64) -> Logs {
        let options = LogOptions { file_bytes, ..LogOptions::new(folder.join(".tidegate/logs")) };
        Logs::start(options).unwrap()
    }

    #[tokio::test]
    async fn lines_come_back_and_the_size_stays_within_its_limit() {
        let folder = tempfile::tempdir().unwrap();
        let logs = start(folder.path(), 1000);
        let log = logs.pod("default", "work-1");
        for number in 0..100 {
            log.clone().copy(format!("line {number}\r\n").as_bytes()).await;
            logs.flush().await;
        }
        let kept = lines(folder.path(), None);
        assert_eq!(kept.last().unwrap(), "line 99");
        assert!(kept.len() >= 25 && kept.len() < 80, "{}", kept.len());
        assert_eq!(lines(folder.path(), Some(2)), ["line 98", "line 99"]);
        let info = list(folder.path());
        assert_eq!((info.len(), info[0].pod.as_str(), info[0].deployment.as_str()), (1, "work-1", "work"));
        assert!(info[0].bytes <= 2 * 1100, "{}", info[0].bytes);
    }

    #[tokio::test]
    async fn unfinished_overlong_and_foreign_bytes_are_kept() {
        let folder = tempfile::tempdir().unwrap();
        let logs = start(folder.path(), 1 << 20);
        let long = "x".repeat(40_000);
        logs.pod("default", "work-1").copy(format!("{long}\nend").as_bytes()).await;
        logs.pod("default", "work-1").copy(&b"\xff\xfe\n"[..]).await;
        logs.flush().await;
        let kept = lines(folder.path(), None);
        assert_eq!(kept[..kept.len() - 2].concat(), long);
        assert!(kept.iter().all(|line| line.len() < 32 * 1024));
        assert_eq!(kept[kept.len() - 2..], ["end", "\u{fffd}\u{fffd}"]);
    }

    #[tokio::test]
    async fn a_full_disk_drops_output_and_says_so_later() {
        let folder = tempfile::tempdir().unwrap();
        let logs = start(folder.path(), 1 << 20);
        let log = logs.pod("default", "work-1");
        let current = folder.path().join(".tidegate/logs/default_work-1/current.log");
        fs::create_dir_all(current.parent().unwrap()).unwrap();
        // Everything written to this device finds it full.
        std::os::unix::fs::symlink("/dev/full", &current).unwrap();
        log.clone().copy(&b"one\n"[..]).await;
        log.clone().copy(&b"two\n"[..]).await;
        logs.flush().await;
        assert_eq!(logs.dropped(), 2);
        fs::remove_file(&current).unwrap();
        let mut kept = Vec::new();
        while kept.is_empty() {
            tokio::time::sleep(Duration::from_millis(50)).await;
            log.clone().copy(&b"three\n"[..]).await;
            logs.flush().await;
            kept = lines(folder.path(), None);
        }
        assert!(kept[0].contains("pieces of output are missing here"), "{kept:?}");
        assert_eq!(kept[1], "three");
    }
}
