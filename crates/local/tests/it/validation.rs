//! What is wrong with a folder, with file and line, before anything starts.

use tidegate_local::validate;

use crate::bench::{Source, manifests, write};

fn check(change: impl Fn(String) -> String, expected: &[&str]) {
    let folder = tempfile::tempdir().unwrap();
    let source = Source::start(None);
    write(folder.path(), "all.yaml", &change(manifests("work", "exec sleep 1", &source, "minReplicaCount: 1")));
    let problems: Vec<String> = validate(&[folder.path().to_owned()]).iter().map(ToString::to_string).collect();
    for part in expected {
        assert!(problems.iter().any(|problem| problem.contains(part)), "{part} is not in {problems:#?}");
    }
    assert_eq!(problems.is_empty(), expected.is_empty(), "{problems:#?}");
}

#[test]
fn good_manifests_have_no_problem() {
    check(|text| text, &[]);
}

#[test]
fn each_problem_names_its_line_and_field() {
    let swap = |from: &'static str, to: &'static str| move |text: String| text.replace(from, to);
    check(swap("threshold:", "treshold:"), &["all.yaml:28:", "spec.triggers[0].metadata", "threshold"]);
    check(swap("type: prometheus", "type: prometeus"), &["spec.triggers[0].type", "prometheus"]);
    check(swap("scaleTargetRef: {name: work}", "scaleTargetRef: {name: wrok}"), &["spec.scaleTargetRef", "wrok"]);
    check(swap("minReplicaCount: 1", "minReplicaCount: 200"), &["minReplicaCount"]);
    check(swap("command: [sh,", "commands: [sh,"), &["commands"]);
    check(swap("command: [sh, -c, \"exec sleep 1\"]", "args: [x]"), &["containers[0].command", "no command"]);
}

#[test]
fn an_empty_or_missing_folder_is_a_problem() {
    let folder = tempfile::tempdir().unwrap();
    assert!(validate(&[folder.path().to_owned()])[0].to_string().contains("there is no manifest"));
    let missing = folder.path().join("missing");
    assert!(validate(&[missing])[0].to_string().contains("cannot be read"));
}

#[test]
fn hidden_folders_are_not_read() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(folder.path().join(".git/sub")).unwrap();
    std::fs::create_dir_all(folder.path().join("sub")).unwrap();
    write(folder.path(), ".git/sub/bad.yaml", "{");
    let source = Source::start(None);
    write(folder.path(), "sub/all.yml", &manifests("work", "exec sleep 1", &source, ""));
    let problems = validate(&[folder.path().to_owned()]);
    assert_eq!(problems, []);
}
