//! Which watches cover the Secrets and ConfigMaps in use: single objects where they are few, a namespace where it has
//! more, the cluster where there are many namespaces.
//!
//! A watch is a connection to the API server, so their number is kept small; a wider watch sees the metadata of objects
//! that are none of our business, so it is only used where many narrow ones would be needed. Whatever the account may not
//! watch is covered by narrower watches, and what is left is read again every now and then.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use tidegate_crds::ConfigKind;

use super::keys::ObjectKey;

/// Above this many objects of a kind, a namespace is watched as a whole.
const SINGLE_PER_NAMESPACE: usize = 3;

/// Above this many watches of a kind, the cluster is watched as a whole.
const WATCHES_PER_KIND: usize = 16;

/// The most watches of single objects where nothing wider is allowed.
const MOST_SINGLE: usize = 256;

/// What one watch covers.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Scope {
    /// One object.
    Object(ObjectKey),
    /// All objects of a kind in a namespace.
    Namespace(ConfigKind, String),
    /// All objects of a kind.
    Cluster(ConfigKind),
}

impl Scope {
    pub(super) fn kind(&self) -> ConfigKind {
        match self {
            Scope::Object(key) => key.kind,
            Scope::Namespace(kind, _) | Scope::Cluster(kind) => *kind,
        }
    }

    pub(super) fn covers(&self, key: &ObjectKey) -> bool {
        match self {
            Scope::Object(object) => object == key,
            Scope::Namespace(kind, namespace) => *kind == key.kind && *namespace == key.namespace,
            Scope::Cluster(kind) => *kind == key.kind,
        }
    }
}

/// The watches for these objects. `refused` are those that the account may not have; `whole_cluster`: whether the cluster
/// may be watched at all.
pub(super) fn plan(keys: &BTreeSet<ObjectKey>, refused: &HashSet<Scope>, whole_cluster: bool) -> BTreeSet<Scope> {
    let mut plan = BTreeSet::new();
    for kind in [ConfigKind::Secret, ConfigKind::ConfigMap] {
        let mut namespaces: BTreeMap<&str, Vec<&ObjectKey>> = BTreeMap::new();
        for key in keys.iter().filter(|key| key.kind == kind) {
            namespaces.entry(&key.namespace).or_default().push(key);
        }
        let narrow = of_namespaces(kind, &namespaces, refused);
        let cluster = Scope::Cluster(kind);
        if narrow.len() > WATCHES_PER_KIND && whole_cluster && !refused.contains(&cluster) {
            plan.insert(cluster);
        } else {
            plan.extend(narrow);
        }
    }
    plan
}

fn of_namespaces(
    kind: ConfigKind,
    namespaces: &BTreeMap<&str, Vec<&ObjectKey>>,
    refused: &HashSet<Scope>,
) -> BTreeSet<Scope> {
    let mut scopes = BTreeSet::new();
    let mut single = 0;
    for (namespace, keys) in namespaces {
        let whole = Scope::Namespace(kind, (*namespace).to_owned());
        if keys.len() > SINGLE_PER_NAMESPACE && !refused.contains(&whole) {
            scopes.insert(whole);
            continue;
        }
        let allowed = keys.iter().map(|key| Scope::Object((*key).clone())).filter(|scope| !refused.contains(scope));
        let room = MOST_SINGLE.saturating_sub(single);
        let before = scopes.len();
        scopes.extend(allowed.take(room));
        single += scopes.len() - before;
    }
    scopes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(namespaces: usize, each: usize) -> BTreeSet<ObjectKey> {
        let names = (0..namespaces).flat_map(|n| (0..each).map(move |i| (format!("n{n}"), format!("s{i}"))));
        names.map(|(namespace, name)| ObjectKey::new(ConfigKind::Secret, &namespace, &name)).collect()
    }

    fn refused(scopes: impl IntoIterator<Item = Scope>) -> HashSet<Scope> {
        scopes.into_iter().collect()
    }

    #[test]
    fn watches_widen_with_what_is_in_use() {
        let whole = |n: usize| Scope::Namespace(ConfigKind::Secret, format!("n{n}"));
        let cluster = Scope::Cluster(ConfigKind::Secret);
        let few = plan(&keys(2, 3), &refused([]), true);
        assert_eq!(few.len(), 6);
        assert!(few.iter().all(|scope| matches!(scope, Scope::Object(_))));
        assert_eq!(plan(&keys(2, 4), &refused([]), true), [whole(0), whole(1)].into());
        assert_eq!(plan(&keys(17, 1), &refused([]), true), [cluster.clone()].into());
        assert_eq!(plan(&keys(17, 1), &refused([]), false).len(), 17, "namespaces were named: no watch beyond them");
        assert_eq!(plan(&keys(17, 1), &refused([cluster.clone()]), true).len(), 17, "the account may not");
        assert_eq!(plan(&keys(1, 5), &refused([whole(0)]), true).len(), 5, "one by one, as roles with names allow");
        assert_eq!(plan(&keys(1, 900), &refused([whole(0), cluster]), true).len(), MOST_SINGLE);
    }

    #[test]
    fn every_key_is_covered_where_nothing_is_refused() {
        for (namespaces, each) in [(1, 1), (3, 3), (5, 9), (40, 2), (300, 7)] {
            let keys = keys(namespaces, each);
            let plan = plan(&keys, &refused([]), true);
            assert!(keys.iter().all(|key| plan.iter().any(|scope| scope.covers(key))), "{namespaces} x {each}");
            assert!(plan.len() <= WATCHES_PER_KIND);
        }
    }
}
