//! Reading: one pod, or all pods of a Deployment in the order of time.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Seek, SeekFrom};
use std::ops::ControlFlow;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tidegate_engine::Timestamp;

use super::{CURRENT, PREVIOUS};
use crate::state_dir::StateDir;

/// Between two looks for new lines while following.
const LOOK: Duration = Duration::from_millis(200);

/// What to read.
#[derive(Clone, Debug, Default)]
pub struct LogQuery {
    /// The folder that `up` runs or ran.
    pub folder: PathBuf,
    /// A pod, or a Deployment for all of its pods; as `name` or `namespace/name`.
    pub name: String,
    /// Go on with what is added, until the receiver breaks off.
    pub follow: bool,
    /// Only the last so many lines.
    pub tail: Option<usize>,
}

/// One line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLine {
    /// The pod.
    pub pod: String,
    /// When it was read from the pod, as written: RFC 3339 with milliseconds.
    pub at: String,
    /// What the pod printed. Bytes that are no UTF-8 are replaced.
    pub text: String,
}

/// A pod that has a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogInfo {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub pod: String,
    /// Its Deployment, as its name tells.
    pub deployment: String,
    /// Size of its log in bytes.
    pub bytes: u64,
    /// When something was last added.
    pub last: Option<Timestamp>,
}

/// Why nothing was read.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// No pod of this name.
    #[error("no pod or Deployment {name:?} has a log in {folder}; there are: {known}")]
    Unknown {
        /// What was asked for.
        name: String,
        /// Where.
        folder: PathBuf,
        /// Those that are there.
        known: String,
    },
    /// A file cannot be read.
    #[error("reading {path}: {cause}")]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        cause: io::Error,
    },
}

/// All pods that have a log in the folder, in order of their names. None when `up` never ran there.
#[must_use]
pub fn list(folder: &Path) -> Vec<LogInfo> {
    let Ok(entries) = fs::read_dir(StateDir::of(folder).logs()) else { return Vec::new() };
    let mut pods: Vec<LogInfo> = entries.flatten().filter_map(|entry| info(&entry.path())).collect();
    pods.sort_by(|one, other| (&one.namespace, &one.pod).cmp(&(&other.namespace, &other.pod)));
    pods
}

fn info(folder: &Path) -> Option<LogInfo> {
    let (namespace, pod) = folder.file_name()?.to_str()?.split_once('_')?;
    let deployment = pod.rsplit_once('-').map_or(pod, |(deployment, _)| deployment);
    let files = [CURRENT, PREVIOUS].map(|name| fs::metadata(folder.join(name)).ok());
    let bytes = files.iter().flatten().map(fs::Metadata::len).sum();
    let modified = files[0].as_ref().and_then(|found| found.modified().ok());
    let last = modified.and_then(|time| jiff::Timestamp::try_from(time).ok());
    Some(LogInfo {
        namespace: namespace.to_owned(),
        pod: pod.to_owned(),
        deployment: deployment.to_owned(),
        bytes,
        last: last.map(|time| Timestamp::from_millis(time.as_millisecond())),
    })
}

