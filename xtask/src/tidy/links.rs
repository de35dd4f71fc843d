//! Links between the documents lead somewhere.

use std::path::{Component, Path, PathBuf};

use super::Finding;

/// Checks the relative links of one Markdown file; `exists` is asked with a path from the root.
pub(crate) fn check(file: &str, text: &str, exists: impl Fn(&Path) -> bool) -> Vec<Finding> {
    let folder = Path::new(file).parent().unwrap_or(Path::new(""));
    let mut findings = Vec::new();
    for (number, line) in text.lines().enumerate() {
        for target in targets(line) {
            let target = target.split('#').next().unwrap_or("");
            let elsewhere = target.is_empty() || target.contains("://") || target.starts_with("mailto:");
            if !elsewhere && !exists(&normal(&folder.join(target))) {
                findings.push(format!("{file}:{}: the link to {target} leads nowhere", number + 1));
            }
        }
    }
    findings
}

/// What stands between `](` and `)`.
fn targets(line: &str) -> impl Iterator<Item = &str> {
    line.split("](").skip(1).filter_map(|rest| rest.split(')').next())
}

fn normal(path: &Path) -> PathBuf {
    let mut normal = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => {
                normal.pop();
            }
            Component::CurDir => {}
            other => normal.push(other),
        }
    }
    normal
}

#[cfg(test)]
mod tests {
    use super::check;
    use std::path::Path;

    #[test]
    fn only_links_to_nothing_are_found() {
        let exists = |path: &Path| path == Path::new("docs/a.md");
        assert!(check("docs/b.md", "[a](a.md#x) [web](https://example.org) [here](#y)", exists).is_empty());
        assert!(check("README.md", "[a](docs/a.md)", exists).is_empty());
        assert_eq!(check("docs/b.md", "[c](../c.md)", exists), ["docs/b.md:1: the link to ../c.md leads nowhere"]);
    }
}
