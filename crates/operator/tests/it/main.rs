//! Tests of the operator against a real control plane.
