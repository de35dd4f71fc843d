//! A real cluster on this machine, from outside.

mod control_plane;
