//! The parameters are KEDA's: names, places with their order, defaults, allowed texts. The facts, read from KEDA 2.21, lie
//! in `tests/data/keda-parameters.json`; where Tidegate differs on purpose, it is said below with the reason.

use std::collections::BTreeMap;

use serde::Deserialize;
use tidegate_scalers::catalog;
use tidegate_scalers::{Parameter, Source};

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Place {
    Metadata,
    Env,
    Auth,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Fact {
    name: String,
    sources: Vec<Place>,
    optional: bool,
    default: Option<String>,
    #[serde(default)]
    choices: Vec<String>,
    #[serde(default)]
    aliases: Vec<String>,
    /// No longer read by KEDA, still found in manifests.
    #[serde(default)]
    gone: bool,
}

/// Type, parameter, and why it is not as in KEDA.
const DIFFERENT: &[(&str, &str, &str)] = &[
    ("kafka", "sasl", "the none that KEDA assumes is written down; aws_msk_iam is a word of apache-kafka"),
    ("kafka", "saslTokenProvider", "the bearer that KEDA assumes is written down as the default"),
    ("apache-kafka", "sasl", "oauthbearer, which that type refuses in KEDA, works here"),
    ("apache-kafka", "allowIdleConsumers", "the false that KEDA assumes is written down as the default"),
    ("apache-kafka", "excludePersistentLag", "the false that KEDA assumes is written down as the default"),
    ("apache-kafka", "scaleToZeroOnInvalidOffset", "the false that KEDA assumes is written down as the default"),
    ("apache-kafka", "limitToPartitionsWithLag", "the false that KEDA assumes is written down as the default"),
    (
        "apache-kafka",
        "ensureEvenDistributionOfPartitions",
        "the false that KEDA assumes is written down as the default",
    ),
    ("external", "enableTLS", "the false that KEDA assumes is written down as the default"),
    ("external", "unsafeSsl", "the false that KEDA assumes is written down as the default"),
    ("external-push", "enableTLS", "the false that KEDA assumes is written down as the default"),
    ("external-push", "unsafeSsl", "the false that KEDA assumes is written down as the default"),
    ("prometheus", "activationThreshold", "the zero that KEDA assumes is written down as the default"),
    ("prometheus", "unsafeSsl", "the false that KEDA assumes is written down as the default"),
    ("prometheus", "identityOwner", "another text than the known ones means the operator's own identity in KEDA"),
];

/// Parameters of Tidegate's own: type, parameter, why.
const OWN: &[(&str, &str, &str)] = &[
    ("kafka", "token", "a token made elsewhere, for which KEDA has nothing"),
    ("kafka", "ccacheName", "came into KEDA after the facts were read"),
];

#[test]
fn parameters_are_those_of_keda() {
    let facts: BTreeMap<String, Vec<Fact>> =
        serde_json::from_str(include_str!("../data/keda-parameters.json")).unwrap();
    for row in catalog::rows() {
        for &kind in row.names {
            let facts = facts.get(kind).unwrap_or_else(|| panic!("no facts about {kind}"));
            let mut faults = Vec::new();
            for fact in facts {
                let known = row.parameters.iter().find(|parameter| parameter.name == fact.name);
                let different = DIFFERENT.iter().any(|(name, parameter, _)| (*name, *parameter) == (kind, &fact.name));
                match known {
                    None => faults.push(format!("{} is missing", fact.name)),
                    Some(parameter) => {
                        let fault = compare(parameter, fact);
                        assert!(!different || fault.is_some(), "{kind}: {} is no different from KEDA's", fact.name);
                        faults.extend(fault.filter(|_| !different));
                    }
                }
            }
            assert!(faults.is_empty(), "{kind} differs from KEDA:\n{}", faults.join("\n"));
        }
        // A row with several names has the parameters of each.
        let known: Vec<_> = row.names.iter().flat_map(|kind| &facts[*kind]).map(|fact| fact.name.as_str()).collect();
        for parameter in row.parameters.iter().filter(|parameter| !known.contains(&parameter.name)) {
            let own = OWN.iter().any(|(kind, own, _)| (*kind, *own) == (row.name(), parameter.name));
            assert!(own, "{}: {} is not in KEDA", row.name(), parameter.name);
        }
    }
}

fn compare(parameter: &Parameter, fact: &Fact) -> Option<String> {
    let sources = fact.sources.iter().map(|place| match place {
        Place::Metadata => Source::Metadata,
        Place::Env => Source::Env,
        Place::Auth => Source::Auth,
    });
    let name = parameter.name;
    if !sources.eq(parameter.sources.iter().copied()) {
        return Some(format!("{name}: sources {:?}", parameter.sources));
    }
    if fact.gone {
        return parameter.deprecated.is_none().then(|| format!("{name}: not marked as deprecated"));
    }
    let required = !fact.optional && fact.default.is_none();
    if required != parameter.required() && parameter.removed.is_none() {
        return Some(format!("{name}: required is {}", parameter.required()));
    }
    if fact.default.as_deref() != parameter.default {
        return Some(format!("{name}: default {:?}, in KEDA {:?}", parameter.default, fact.default));
    }
    let mut choices = fact.choices.clone();
    let mut ours: Vec<_> = parameter.choices.to_vec();
    choices.sort_unstable();
    ours.sort_unstable();
    if choices != ours {
        return Some(format!("{name}: choices {ours:?}, in KEDA {choices:?}"));
    }
    (fact.aliases != parameter.aliases).then(|| format!("{name}: aliases {:?}", parameter.aliases))
}
