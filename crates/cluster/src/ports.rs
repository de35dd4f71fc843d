//! Free ports.

use std::hash::{BuildHasher, RandomState};
use std::net::TcpListener;

use crate::error::Error;

/// Below the range from which the kernel takes the ports of outgoing connections, so that none of those is in the way
/// between our look and the server's start.
const FIRST: u16 = 12_000;
const COUNT: u16 = 20_000;
const TRIES: u32 = 1000;

/// A port of 127.0.0.1 that nobody uses now.
pub(crate) fn free_port() -> Result<u16, Error> {
    let candidates = (0..TRIES).filter_map(|number| {
        let random = RandomState::new().hash_one(number) % u64::from(COUNT);
        u16::try_from(random).ok().map(|random| FIRST + random)
    });
    let free = |port: &u16| TcpListener::bind(("127.0.0.1", *port)).is_ok();
    let mut free = candidates.filter(free);
    free.next().ok_or_else(|| Error::Other(format!("{TRIES} ports of 127.0.0.1 were tried and all are in use")))
}
