//! Edits of manifests while they are run: good ones take effect, bad ones are told and change nothing.

use std::fs;

use crate::bench::{Source, Upping, manifests, processes, until, write};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_edit_takes_effect_and_a_bad_one_keeps_the_last_good_one() {
    let folder = tempfile::tempdir().unwrap();
    let source = Source::start(Some(1000.0));
    let with_max = |max: &str| manifests("work", "exec sleep 600", &source, &format!("maxReplicaCount: {max}"));
    write(folder.path(), "all.yaml", &with_max("3"));
    let run = Upping::start(folder.path());
    until("three run", || processes(folder.path()).len() == 3).await;
    write(folder.path(), "all.yaml", &with_max("5"));
    until("five run", || processes(folder.path()).len() == 5).await;

    // As an editor saves: into another file, then over the old one.
    write(folder.path(), "all.yaml.tmp", &with_max("many"));
    fs::rename(folder.path().join("all.yaml.tmp"), folder.path().join("all.yaml")).unwrap();
    let told = || run.lines.with("what was in force before stays");
    until("it is told", || !told().is_empty()).await;
    assert!(told()[0].contains("all.yaml:20:3") && told()[0].contains("maxReplicaCount"), "{:?}", told());
    write(folder.path(), "other.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: other}\n");
    until("it is told again", || told().len() >= 2).await;
    assert_eq!(processes(folder.path()).len(), 5);

    write(folder.path(), "all.yaml", &with_max("2"));
    until("two run", || processes(folder.path()).len() == 2).await;
    fs::remove_file(folder.path().join("all.yaml")).unwrap();
    until("none runs", || processes(folder.path()).is_empty()).await;
    write(folder.path(), "all.yaml", &with_max("1"));
    until("one runs", || processes(folder.path()).len() == 1).await;
    run.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn swapped_links_are_edits() {
    let folder = tempfile::tempdir().unwrap();
    let source = Source::start(Some(1000.0));
    for max in [1, 2] {
        fs::create_dir(folder.path().join(format!("..{max}"))).unwrap();
        let text = manifests("work", "exec sleep 600", &source, &format!("maxReplicaCount: {max}"));
        write(folder.path(), &format!("..{max}/all.yaml"), &text);
    }
    let link = |to: &str, name: &str| std::os::unix::fs::symlink(to, folder.path().join(name)).unwrap();
    link("..1", "..data");
    link("..data/all.yaml", "all.yaml");
    let run = Upping::start(folder.path());
    until("one runs", || processes(folder.path()).len() == 1).await;
    link("..2", "..data_tmp");
    fs::rename(folder.path().join("..data_tmp"), folder.path().join("..data")).unwrap();
    until("two run", || processes(folder.path()).len() == 2).await;
    run.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_changed_template_makes_new_pods_and_a_changed_secret_does_not() {
    let folder = tempfile::tempdir().unwrap();
    let source = Source::start(Some(20.0));
    let secret =
        |value: &str| format!("apiVersion: v1\nkind: Secret\nmetadata: {{name: key}}\nstringData: {{word: {value}}}\n");
    let work = |script: &str| {
        let env = "env: [{name: WORD, valueFrom: {secretKeyRef: {name: key, key: word}}}]";
        manifests("work", script, &source, "").replace("image: none,", &format!("image: none, {env},"))
    };
    let script = "echo $POD_NAME $WORD >> words; exec sleep 600";
    write(folder.path(), "all.yaml", &work(script));
    write(folder.path(), "key.yaml", &secret("first"));
    let run = Upping::start(folder.path());
    until("two run", || processes(folder.path()).len() == 2).await;
    let before = processes(folder.path());
    write(folder.path(), "key.yaml", &secret("second"));
    until("the new value is seen", || !run.lines.with("use the new values").is_empty()).await;
    assert_eq!(processes(folder.path()), before);

    write(folder.path(), "all.yaml", &work(&format!("true; {script}")));
    until("others run", || {
        let now = processes(folder.path());
        now.len() == 2 && now.is_disjoint(&before)
    })
    .await;
    until("the words are there", || {
        fs::read_to_string(folder.path().join("words")).is_ok_and(|words| words.lines().count() == 4)
    })
    .await;
    let words = fs::read_to_string(folder.path().join("words")).unwrap();
    let words: Vec<&str> = words.lines().map(|line| line.split_once(' ').unwrap().1).collect();
    assert_eq!(words, ["first", "first", "second", "second"]);
    run.stop().await;
}
