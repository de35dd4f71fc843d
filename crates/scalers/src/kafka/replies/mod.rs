//! What brokers answer, reduced to what the lag reader needs.

pub(crate) mod cluster;
pub(crate) mod fetch;
pub(crate) mod groups;
pub(crate) mod offsets;
pub(crate) mod session;

#[cfg(test)]
mod tests;
