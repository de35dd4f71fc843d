//! Puts a report's files in place: all of it is on the disk before anything of an earlier report is touched.

use std::fs::{self, File};
use std::io::{self, BufReader, Write};
use std::path::{Path, PathBuf};

use crate::error::LabError;

/// A folder inside the report's folder in which the new files wait.
pub(super) struct Staging {
    folder: PathBuf,
    waiting: PathBuf,
    names: Vec<String>,
}

impl Staging {
    pub(super) fn new(folder: &Path) -> Result<Self, LabError> {
        let waiting = folder.join(format!(".new-{}", std::process::id()));
        let made = fs::create_dir_all(folder).and_then(|()| match fs::remove_dir_all(&waiting) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => fs::create_dir(&waiting),
        });
        made.map_err(|cause| failed(folder, "make the folder", &waiting, cause))?;
        Ok(Staging { folder: folder.to_owned(), waiting, names: Vec::new() })
    }

    /// Where the file will be.
    pub(super) fn place(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Writes one file.
    pub(super) fn add(&mut self, name: &str, content: &[u8]) -> Result<PathBuf, LabError> {
        self.fill(name, |file| file.write_all(content))
    }

    /// Joins files into one; a last line without an end is closed, a missing file is an empty one.
    pub(super) fn join(&mut self, name: &str, sources: &[PathBuf]) -> Result<PathBuf, LabError> {
        self.fill(name, |file| {
            for source in sources {
                match File::open(source) {
                    Ok(from) => append_lines(BufReader::new(from), file)?,
                    Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                    Err(error) => return Err(error),
                }
            }
            Ok(())
        })
    }

    fn fill(&mut self, name: &str, write: impl FnOnce(&mut File) -> io::Result<()>) -> Result<PathBuf, LabError> {
        let path = self.waiting.join(name);
        let filled = File::create(&path).and_then(|mut file| {
            write(&mut file)?;
            file.sync_all()
        });
        filled.map_err(|cause| failed(&self.folder, "write", &self.place(name), cause))?;
        self.names.push(name.to_owned());
        Ok(self.place(name))
    }

    /// Replaces file by file, in the order in which they were added.
    pub(super) fn publish(self) -> Result<(), LabError> {
        for name in &self.names {
            let place = self.place(name);
            fs::rename(self.waiting.join(name), &place)
                .map_err(|cause| failed(&self.folder, "put in place", &place, cause))?;
        }
        Ok(())
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        // Whatever waits here is of no use to anybody.
        let _ = fs::remove_dir_all(&self.waiting);
    }
}

fn append_lines(mut from: impl io::BufRead, to: &mut File) -> io::Result<()> {
    let mut to = io::BufWriter::new(to);
    let mut line = Vec::new();
    while from.read_until(b'\n', &mut line)? > 0 {
        if line.last() != Some(&b'\n') {
            line.push(b'\n');
        }
        to.write_all(&line)?;
        line.clear();
    }
    to.flush()
}

fn failed(folder: &Path, doing: &'static str, path: &Path, cause: io::Error) -> LabError {
    match cause.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => LabError::DiskFull { path: folder.to_owned() },
        _ => LabError::file(doing, path, cause),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listing(folder: &Path) -> Vec<String> {
        let mut names: Vec<String> =
            fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn nothing_is_touched_before_all_is_written_and_strangers_are_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("a"), "old").unwrap();
        fs::write(folder.path().join("mine"), "keep").unwrap();
        let mut staging = Staging::new(folder.path()).unwrap();
        staging.add("a", b"new").unwrap();
        assert_eq!(fs::read_to_string(folder.path().join("a")).unwrap(), "old");
        drop(staging);
        assert_eq!(listing(folder.path()), ["a", "mine"], "given up: nothing is left behind");
        let mut staging = Staging::new(folder.path()).unwrap();
        staging.add("a", b"new").unwrap();
        staging.publish().unwrap();
        assert_eq!(fs::read_to_string(folder.path().join("a")).unwrap(), "new");
        assert_eq!(listing(folder.path()), ["a", "mine"]);
    }

    #[test]
    fn files_of_lines_are_joined() {
        let folder = tempfile::tempdir().unwrap();
        let (one, two) = (folder.path().join("one"), folder.path().join("two"));
        fs::write(&one, "1\n2").unwrap();
        fs::write(&two, "3\n").unwrap();
        let report = folder.path().join("report");
        let mut staging = Staging::new(&report).unwrap();
        staging.join("all", &[one, folder.path().join("missing"), two]).unwrap();
        staging.publish().unwrap();
        assert_eq!(fs::read_to_string(report.join("all")).unwrap(), "1\n2\n3\n");
    }

    #[test]
    fn a_full_disk_is_said_so() {
        let error = failed(Path::new("/reports"), "write", Path::new("/reports/a"), io::ErrorKind::StorageFull.into());
        assert!(error.to_string().contains("the disk is full; nothing there was changed"), "{error}");
    }
}
