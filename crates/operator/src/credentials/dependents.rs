//! Which ScaledObjects depend on what.

use std::collections::{BTreeSet, HashMap};

use tidegate_engine::TargetId;

use super::keys::Dependency;

/// Both directions of the relation.
#[derive(Debug, Default)]
pub(super) struct Dependents {
    of: HashMap<TargetId, BTreeSet<Dependency>>,
    on: HashMap<Dependency, Vec<TargetId>>,
}

impl Dependents {
    /// Replaces what `id` depends on. Gives what nobody depends on any more, and whether anything is new.
    pub(super) fn set(&mut self, id: &TargetId, wanted: BTreeSet<Dependency>) -> (Vec<Dependency>, bool) {
        let had = self.of.remove(id).unwrap_or_default();
        let mut new = false;
        for dependency in wanted.difference(&had) {
            let dependents = self.on.entry(dependency.clone()).or_default();
            new |= dependents.is_empty();
            dependents.push(id.clone());
        }
        let mut orphans = Vec::new();
        for dependency in had.difference(&wanted) {
            if let Some(dependents) = self.on.get_mut(dependency) {
                dependents.retain(|dependent| dependent != id);
                if dependents.is_empty() {
                    self.on.remove(dependency);
                    orphans.push(dependency.clone());
                }
            }
        }
        if !wanted.is_empty() {
            self.of.insert(id.clone(), wanted);
        }
        (orphans, new)
    }

    /// Adds to what `id` depends on.
    pub(super) fn add(&mut self, id: &TargetId, more: BTreeSet<Dependency>) {
        let mut wanted = self.of.get(id).cloned().unwrap_or_default();
        wanted.extend(more);
        self.set(id, wanted);
    }

    /// Who depends on it, in the order in which they came.
    pub(super) fn on(&self, dependency: &Dependency) -> &[TargetId] {
        self.on.get(dependency).map_or(&[], Vec::as_slice)
    }

    /// Everything that somebody depends on.
    pub(super) fn all(&self) -> impl Iterator<Item = &Dependency> {
        self.on.keys()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(name: &str) -> Dependency {
        Dependency::File(name.into())
    }

    #[test]
    fn what_the_last_dependent_gives_up_is_orphaned() {
        let mut dependents = Dependents::default();
        let (orders, bills) = (TargetId::new("shop", "orders"), TargetId::new("shop", "bills"));
        assert_eq!(dependents.set(&orders, [file("a"), file("b")].into()), (vec![], true));
        assert_eq!(dependents.set(&bills, [file("b")].into()), (vec![], false));
        assert_eq!(dependents.on(&file("b")), [orders.clone(), bills.clone()]);
        assert_eq!(dependents.set(&orders, [file("b")].into()), (vec![file("a")], false));
        assert_eq!(dependents.set(&orders, BTreeSet::new()), (vec![], false));
        assert_eq!(dependents.set(&bills, BTreeSet::new()), (vec![file("b")], false));
        assert_eq!(dependents.all().count(), 0);
    }
}
