//! A real cluster on this machine, from outside.

mod autoscaling;
mod bench;
mod control_plane;
mod differential;
mod ends;
mod keda;
mod pods;
