//! What would change if Tidegate took the place of a cluster's KEDA: object by object, and how to go there and back.
//!
//! Reading the cluster ([`survey`]), judging ([`judge`], pure) and printing are apart, so that the same judgement is made
//! of a file.

mod authentication;
mod installation;
mod judge;
mod known;
mod object;
mod print;
mod report;
mod survey;
mod trigger;

pub(crate) use judge::judge;
pub(crate) use print::text;
pub(crate) use survey::{Survey, from_text, read};
