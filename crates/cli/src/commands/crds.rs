//! `tidegate crds`: the CustomResourceDefinitions.

use serde_json::{Value, json};
use tidegate_crds::crd::{KINDS, crd};
use tidegate_crds::nearest;

use crate::args::{CrdFormat, CrdsArgs};
use crate::exit::{Done, Failed};
use crate::output::{json_pretty, line, yaml};

/// Runs it.
pub(crate) fn run(args: &CrdsArgs) -> Done {
    let kinds = match args.kinds.as_slice() {
        [] => KINDS.to_vec(),
        names => names.iter().map(|name| kind(name)).collect::<Result<_, _>>()?,
    };
    let definitions: Vec<&Value> = kinds.into_iter().filter_map(crd).collect();
    match args.output {
        CrdFormat::Json => json_pretty(&json!({"apiVersion": "v1", "kind": "List", "items": definitions})),
        CrdFormat::Yaml => {
            line(HEAD)?;
            definitions.into_iter().try_for_each(yaml)
        }
    }
}

const HEAD: &str = "# Made by `tidegate crds`.";

/// The kind that is meant, by its name in any case, its plural, or a short name.
fn kind(name: &str) -> Result<&'static str, Failed> {
    let wanted = name.to_lowercase();
    let is_meant = |kind: &&str| {
        let names = crd(kind).map(|definition| &definition["spec"]["names"]);
        let short = names.and_then(|names| names["shortNames"].as_array()).into_iter().flatten();
        kind.to_lowercase() == wanted
            || names.is_some_and(|names| names["plural"] == wanted.as_str())
            || short.into_iter().any(|short| short == wanted.as_str())
    };
    KINDS.into_iter().find(is_meant).ok_or_else(|| {
        let advice = match nearest(name, KINDS) {
            Some(near) => format!("did you mean {near}?"),
            None => format!("there are {}", KINDS.join(", ")),
        };
        Failed::input(format!("there is no definition of a kind {name:?}; {advice}"))
    })
}
