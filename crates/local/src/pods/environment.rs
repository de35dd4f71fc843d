//! The environment and the command line of a container, as Kubernetes would make them.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::template::EnvValue;

/// Adds `entries` in order; each sees the ones before it.
pub(crate) fn add(env: &mut BTreeMap<String, String>, entries: &[(String, EnvValue)], pod: &str, uid: &str) {
    for (name, value) in entries {
        let value = match value {
            EnvValue::Text(text) => expand(text, env),
            EnvValue::Plain(value) => value.expose().to_owned(),
            EnvValue::PodName => pod.to_owned(),
            EnvValue::PodUid => uid.to_owned(),
        };
        env.insert(name.clone(), value);
    }
}

/// Replaces `$(NAME)` by the variable's value, once. Unknown names stay as written; `$$` is a dollar sign.
pub(crate) fn expand(text: &str, env: &BTreeMap<String, String>) -> String {
    let mut expanded = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(dollar) = rest.find('$') {
        expanded.push_str(&rest[..dollar]);
        let after = &rest[dollar + 1..];
        if let Some(tail) = after.strip_prefix('$') {
            expanded.push('$');
            rest = tail;
            continue;
        }
        let name = after.strip_prefix('(').and_then(|after| after.split_once(')'));
        rest = if let Some((name, tail)) = name {
            match env.get(name) {
                Some(value) => expanded.push_str(value),
                None => expanded.extend(["$(", name, ")"]),
            }
            tail
        } else {
            expanded.push('$');
            after
        };
    }
    expanded.push_str(rest);
    expanded
}

/// Finds a program as a shell would: a name with a slash from `folder`, any other on `path`.
pub(crate) fn program(name: &str, path: Option<&str>, folder: &Path) -> Result<PathBuf, String> {
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
    use tidegate_scalers::Secret;

    use super::*;

    fn check(text: &str, expected: &str) {
        let env = BTreeMap::from([("A".to_owned(), "1".to_owned()), ("B".to_owned(), "$(A)".to_owned())]);
        assert_eq!(expand(text, &env), expected, "{text}");
    }

    #[test]
    fn variables_are_replaced_as_kubernetes_does() {
        check("x$(A)y", "x1y");
        check("$(B)", "$(A)"); // once, not again
        check("$(C)", "$(C)");
        check("$$(A)", "$(A)");
        check("$$$(A)", "$1");
        check("$(A", "$(A");
        check("$A $", "$A $");
        check("ünï$(A)", "ünï1");
    }

    #[test]
    fn later_variables_see_earlier_ones_and_only_those() {
        let text = |text: &str| EnvValue::Text(text.to_owned());
        let entries = [
            ("URL".to_owned(), text("$(HOST):$(PORT)")),
            ("HOST".to_owned(), EnvValue::Plain(Secret::new("$(PORT)"))),
            ("PORT".to_owned(), text("9092")),
            ("ALL".to_owned(), text("$(POD)/$(HOST):$(PORT)")),
            ("POD".to_owned(), EnvValue::PodName),
        ];
        let mut env = BTreeMap::from([("POD".to_owned(), "before".to_owned())]);
        add(&mut env, &entries, "orders-1", "uid");
        assert_eq!(env["URL"], "$(HOST):$(PORT)");
        assert_eq!(env["ALL"], "before/$(PORT):9092", "a secret's value is never expanded itself");
        assert_eq!(env["POD"], "orders-1");
    }

    #[test]
    fn a_missing_program_is_named() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("data"), "").unwrap();
        assert_eq!(program("sh", Some("/nowhere:/bin"), folder.path()), Ok("/bin/sh".into()));
        assert!(program("sh", None, folder.path()).unwrap_err().contains("\"sh\" is not found on PATH"));
        assert!(program("./data", None, folder.path()).unwrap_err().contains("not an executable"));
        assert!(program("./none", None, folder.path()).unwrap_err().contains("No such file"));
    }
}
