//! `tidegate crds`: definitions that can be applied, and the file that is made of them.

use expect_test::expect_file;

use crate::support::{root, run};

#[test]
fn the_definitions_in_deploy_are_those_of_the_binary() {
    let ran = run(&["crds"]);
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    expect_file![root().join("deploy/crds.yaml")].assert_eq(&ran.out);
}

#[test]
fn single_kinds_are_found_by_any_of_their_names() {
    for name in ["ScaledObject", "scaledobject", "scaledobjects", "so"] {
        let ran = run(&["crds", name, "--output", "json"]);
        assert_eq!(ran.code, Some(0), "{name}: {}", ran.err);
        let list: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
        assert_eq!(list["items"].as_array().map(Vec::len), Some(1), "{name}");
        assert_eq!(list["items"][0]["metadata"]["name"], "scaledobjects.keda.sh", "{name}");
    }
}

#[test]
fn an_unknown_kind_is_refused_with_the_nearest_name() {
    let ran = run(&["crds", "ScaledObjekt"]);
    assert_eq!(ran.code, Some(2), "{}", ran.out);
    assert!(ran.err.contains("ScaledObjekt") && ran.err.contains("did you mean ScaledObject?"), "{}", ran.err);
}
