//! Parameters from files (`filePath` of a ClusterTriggerAuthentication): one JSON object of texts each, below a folder that
//! the administrator named.

use std::collections::{BTreeMap, HashMap};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::Read;
use std::path::{Component, Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tidegate_crds::SecretText;

use super::Shared;
use super::keys::Dependency;

/// A bigger file holds no credentials.
const LARGEST: u64 = 1 << 20;

/// How often files in use are looked at for changes. Mounted Secrets follow theirs within a minute anyway.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// Where pods find the token of their own account, which must not leave for a source.
const OWN_TOKENS: &str = "/var/run/secrets/kubernetes.io";

/// What is wrong with a path, or where the file is.
///
/// # Errors
/// Paths that could lead out of the root, by themselves or by links, and those that lead to the operator's own token.
fn find(root: Option<&Path>, path: &Path) -> Result<PathBuf, String> {
    let Some(root) = root else {
        return Err("no folder for such files was given; start the operator with --filepath-auth-root-path".to_owned());
    };
    if !path.components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir)) {
        return Err(format!(
            "found {:?}, expected a path below the folder, without a leading / and without ..",
            shown(path)
        ));
    }
    let missing = |error: std::io::Error| format!("the file {:?} cannot be read: {error}", shown(path));
    let root = root.canonicalize().map_err(|error| format!("the folder {}: {error}", root.display()))?;
    let file = root.join(path).canonicalize().map_err(missing)?;
    if !file.starts_with(&root) {
        return Err(format!("the file {:?} leads out of the folder by a link", shown(path)));
    }
    // The folder of tokens may be reached under another name (/run for /var/run).
    let own = Path::new(OWN_TOKENS);
    if file.starts_with(own) || own.canonicalize().is_ok_and(|own| file.starts_with(own)) {
        return Err("the operator's own token is not given to triggers".to_owned());
    }
    Ok(file)
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}

/// The parameters in a file.
///
/// # Errors
/// Whatever is wrong with the path, the file, or its text; never with a piece of the text.
pub(super) fn read(root: Option<&Path>, path: &Path) -> Result<BTreeMap<String, SecretText>, String> {
    let file = find(root, path)?;
    let unreadable = |error: std::io::Error| format!("the file {:?} cannot be read: {error}", shown(path));
    let opened = std::fs::File::open(&file).map_err(unreadable)?;
    let mut text = zeroize::Zeroizing::new(String::new());
    opened.take(LARGEST + 1).read_to_string(&mut text).map_err(unreadable)?;
    if text.len() as u64 > LARGEST {
        return Err(format!("the file {:?} is larger than {LARGEST} bytes", shown(path)));
    }
    let found: Result<BTreeMap<String, String>, _> = serde_json::from_str(&text);
    // The error's own words could quote a value.
    let found = found.map_err(|error| {
        format!(
            "the file {:?}, line {}: expected one JSON object whose values are texts, as {{\"password\": \"...\"}}",
            shown(path),
            error.line()
        )
    })?;
    Ok(found.into_iter().map(|(parameter, value)| (parameter, SecretText::new(value))).collect())
}

/// What files in use looked like at the last look.
#[derive(Default)]
pub(super) struct Looks(Mutex<HashMap<PathBuf, u64>>);

impl Looks {
    /// Whether a file reads otherwise than at the last look. The first look is no news.
    fn news(&self, root: Option<&Path>, path: &Path) -> bool {
        let mut hasher = DefaultHasher::new();
        match read(root, path) {
            Ok(found) => {
                for (parameter, value) in &found {
                    (parameter, value.expose()).hash(&mut hasher);
                }
            }
            Err(problem) => problem.hash(&mut hasher),
        }
        let look = hasher.finish();
        let mut looks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        looks.insert(path.to_owned(), look).is_some_and(|before| before != look)
    }
}

/// Looks for changes of the files in use until the credentials are stopped.
pub(super) async fn run(shared: Arc<Shared>) {
    loop {
        tokio::select! {
            () = shared.stop.cancelled() => return,
            () = tokio::time::sleep(LOOK_EVERY) => {}
        }
        let paths: Vec<PathBuf> = shared
            .dependents()
            .all()
            .filter_map(|dependency| match dependency {
                Dependency::File(path) => Some(path.clone()),
                _ => None,
            })
            .collect();
        for path in paths {
            let (looks, root, looked) = (Arc::clone(&shared.looks), shared.settings.file_root.clone(), path.clone());
            let news = tokio::task::spawn_blocking(move || looks.news(root.as_deref(), &looked)).await;
            if news.unwrap_or(false) {
                shared.tell(&Dependency::File(path)).await;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(root: Option<&Path>, path: &str) -> String {
        read(root, Path::new(path)).expect_err("refused")
    }

    /// AUTH-08
    #[test]
    fn only_a_file_below_the_root_is_read_and_only_as_one_object_of_texts() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("auth");
        std::fs::create_dir_all(root.join("team")).unwrap();
        std::fs::write(root.join("team/kafka.json"), r#"{"username": "u", "password": "canary-4711"}"#).unwrap();
        std::fs::write(root.join("list.json"), r#"["canary-4711"]"#).unwrap();
        std::fs::write(root.join("broken.json"), r#"{"password": "canary-4711"#).unwrap();
        std::fs::write(root.join("number.json"), r#"{"password": 4711}"#).unwrap();
        std::fs::write(folder.path().join("outside.json"), r#"{"password": "canary-4711"}"#).unwrap();
        std::os::unix::fs::symlink(folder.path().join("outside.json"), root.join("link.json")).unwrap();
        let found = read(Some(&root), Path::new("team/kafka.json")).unwrap();
        assert_eq!(found["password"].expose(), "canary-4711");
        for (path, expected) in [
            ("/etc/passwd", "without a leading /"),
            ("../outside.json", "without .."),
            ("team/../../outside.json", "without .."),
            ("link.json", "leads out of the folder"),
            ("absent.json", "cannot be read"),
            ("list.json", "one JSON object"),
            ("broken.json", "one JSON object"),
            ("number.json", "one JSON object"),
        ] {
            let problem = problem(Some(&root), path);
            assert!(problem.contains(expected), "{path}: {problem}");
            assert!(!problem.contains("canary"), "{path}: {problem}");
        }
        assert!(problem(None, "team/kafka.json").contains("--filepath-auth-root-path"));
    }

    #[test]
    fn a_changed_file_is_news_once() {
        let root = tempfile::tempdir().unwrap();
        let (looks, path) = (Looks::default(), Path::new("a.json"));
        std::fs::write(root.path().join(path), r#"{"a": "1"}"#).unwrap();
        let look = || looks.news(Some(root.path()), path);
        assert!(!look());
        assert!(!look());
        std::fs::write(root.path().join(path), r#"{"a": "2"}"#).unwrap();
        assert!(look());
        assert!(!look());
        std::fs::remove_file(root.path().join(path)).unwrap();
        assert!(look());
    }
}
