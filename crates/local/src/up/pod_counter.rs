//! The pods of this machine, counted for `kubernetes-workload` triggers.

use async_trait::async_trait;
use tidegate_engine::{ReadError, ReadErrorKind};
use tidegate_scalers::{LabelSelector, PodCounter};

use crate::pods::Pods;

/// Counts the pods that this run started, by the labels of their Deployment's template.
pub(super) struct LocalPods(pub(super) Pods);

#[async_trait]
impl PodCounter for LocalPods {
    async fn count(&self, namespace: &str, selector: &LabelSelector, group_by_node: bool) -> Result<u64, ReadError> {
        let found = self.0.matching(namespace, selector.clone()).await;
        let count = found.ok_or_else(|| {
            ReadError::new(
                ReadErrorKind::Unreachable,
                format!("counting the pods of namespace {namespace}: the run ends"),
            )
        })?;
        // This machine is the only node.
        Ok(if group_by_node { count.min(1) } else { count })
    }
}
