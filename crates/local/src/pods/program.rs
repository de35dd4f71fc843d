//! Finds the program that a container's command names.

use std::ffi::{OsStr, OsString};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// Finds a program as a shell would: a name with a slash from `folder`, any other on `path`.
pub(crate) fn find(name: &str, path: Option<&str>, folder: &Path) -> Result<PathBuf, String> {
    let executable =
        |file: &Path| file.metadata().is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0);
    if name.contains('/') {
        let file = folder.join(name);
        return match file.metadata() {
            Err(error) => Err(format!("command {}: {error}", file.display())),
            Ok(_) if !executable(&file) => Err(format!("command {} is not an executable file", file.display())),
            Ok(_) => Ok(file),
        };
    }
    let path = path.map_or_else(OsString::new, OsString::from);
    let found = std::env::split_paths(OsStr::new(&path)).map(|place| place.join(name)).find(|file| executable(file));
    found.ok_or_else(|| format!("command {name:?} is not found on PATH; under `tidegate up` a container's command must be a program of this machine"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_program_is_named() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("data"), "").unwrap();
        assert_eq!(find("sh", Some("/nowhere:/bin"), folder.path()), Ok("/bin/sh".into()));
        assert!(find("sh", None, folder.path()).unwrap_err().contains("\"sh\" is not found on PATH"));
        assert!(find("./data", None, folder.path()).unwrap_err().contains("not an executable"));
        assert!(find("./none", None, folder.path()).unwrap_err().contains("No such file"));
    }
}
