//! The Scenario of a folder.

use tidegate_crds::{Located, Object, Problem, Scenario as Manifest};
use tidegate_lab::scenario::Scenario;

/// A Scenario that was understood.
#[derive(Clone, Debug)]
pub(crate) struct ScenarioParts {
    pub(crate) name: String,
    pub(crate) namespace: String,
    pub(crate) spec: Scenario,
}

/// The one Scenario among `objects`, with everything that is wrong.
pub(crate) fn build(objects: &[Located<Object>]) -> (Option<ScenarioParts>, Vec<Problem>) {
    let mut problems = Vec::new();
    let mut parts = None;
    let mut first: Option<&str> = None;
    for object in objects {
        let Object::Scenario(manifest) = &object.value else { continue };
        if let Some(first) = first {
            let message = format!("a second Scenario; the first is {first}, and only one can run at a time");
            problems.push(object.source.error("", message));
            continue;
        }
        first = Some(&object.source.object);
        match understand(manifest, object) {
            Ok(found) => parts = Some(found),
            Err(found) => problems.extend(found),
        }
    }
    (parts, problems)
}

fn understand(manifest: &Manifest, object: &Located<Object>) -> Result<ScenarioParts, Vec<Problem>> {
    let spec = Scenario::parse(manifest.spec.clone()).map_err(|problems| {
        let located = problems
            .iter()
            .map(|problem| object.source.mismatch(&problem.field, problem.found.clone(), problem.expected.clone()));
        located.collect::<Vec<_>>()
    })?;
    let namespace = manifest.metadata.namespace.clone().unwrap_or_else(|| "default".to_owned());
    Ok(ScenarioParts { name: manifest.metadata.name.clone().unwrap_or_default(), namespace, spec })
}
