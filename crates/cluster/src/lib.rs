//! A real control plane on this machine, for tests.
