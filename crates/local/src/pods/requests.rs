//! What the containers of a pod request of the machine.

use tidegate_scalers::Resource;

/// Each container with what it requests, in thousandths of a core and of a byte.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Requests(pub(crate) Vec<ContainerRequests>);

/// One container's.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ContainerRequests {
    pub(crate) name: String,
    pub(crate) cpu_milli: Option<u64>,
    pub(crate) memory_milli: Option<u64>,
}

impl Requests {
    /// What the pod, or one container, requests; `None` when one that counts requests nothing.
    pub(crate) fn of(&self, resource: Resource, container: Option<&str>) -> Option<u64> {
        let counted = self.0.iter().filter(|one| container.is_none_or(|name| name == one.name));
        counted
            .map(|one| match resource {
                Resource::Cpu => one.cpu_milli,
                Resource::Memory => one.memory_milli,
            })
            .sum()
    }

    /// Whether this is the pod's only container.
    pub(crate) fn only(&self, name: &str) -> bool {
        matches!(self.0.as_slice(), [one] if one.name == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_container_without_a_request_leaves_nothing_to_compare_with() {
        let one = |name: &str, cpu_milli| ContainerRequests { name: name.to_owned(), cpu_milli, memory_milli: None };
        let both = Requests(vec![one("app", Some(500)), one("side", Some(100))]);
        assert_eq!(both.of(Resource::Cpu, None), Some(600));
        assert_eq!(both.of(Resource::Cpu, Some("side")), Some(100));
        assert_eq!(both.of(Resource::Memory, None), None);
        assert_eq!(Requests(vec![one("app", Some(500)), one("side", None)]).of(Resource::Cpu, None), None);
        assert!(!both.only("app") && Requests(vec![one("app", None)]).only("app"));
    }
}
