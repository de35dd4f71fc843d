//! How a source file has to look.

use super::Finding;

/// A longer file has more than one job.
const MOST_LINES: usize = 500;

/// Texts that have no place in the tree, in two halves so that this file does not contain them.
const BANNED: [(&str, &str, &str); 6] = [
    ("/ro", "ot/", "a path of one machine"),
    ("/ho", "me/", "a path of one machine"),
    ("/wo", "rk/", "a path of one machine"),
    ("TO", "DO", "unfinished work; finish it or describe it in the documents"),
    ("FIX", "ME", "unfinished work; finish it or describe it in the documents"),
    ("<<<<", "<<<", "a conflict that was not resolved"),
];

/// Files in which a banned text is data.
const EXEMPT: [&str; 2] = ["Cargo.lock", "LICENSE"];

/// Checks one tracked text file.
pub(crate) fn check(file: &str, text: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    if EXEMPT.iter().any(|name| file.ends_with(name)) || file.ends_with("package-lock.json") {
        return findings;
    }
    for (number, line) in text.lines().enumerate() {
        for (left, right, why) in BANNED {
            if line.contains(&format!("{left}{right}")) {
                findings.push(format!("{file}:{}: {left}{right}: {why}", number + 1));
            }
        }
        if line.ends_with(' ') && !file.ends_with(".md") && !file.ends_with(".txt") && !file.contains("/snapshots/") {
            findings.push(format!("{file}:{}: space at the end of the line", number + 1));
        }
    }
    if file.ends_with(".rs") {
        findings.extend(check_rust(file, text));
    }
    findings
}

fn check_rust(file: &str, text: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    let lines = text.lines().count();
    if lines > MOST_LINES {
        findings.push(format!("{file}: {lines} lines, {MOST_LINES} are the most; give each job a file of its own"));
    }
    if !text.starts_with("//!") {
        findings.push(format!("{file}: does not begin with a `//!` line that says what it is for"));
    }
    if text.contains(concat!("#[ign", "ore]")) {
        findings.push(format!("{file}: a test is ignored without a reason; write #[ignore = \"...\"]"));
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::check;

    #[test]
    fn a_sound_file_passes() {
        assert!(check("a.rs", "//! Adds.\nfn add() {}\n").is_empty());
    }

    #[test]
    fn each_rule_is_seen() {
        assert_eq!(check("a.rs", "fn add() {}\n").len(), 1);
        assert_eq!(check("a.rs", &format!("//! Long.\n{}", "\n".repeat(501))).len(), 1);
        assert_eq!(check("a.yaml", concat!("path: /ho", "me/someone\n")).len(), 1);
        assert_eq!(check("a.yaml", "key: value \n").len(), 1);
    }
}
