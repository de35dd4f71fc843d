//! Which files are manifests, and what they hold.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use tidegate_crds::{Located, Object, Problem, Severity};

/// A manifest larger than this is surely none.
const LARGEST_FILE: u64 = 32 << 20;

/// The manifests below some paths, with the last good content of each file.
#[derive(Debug, Default)]
pub(crate) struct Files {
    paths: Vec<PathBuf>,
    files: BTreeMap<PathBuf, Content>,
}

#[derive(Debug, Default, PartialEq)]
struct Content {
    text: String,
    /// What the file holds; while it holds an error, what it held before.
    objects: Vec<Located<Object>>,
    /// Objects with errors when the file was first read, as far as they can be understood: for further checks only.
    broken: Vec<Located<Object>>,
    problems: Vec<Problem>,
}

impl Files {
    /// Reads everything below `paths` (folders and files).
    pub(crate) fn read(paths: &[PathBuf]) -> Files {
        let mut files = Files { paths: paths.to_vec(), files: BTreeMap::new() };
        files.reread();
        files
    }

    /// Reads again. Whether anything changed.
    pub(crate) fn reread(&mut self) -> bool {
        let before = std::mem::take(&mut self.files);
        let mut changed = false;
        let mut problems = Vec::new();
        for path in self.paths.clone() {
            for file in manifests(&path, &mut problems) {
                let content = read_one(&file, before.get(&file));
                changed |= before.get(&file) != Some(&content);
                self.files.insert(file, content);
            }
        }
        changed |= before.keys().any(|file| !self.files.contains_key(file));
        for (path, problem) in problems {
            changed |= before.get(&path).is_none_or(|content| content.problems != [problem.clone()]);
            let objects = before.get(&path).map_or_else(Vec::new, |content| content.objects.clone());
            self.files.insert(path, Content { objects, problems: vec![problem], ..Content::default() });
        }
        changed
    }

    /// All objects, in the order of the files' names; of a file with errors, those that it held before.
    pub(crate) fn objects(&self) -> Vec<Located<Object>> {
        self.files.values().flat_map(|content| content.objects.iter().cloned()).collect()
    }

    /// Objects with errors that have never been without, as far as they can be understood.
    pub(crate) fn broken(&self) -> Vec<Located<Object>> {
        self.files.values().flat_map(|content| content.broken.iter().cloned()).collect()
    }

    /// What is wrong with the files by themselves.
    pub(crate) fn problems(&self) -> Vec<Problem> {
        self.files.values().flat_map(|content| content.problems.iter().cloned()).collect()
    }

    /// The paths that were asked for, as text.
    pub(crate) fn place(&self) -> String {
        self.paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ")
    }

    /// How many files there are.
    pub(crate) fn count(&self) -> usize {
        self.files.len()
    }

    /// The folders in which a change may matter: those with manifests in them, and those that symbolic links lead to.
    pub(crate) fn folders(&self) -> BTreeSet<PathBuf> {
        let mut folders = BTreeSet::new();
        for path in &self.paths {
            if path.is_dir() {
                collect_folders(path, &mut folders);
            }
        }
        for file in self.files.keys() {
            folders.extend(file.parent().map(Path::to_owned));
            let real = file.canonicalize().ok();
            folders.extend(real.as_deref().and_then(Path::parent).map(Path::to_owned));
        }
        folders
    }
}

/// Whether a file's name says that it is a manifest.
pub(crate) fn is_manifest(path: &Path) -> bool {
    let hidden = path.file_name().is_none_or(|name| name.to_string_lossy().starts_with('.'));
    !hidden && path.extension().is_some_and(|extension| ["yaml", "yml", "json"].iter().any(|known| extension == *known))
}

fn is_hidden(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'))
}

fn collect_folders(folder: &Path, folders: &mut BTreeSet<PathBuf>) {
    folders.insert(folder.to_owned());
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        // Links to folders are not followed: they may lead in circles.
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) && !is_hidden(&path) {
            collect_folders(&path, folders);
        }
    }
}

fn manifests(path: &Path, problems: &mut Vec<(PathBuf, Problem)>) -> Vec<PathBuf> {
    match fs::metadata(path) {
        Ok(found) if found.is_dir() => {
            let mut folders = BTreeSet::new();
            collect_folders(path, &mut folders);
            let entries = folders.iter().flat_map(|folder| fs::read_dir(folder).into_iter().flatten().flatten());
            let files = entries.map(|entry| entry.path()).filter(|file| is_manifest(file) && file.is_file());
            let mut files: Vec<PathBuf> = files.collect();
            files.sort();
            files
        }
        Ok(_) => vec![path.to_owned()],
        Err(error) => {
            problems.push((path.to_owned(), unreadable(path, &error.to_string())));
            Vec::new()
        }
    }
}

fn read_one(file: &Path, before: Option<&Content>) -> Content {
    let objects = || before.map_or_else(Vec::new, |content| content.objects.clone());
    let too_large = fs::metadata(file).is_ok_and(|found| found.len() > LARGEST_FILE);
    let text = if too_large {
        Err(format!("it is larger than {} MiB, which no manifest is", LARGEST_FILE >> 20))
    } else {
        fs::read_to_string(file).map_err(|error| error.to_string())
    };
    let text = match text {
        Ok(text) => text,
        Err(error) => {
            return Content { objects: objects(), problems: vec![unreadable(file, &error)], ..Content::default() };
        }
    };
    if let Some(before) = before.filter(|before| before.text == text && !text.is_empty()) {
        let (objects, broken, problems) = (before.objects.clone(), before.broken.clone(), before.problems.clone());
        return Content { text, objects, broken, problems };
    }
    let parsed = tidegate_crds::parse(&file.display().to_string(), &text);
    let keeps = tidegate_crds::has_errors(&parsed.problems) && before.is_some();
    let (objects, broken) = if keeps { (objects(), Vec::new()) } else { (parsed.objects, parsed.broken) };
    Content { text, objects, broken, problems: parsed.problems }
}

fn unreadable(path: &Path, error: &str) -> Problem {
    Problem {
        severity: Severity::Error,
        file: path.display().to_string().into(),
        line: 0,
        column: 0,
        object: None,
        field: String::new(),
        found: String::new(),
        expected: String::new(),
        message: format!("cannot be read: {error}"),
    }
}
