//! `tidegate explain` of a case, and of nothing.

use crate::support::{folder, root, run};

#[test]
fn a_case_is_explained_in_sentences() {
    let case = root().join("tests/vectors/decide/kafka.yaml");
    let ran = run(&["explain", case.to_str().unwrap(), "--last", "3"]);
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    assert!(ran.out.lines().count() >= 9, "{}", ran.out);
    assert!(ran.out.contains("replicas"), "{}", ran.out);
}

#[test]
fn a_folder_without_records_says_what_to_do() {
    let folder = folder(&[]);
    let ran = run(&["explain", folder.path().to_str().unwrap()]);
    assert_eq!(ran.code, Some(2));
    assert!(ran.err.contains("tidegate up"), "{}", ran.err);
}

#[test]
fn a_page_that_is_not_there_says_so() {
    let ran = run(&["explain", "http://127.0.0.1:9"]);
    assert_eq!(ran.code, Some(1));
    assert!(ran.err.contains("127.0.0.1:9") && ran.err.contains("running"), "{}", ran.err);
}
