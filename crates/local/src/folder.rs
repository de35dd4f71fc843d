//! A folder of manifests: read, checked, made into what the live loop and the pods need, and watched.
//!
//! The way is: files → objects ([`Files`]) → problems and parts ([`examine`]) → what changed ([`Applied`], in `up`). All
//! but reading the files is pure, so `tidegate validate` and `up` say the same of the same manifests.

mod deployments;
mod examine;
mod files;
mod scenario;
mod targets;
mod watch;

pub(crate) use deployments::DeploymentParts;
pub use deployments::pod_template;
pub use examine::validate;
pub(crate) use examine::{Examined, examine};
pub(crate) use files::Files;
pub(crate) use scenario::ScenarioParts;
pub(crate) use targets::TargetParts;
pub(crate) use watch::Watch;
