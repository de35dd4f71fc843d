//! HorizontalPodAutoscalers: what a ScaledObject's should be, whether the one there is differs, and putting it right.

mod apply;
mod build;
mod compare;

pub(crate) use apply::{HpaError, Hpas};
pub(crate) use build::{COMPOSITE, NAME_LABEL, Wanted, build};
