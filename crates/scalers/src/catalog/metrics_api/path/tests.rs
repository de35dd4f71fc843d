//! Paths into JSON, one line for each form.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::Path;

fn document() -> Value {
    json!({
        "queue": { "waiting": 3, "max.size": 9, "a*b": 4, "items": [1, 2, 3] },
        "jobs": [
            { "state": "new", "size": 5, "tags": ["x"], "done": false },
            { "state": "old", "size": 7, "tags": ["y", "z"], "nets": ["fb"] },
            { "state": "new", "size": 11, "tags": [] },
        ],
        "numbers": [4, 8, 15],
        "7": "seven",
        "text": "10Mi",
    })
}

fn find(path: &str) -> Option<Value> {
    Path::parse(path)
        .unwrap_or_else(|error| panic!("{path}: {error}"))
        .find(&document())
        .map(|found| found.into_owned())
}

#[test]
fn paths_lead_where_gjson_leads() {
    for (path, expected) in [
        ("queue.waiting", json!(3)),
        (r"queue.max\.size", json!(9)),
        (r"queue.a\*b", json!(4)),
        ("queue.wait*", json!(3)),
        ("queue.w?iting", json!(3)),
        ("qu*.wai*g", json!(3)),
        ("queue.items.1", json!(2)),
        ("queue.items.#", json!(3)),
        ("7", json!("seven")),
        ("text", json!("10Mi")),
        ("jobs.#", json!(3)),
        ("jobs.1.size", json!(7)),
        ("jobs.#.size", json!([5, 7, 11])),
        ("jobs.#.size|0", json!(5)),
        ("jobs.#.size|#", json!(3)),
        ("jobs.#.tags.#", json!([1, 2, 0])),
        ("jobs.#.nets", json!([["fb"]])),
        (r#"jobs.#(state=="new").size"#, json!(5)),
        (r#"jobs.#(state=="new")#.size"#, json!([5, 11])),
        (r#"jobs.#(state=="new")#|#"#, json!(2)),
        (r#"jobs.#(state=="none")#|#"#, json!(0)),
        (r#"jobs.#(state=="new")#|1.size"#, json!(11)),
        ("jobs.#(state=new).size", json!(5)),
        (r#"jobs.#(state!="new").size"#, json!(7)),
        ("jobs.#(size>6).size", json!(7)),
        ("jobs.#(size>=7).size", json!(7)),
        ("jobs.#(size<6).size", json!(5)),
        ("jobs.#(size<=5)#|#", json!(1)),
        (r#"jobs.#(state%"o*").size"#, json!(7)),
        (r#"jobs.#(state!%"n*").size"#, json!(7)),
        ("jobs.#(nets).size", json!(7)),
        ("jobs.#(done==false).size", json!(5)),
        (r#"jobs.#(nets.#(=="fb")).size"#, json!(7)),
        ("numbers.#(>5)", json!(8)),
        ("numbers.#(>5)#|#", json!(2)),
        ("queue|waiting", json!(3)),
    ] {
        assert_eq!(find(path), Some(expected), "{path}");
    }
}

#[test]
fn what_is_not_there_is_not_found() {
    for path in [
        "none",
        "queue.none",
        "queue.waiting.more",
        "queue.items.3",
        "queue.#",
        "text.#",
        "jobs.size",
        "numbers.#(>99)",
    ] {
        assert_eq!(find(path), None, "{path}");
    }
}

#[test]
fn what_is_not_served_is_said() {
    for (path, part) in [
        ("@reverse", "modifiers"),
        ("jobs.@this", "modifiers"),
        ("[a,b]", "no new objects"),
        ("{a,b}", "no new objects"),
        ("a.", "after the last"),
        ("a..b", "between dots"),
        (".a", "between dots"),
        ("", "between dots"),
        (r"a\", "after the last \\"),
        ("a.#(b", ") at the end"),
        ("a.#()", "a condition"),
        ("a.#(b==~true)", "without ~"),
        ("a.#(b==1)c", ". or |"),
        ("a.#(b.#(c.#(d.#(e.#(f>1)))))", "levels"),
    ] {
        let said = Path::parse(path).unwrap_err();
        assert!(said.contains(part), "{path}: {said}");
    }
    assert!(Path::parse(&"a".repeat(2000)).unwrap_err().contains("1024"));
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(text in r#"[a-z.#()|*?\\"=<>!%0-9@ ]{0,24}"#) {
        if let Ok(path) = Path::parse(&text) {
            let _ = path.find(&document());
            let _ = path.with_lists_of_one().find(&document());
        }
    }

    #[test]
    fn any_key_is_reached_when_it_is_escaped(key in ".{1,12}") {
        let escaped: String = key.chars().flat_map(|letter| ['\\', letter]).collect();
        let document = json!({ key: 1 });
        let path = Path::parse(&escaped).unwrap();
        prop_assert_eq!(path.find(&document).map(|found| found.into_owned()), Some(json!(1)));
    }
}
