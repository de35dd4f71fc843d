//! Text that is no YAML, and YAML that is no manifest.

use expect_test::{Expect, expect};
use tidegate_crds::parse;

use crate::parse_problems;

fn check(text: &str, expected: &Expect) {
    expected.assert_eq(&parse_problems(text));
}

#[test]
fn broken_yaml_gets_one_line_with_its_place_and_a_hint() {
    check(
        "a: 1\n\tb: 2\n",
        &expect![[r#"
            test.yaml:2:1: broken YAML: a tab is used for indentation; use spaces
        "#]],
    );
    check(
        "kind: Secret\nmetadata:\n  name: a\n bad: b\n",
        &expect![[r#"
        test.yaml:4:2: broken YAML: the indentation does not fit; entries of one map or list must start in the same column
    "#]],
    );
    check(
        "kind: ScaledObject\nmetadata:\n  name: a: b\n",
        &expect![[r#"
        test.yaml:3:9: broken YAML: the value has a colon followed by a space in it; put it in quotes
    "#]],
    );
    check(
        "kind: [a, b\nname: x\n",
        &expect![[r#"
            test.yaml:1:7: broken YAML: the [ is not closed
        "#]],
    );
    check(
        "kind: {a: b\n",
        &expect![[r#"
        test.yaml:1:7: broken YAML: the { is not closed
    "#]],
    );
    check(
        "kind: \"a\nb: c\n",
        &expect![[r#"
            test.yaml:2:1: broken YAML: a quote before this is not closed
        "#]],
    );
    check(
        "kind: @a\n",
        &expect![[r#"
        test.yaml:1:7: broken YAML: a value cannot start with '@'; put it in quotes
    "#]],
    );
    check(
        "kind: *nothing\n",
        &expect![[r#"
        test.yaml:1:7: broken YAML: there is no anchor (&name) of this name before it
    "#]],
    );
    check(
        "kind: a\nb\nc: d\n",
        &expect![[r#"
        test.yaml:2:1: broken YAML: a colon is missing after the key, or a space after the colon (write `key: value`)
    "#]],
    );
    check(
        "{{ if .Values.on }}\nkind: a\n{{ end }}\n",
        &expect![[r#"
        test.yaml:1:2: a list or map cannot be a key; put a template or {} in quotes
    "#]],
    );
    check(
        "name: {{ .Values.name }}\n",
        &expect![[r#"
        test.yaml:1:8: name: a list or map cannot be a key; put a template or {} in quotes
    "#]],
    );
    check(
        "{\"kind\": \"Secret\", \"a\": }\n",
        &expect![[r#"
        test.yaml:1:1: apiVersion: found nothing, expected text, as keda.sh/v1alpha1
    "#]],
    );
    check(
        "- a\nb: c\n",
        &expect![[r#"
        test.yaml:2:1: broken YAML: the indentation does not fit; entries of one map or list must start in the same column
    "#]],
    );
}

#[test]
fn a_key_given_twice_names_the_first() {
    check(
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata:\n  x: '1'\n  x: '2'\n",
        &expect![[r#"
        test.yaml:6:3: data.x: given a second time; the first is in line 5
    "#]],
    );
}

#[test]
fn text_that_is_no_object_is_said_to_be_none() {
    check(
        "just words\n",
        &expect![[r#"
        test.yaml:1:1: found "just words", expected an object with apiVersion, kind, metadata and spec
    "#]],
    );
    check(
        "- a\n- b\n",
        &expect![[r#"
        test.yaml:1:1: found a list, expected an object with apiVersion, kind, metadata and spec
    "#]],
    );
    check(
        "a: b\n",
        &expect![[r#"
        test.yaml:1:1: kind: found nothing, expected text, as ScaledObject
    "#]],
    );
    check(
        "kind: ScaledObject\n",
        &expect![[r#"
        test.yaml:1:1: apiVersion: found nothing, expected text, as keda.sh/v1alpha1
    "#]],
    );
    check(
        "apiVersion: v1\nkind: 5\n",
        &expect![[r#"
        test.yaml:2:1: kind: found 5, expected text, as ScaledObject
    "#]],
    );
    check(
        "kind: List\napiVersion: v1\n",
        &expect![[r#"
        test.yaml:1:1: List: items: found nothing, expected a list of objects
    "#]],
    );
    check(
        "kind: List\napiVersion: v1\nitems: {}\n",
        &expect![[r#"
        test.yaml:3:1: List: items: found a map, expected a list of objects
    "#]],
    );
    check(
        "kind: List\napiVersion: v1\nitems: [5]\n",
        &expect![[r#"
        test.yaml:3:9: found 5, expected an object with apiVersion, kind, metadata and spec
    "#]],
    );
}

#[test]
fn a_broken_document_does_not_hide_the_others() {
    let text = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: one}\n---\na: b: c\n---\n\
                apiVersion: v1\nkind: ConfigMap\nmetadata: {name: three}\n";
    let parsed = parse("test.yaml", text);
    let names: Vec<&str> = parsed.objects.iter().map(|object| object.value.name()).collect();
    assert_eq!(names, ["one", "three"]);
    assert_eq!(parsed.objects[1].source.line_of("metadata.name"), Some((9, 12)));
    expect![[r#"
        test.yaml:5:4: broken YAML: the value has a colon followed by a space in it; put it in quotes
    "#]]
    .assert_eq(&crate::lines(&parsed.problems));
}

#[test]
fn empty_documents_comments_line_ends_marks_and_json_are_all_fine() {
    let object = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a # a comment\ndata: {k: v}\n";
    let json = r#"{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": {"k": "v"}}"#;
    for text in [
        object.to_owned(),
        object.replace('\n', "\r\n"),
        format!("\u{feff}{object}"),
        format!("# only words\n---\n---\n{object}---\n# nothing\n...\n---\n"),
        format!("%YAML 1.2\n---\n{object}"),
        format!("{object}...\n# after\n"),
        json.to_owned(),
        format!("\t{json}\n"),
        format!("kind: List\napiVersion: v1\nitems:\n- {}", object.trim_end().replace('\n', "\n  ")),
        format!(r#"{{"kind": "List", "apiVersion": "v1", "items": [{json}]}}"#),
    ] {
        let parsed = parse("test.yaml", &text);
        assert_eq!(parsed.problems, [], "{text}");
        assert_eq!(parsed.objects.len(), 1, "{text}");
        assert_eq!(parsed.objects[0].value.title(), "ConfigMap default/a", "{text}");
    }
    for text in ["", "\n", "---\n", "# words\n", "---\n...\n", "\u{feff}", "null\n", "~"] {
        let parsed = parse("test.yaml", text);
        assert!(parsed.objects.is_empty() && parsed.problems.is_empty(), "{text:?}: {parsed:?}");
    }
}

#[test]
fn anchors_aliases_and_merge_keys_are_written_out() {
    let text = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, labels: &l {x: 'y', z: w}}\n\
                data:\n  <<: *l\n  z: own\n  again: &again text\n  copy: *again\n";
    let parsed = parse("test.yaml", text);
    assert_eq!(parsed.problems, []);
    let tidegate_crds::Object::ConfigMap(map) = &parsed.objects[0].value else { panic!("{parsed:?}") };
    let data: Vec<(&str, &str)> = map.data.iter().flatten().map(|(k, v)| (k.as_str(), v.as_str())).collect();
    assert_eq!(data, [("again", "text"), ("copy", "text"), ("x", "y"), ("z", "own")]);
}

#[test]
fn aliases_that_would_fill_the_memory_are_refused() {
    let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..9 {
        let before = level - 1;
        let row = vec![format!("*a{before}"); 10].join(", ");
        text.push_str(&format!("a{level}: &a{level} [{row}]\n"));
    }
    check(
        &text,
        &expect![[r#"
        test.yaml:7:10: a6[0]: the document holds more than 2000000 values
    "#]],
    );
    let deep = format!("a: {}{}", "[".repeat(240), "]".repeat(240));
    check(
        &deep,
        &expect![[r#"
        test.yaml:1:204: a[0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0]: nested more than 200 levels deep
    "#]],
    );
}
