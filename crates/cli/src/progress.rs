//! Progress on standard error.
