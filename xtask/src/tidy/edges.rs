//! Which crate may know which. A crate exists to forbid something; the edges are what it allows.

use serde_json::Value;

use super::Finding;

/// Each crate with those it may depend on. What is not listed is forbidden. `docs/decisions/0002-crate-edges.md` says why.
const EDGES: [(&str, &[&str]); 11] = [
    ("engine", &[]),
    ("crds", &["engine"]),
    ("scalers", &["engine"]),
    ("console", &["engine"]),
    ("lab", &["engine"]),
    ("runtime", &["engine", "scalers"]),
    ("sim", &["engine", "crds", "console"]),
    ("local", &["engine", "crds", "scalers", "runtime", "console", "lab"]),
    // For tests: a control plane, and a node that runs pods as `local` does.
    ("cluster", &["engine", "crds", "scalers", "local"]),
    ("operator", &["engine", "crds", "scalers", "runtime", "console", "cluster"]),
    ("cli", &["engine", "crds", "scalers", "runtime", "local", "operator", "console", "sim", "lab", "cluster"]),
];

/// Crates that serve tests and benches alone: nobody may depend on them otherwise.
const FOR_TESTS: [&str; 1] = ["cluster"];

/// Libraries that a crate must do without.
const BANNED: [(&str, &[&str]); 6] = [
    ("engine", &["tokio", "reqwest", "rand", "kube", "rdkafka", "kafka-protocol"]),
    ("crds", &["tokio", "reqwest", "kube"]),
    ("scalers", &["kube", "k8s-openapi"]),
    ("runtime", &["kube", "k8s-openapi"]),
    ("console", &["kube", "k8s-openapi"]),
    ("sim", &["tokio", "reqwest", "kube"]),
];

/// Checks the output of `cargo metadata --no-deps`.
pub(crate) fn check(metadata: &str) -> Result<Vec<Finding>, String> {
    let metadata: Value =
        serde_json::from_str(metadata).map_err(|error| format!("reading the output of cargo metadata: {error}"))?;
    let mut findings = Vec::new();
    for package in metadata["packages"].as_array().into_iter().flatten() {
        let Some(folder) = package["name"].as_str().and_then(|name| name.strip_prefix("tidegate-")) else { continue };
        // The binary's package may be called after the product alone.
        let Some((_, allowed)) = EDGES.iter().find(|(name, _)| *name == folder) else {
            findings.push(format!("crate {folder}: not in the table of edges in xtask/src/tidy/edges.rs"));
            continue;
        };
        let banned = BANNED.iter().find(|(name, _)| *name == folder).map_or(&[][..], |(_, banned)| *banned);
        for dependency in package["dependencies"].as_array().into_iter().flatten() {
            let (name, kind) = (dependency["name"].as_str().unwrap_or(""), dependency["kind"].as_str());
            if let Some(ours) = name.strip_prefix("tidegate-")
                && !allowed.contains(&ours)
            {
                findings.push(format!("crate {folder} may not depend on {ours}; allowed: {}", allowed.join(", ")));
            }
            if let Some(ours) = name.strip_prefix("tidegate-")
                && FOR_TESTS.contains(&ours)
                && kind != Some("dev")
            {
                findings.push(format!("crate {folder}: {ours} serves tests alone; put it under [dev-dependencies]"));
            }
            if kind.is_none() && banned.contains(&name) {
                findings.push(format!("crate {folder} must do without {name}"));
            }
        }
    }
    Ok(findings)
}

/// Checks one crate's manifest: it inherits the workspace's lints and versions.
pub(crate) fn check_manifest(file: &str, text: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    if !text.contains("[lints]\nworkspace = true") {
        findings.push(format!("{file}: does not inherit the workspace's lints; add `[lints]` with `workspace = true`"));
    }
    let mut section = "";
    for line in text.lines() {
        if line.starts_with('[') {
            section = line;
        } else if section.contains("dependencies]")
            && line.contains('=')
            && !line.trim_start().starts_with('#')
            && !line.contains("workspace = true")
        {
            findings.push(format!("{file}: `{line}` has a version of its own; put it into the workspace's table"));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::{check, check_manifest};

    fn metadata(name: &str, dependency: &str, kind: &str) -> String {
        format!(r#"{{"packages":[{{"name":"{name}","dependencies":[{{"name":"{dependency}","kind":{kind}}}]}}]}}"#)
    }

    #[test]
    fn an_edge_that_is_not_listed_is_found() {
        let findings = check(&metadata("tidegate-engine", "tidegate-crds", "null")).unwrap();
        assert_eq!(findings, ["crate engine may not depend on crds; allowed: "]);
        assert!(check(&metadata("tidegate-crds", "tidegate-engine", "null")).unwrap().is_empty());
    }

    #[test]
    fn a_banned_library_is_found_but_tests_may_use_it() {
        assert_eq!(check(&metadata("tidegate-engine", "tokio", "null")).unwrap().len(), 1);
        assert!(check(&metadata("tidegate-engine", "tokio", "\"dev\"")).unwrap().is_empty());
    }

    #[test]
    fn what_serves_tests_is_for_tests() {
        assert!(check(&metadata("tidegate-operator", "tidegate-cluster", "\"dev\"")).unwrap().is_empty());
        let findings = check(&metadata("tidegate-operator", "tidegate-cluster", "null")).unwrap();
        assert_eq!(findings, ["crate operator: cluster serves tests alone; put it under [dev-dependencies]"]);
    }

    #[test]
    fn a_version_outside_the_workspace_table_is_found() {
        let text = "[lints]\nworkspace = true\n[dependencies]\nserde = \"1\"\nbytes.workspace = true\n";
        assert_eq!(check_manifest("x/Cargo.toml", text).len(), 1);
    }
}
