//! Text that is no YAML, and YAML that is no manifest.

use expect_test::expect;
use tidegate_crds::parse;

use crate::{parse_problems, table};

#[test]
fn broken_yaml_gets_one_line_with_its_place_and_a_hint() {
    let inputs = [
        "a: 1\n\tb: 2",
        "a:\n\t- b",
        "kind: Secret\nmetadata:\n  name: a\n bad: b",
        "kind: ScaledObject\nmetadata:\n  name: a: b",
        "kind: [a, b\nname: x",
        "kind: {a: b",
        "kind: \"a\nb: c",
        "kind: 'a",
        "kind: @a",
        "kind: *nothing",
        "kind: a\nb\nc: d",
        "kind:a\nname: b",
        "- a\nb: c",
        "{{ if .Values.on }}\nkind: a\n{{ end }}",
        "name: {{ .Values.name }}",
        "{\"kind\": \"Secret\" \"a\": 1}",
        "{\"kind\": \"Secret\"",
        "kind: \"a\" b",
        "? {a: b}\n: c",
        "a: 1\na: 2",
    ];
    expect![[r#"
        a: 1\n\tb: 2
            test.yaml:2:1: broken YAML: a tab is used for indentation; use spaces
        a:\n\t- b
            test.yaml:2:1: broken YAML: a tab is used for indentation; use spaces
        kind: Secret\nmetadata:\n  name: a\n bad: b
            test.yaml:4:2: broken YAML: the indentation does not fit; entries of one map or list must start in the same column
        kind: ScaledObject\nmetadata:\n  name: a: b
            test.yaml:3:9: broken YAML: the value has a colon followed by a space in it; put it in quotes
        kind: [a, b\nname: x
            test.yaml:1:7: broken YAML: the [ is not closed
        kind: {a: b
            test.yaml:1:7: broken YAML: the { is not closed
        kind: "a\nb: c
            test.yaml:1:7: broken YAML: the " is not closed
        kind: 'a
            test.yaml:1:7: broken YAML: the ' is not closed
        kind: @a
            test.yaml:1:7: broken YAML: a value cannot start with '@'; put it in quotes
        kind: *nothing
            test.yaml:1:7: broken YAML: there is no anchor (&name) of this name before it
        kind: a\nb\nc: d
            test.yaml:2:1: broken YAML: a colon is missing after the key, or a space after the colon (write `key: value`)
        kind:a\nname: b
            test.yaml:2:5: broken YAML: a colon is missing after the key, or a space after the colon (write `key: value`)
        - a\nb: c
            test.yaml:2:1: broken YAML: the indentation does not fit; entries of one map or list must start in the same column
        {{ if .Values.on }}\nkind: a\n{{ end }}
            test.yaml:1:2: this looks like a template; render it first (as helm template does)
        name: {{ .Values.name }}
            test.yaml:1:8: this looks like a template; render it first (as helm template does)
        {"kind": "Secret" "a": 1}
            test.yaml:1:19: broken YAML: there is text after the closing quote
        {"kind": "Secret"
            test.yaml:1:1: broken YAML: the { is not closed
        kind: "a" b
            test.yaml:1:11: broken YAML: there is text after the closing quote
        ? {a: b}\n: c
            test.yaml:1:3: a list or map cannot be a key; put it in quotes
        a: 1\na: 2
            test.yaml:1:1: kind: found nothing, expected text, as ScaledObject
            test.yaml:2:1: a: given a second time; the first is in line 1
    "#]].assert_eq(&table(&inputs, |text| parse_problems(&format!("{text}\n"))));
}

#[test]
fn text_that_is_no_object_is_said_to_be_none() {
    let inputs = [
        "just words",
        "- a\n- b",
        "a: b",
        "kind: ScaledObject",
        "apiVersion: v1\nkind: 5",
        "kind: List\napiVersion: v1",
        "kind: List\napiVersion: v1\nitems: {}",
        "kind: List\napiVersion: v1\nitems: [5]",
    ];
    expect![[r#"
        just words
            test.yaml:1:1: found "just words", expected an object with apiVersion, kind, metadata and spec
        - a\n- b
            test.yaml:1:1: found a list, expected an object with apiVersion, kind, metadata and spec
        a: b
            test.yaml:1:1: kind: found nothing, expected text, as ScaledObject
        kind: ScaledObject
            test.yaml:1:1: apiVersion: found nothing, expected text, as keda.sh/v1alpha1
        apiVersion: v1\nkind: 5
            test.yaml:2:1: kind: found 5, expected text, as ScaledObject
        kind: List\napiVersion: v1
            test.yaml:1:1: List: items: found nothing, expected a list of objects
        kind: List\napiVersion: v1\nitems: {}
            test.yaml:3:1: List: items: found a map, expected a list of objects
        kind: List\napiVersion: v1\nitems: [5]
            test.yaml:3:9: found 5, expected an object with apiVersion, kind, metadata and spec
    "#]]
    .assert_eq(&table(&inputs, |text| parse_problems(&format!("{text}\n"))));
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
    let said = parse_problems(&text);
    expect![[r#"
        test.yaml:6:10: a5[0]: the document holds more than 250000 values
    "#]]
    .assert_eq(&said);
    let deep = format!("a: {}{}", "[".repeat(240), "]".repeat(240));
    expect![[r#"
        test.yaml:1:204: nested more than 200 levels deep
    "#]]
    .assert_eq(&parse_problems(&deep));
}