/// Reads lines into `each`, oldest first, until there are no more or it breaks off. With `follow` it blocks and looks
/// for new lines, and for new pods of a Deployment, five times a second.
///
/// # Errors
/// When there is no such pod, or its log cannot be read.
pub fn read(query: &LogQuery, mut each: impl FnMut(LogLine) -> ControlFlow<()>) -> Result<(), LogError> {
    let mut tails: BTreeMap<String, Tail> = BTreeMap::new();
    let all = matching(query);
    if all.is_empty() {
        let known: Vec<String> = list(&query.folder).into_iter().map(|info| info.pod).collect();
        let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
        return Err(LogError::Unknown { name: query.name.clone(), folder: query.folder.clone(), known });
    }
    let mut lines = Vec::new();
    for info in &all {
        let tail = tails.entry(info.pod.clone()).or_insert_with(|| Tail::new(query, info));
        lines.extend(tail.earlier()?);
        lines.extend(tail.new_lines()?);
    }
    // Times are written so that their order as text is their order in time.
    lines.sort_by(|one, other| one.at.cmp(&other.at));
    let skipped = query.tail.map_or(0, |tail| lines.len().saturating_sub(tail));
    for line in lines.into_iter().skip(skipped) {
        if each(line).is_break() {
            return Ok(());
        }
    }
    if !query.follow {
        return Ok(());
    }
    loop {
        std::thread::sleep(LOOK);
        for info in matching(query) {
            let tail = tails.entry(info.pod.clone()).or_insert_with(|| Tail::new(query, &info));
            for line in tail.new_lines()? {
                if each(line).is_break() {
                    return Ok(());
                }
            }
        }
    }
}

fn matching(query: &LogQuery) -> Vec<LogInfo> {
    let (namespace, name) = match query.name.split_once('/') {
        Some((namespace, name)) => (Some(namespace), name),
        None => (None, query.name.as_str()),
    };
    let wanted = |info: &LogInfo| {
        namespace.is_none_or(|namespace| info.namespace == namespace) && (info.pod == name || info.deployment == name)
    };
    list(&query.folder).into_iter().filter(wanted).collect()
}

/// Where reading of one pod's log has got to.
struct Tail {
    pod: String,
    folder: PathBuf,
    inode: u64,
    offset: u64,
}

impl Tail {
    fn new(query: &LogQuery, info: &LogInfo) -> Self {
        let folder = StateDir::of(&query.folder).logs().join(format!("{}_{}", info.namespace, info.pod));
        Tail { pod: info.pod.clone(), folder, inode: 0, offset: 0 }
    }

    fn earlier(&self) -> Result<Vec<LogLine>, LogError> {
        let path = self.folder.join(PREVIOUS);
        Ok(self.lines_of(&path, 0)?.map_or_else(Vec::new, |(lines, _, _)| lines))
    }

    fn new_lines(&mut self) -> Result<Vec<LogLine>, LogError> {
        let path = self.folder.join(CURRENT);
        let mut lines = Vec::new();
        let inode = fs::metadata(&path).map_or(0, |found| found.ino());
        if self.inode != 0 && inode != self.inode {
            // What we were reading is the previous file by now.
            let rest = self.lines_of(&self.folder.join(PREVIOUS), self.offset)?;
            lines.extend(rest.map_or_else(Vec::new, |(lines, _, _)| lines));
            self.offset = 0;
        }
        if let Some((new, offset, inode)) = self.lines_of(&path, self.offset)? {
            (self.offset, self.inode) = (offset, inode);
            lines.extend(new);
        }
        Ok(lines)
    }

    /// Whole lines from an offset, where they end, and the file's inode. `None`: there is no such file.
    fn lines_of(&self, path: &Path, mut offset: u64) -> Result<Option<(Vec<LogLine>, u64, u64)>, LogError> {
        let failed = |cause| LogError::Io { path: path.to_owned(), cause };
        let mut file = match File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed(error)),
        };
        let inode = file.metadata().map_err(failed)?.ino();
        file.seek(SeekFrom::Start(offset)).map_err(failed)?;
        let mut reader = BufReader::new(file);
        let (mut lines, mut line) = (Vec::new(), Vec::new());
        loop {
            line.clear();
            let count = reader.read_until(b'\n', &mut line).map_err(failed)?;
            if line.last() != Some(&b'\n') {
                return Ok(Some((lines, offset, inode)));
            }
            offset += count as u64;
            let text = String::from_utf8_lossy(&line[..line.len() - 1]).into_owned();
            let (at, text) = text.split_once(' ').unwrap_or(("", &text));
            lines.push(LogLine { pod: self.pod.clone(), at: at.to_owned(), text: text.to_owned() });
        }
    }
}
