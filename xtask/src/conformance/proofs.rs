//! The ids that tests name in their doc comments.

/// Prefixes of ids. Other capitals with a number (`UTF-8`) are just words.
const PREFIXES: [&str; 18] = [
    "SO", "HPA", "ACT", "PAU", "FB", "FML", "POL", "ST", "EV", "OWN", "VAL", "AUTH", "TEL", "API", "EXT", "FT", "LE",
    "PAIN",
];

/// A test that names an id.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Proof {
    pub(super) file: String,
    pub(super) test: String,
}

/// Every id in the doc comment of a test of one file, with the test.
pub(super) fn find(file: &str, source: &str) -> Vec<(String, Proof)> {
    let mut found = Vec::new();
    let (mut named, mut is_test) = (Vec::new(), false);
    for line in source.lines().map(str::trim) {
        if let Some(comment) = line.strip_prefix("///") {
            named.extend(ids(comment));
        } else if line.starts_with("#[") {
            is_test |= line.contains("test]") || line.contains("test(");
        } else {
            if let Some(test) = name(line).filter(|_| is_test) {
                let proofs = named.drain(..).map(|id| (id, Proof { file: file.to_owned(), test: test.to_owned() }));
                found.extend(proofs);
            }
            // Attributes may span lines; anything else ends what belongs together.
            if !line.starts_with("//") && !line.ends_with([',', '(']) && line != ")]" {
                named.clear();
                is_test = false;
            }
        }
    }
    found.sort_by(|a, b| a.0.cmp(&b.0));
    found.dedup();
    found
}

/// The name of the function that a line begins.
fn name(line: &str) -> Option<&str> {
    let rest = ["pub async fn ", "pub fn ", "async fn ", "fn "].iter().find_map(|start| line.strip_prefix(start))?;
    rest.split(['(', '<']).next()
}

fn ids(comment: &str) -> impl Iterator<Item = String> {
    let words = comment.split(|c: char| !c.is_ascii_alphanumeric() && c != '-');
    words.filter(|word| is_id(word)).map(str::to_owned)
}

fn is_id(word: &str) -> bool {
    let Some((prefix, number)) = word.split_once('-') else { return false };
    PREFIXES.contains(&prefix) && !number.is_empty() && number.chars().all(|c| c.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOURCE: &str = r#"
/// HPA-03, PAIN-4: labels. As UTF-8.
#[tokio::test(flavor = "multi_thread")]
async fn labels_are_copied() {}

/// HPA-04 is not proven by a helper.
fn helper() {}

#[test]
fn unnamed() {}

    /// ST-01
    /// and ST-02.
    #[test]
    fn inner<T>() {}
"#;

    #[test]
    fn ids_belong_to_the_test_below_them() {
        let found: Vec<String> =
            find("a.rs", SOURCE).into_iter().map(|(id, proof)| format!("{id} {}", proof.test)).collect();
        assert_eq!(found, ["HPA-03 labels_are_copied", "PAIN-4 labels_are_copied", "ST-01 inner", "ST-02 inner"]);
    }
}
