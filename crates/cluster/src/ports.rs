//! Free ports, also for the tests of crates that may not know this one: they include this file.

use std::hash::{BuildHasher, RandomState};
use std::io::{Error, ErrorKind, Result};
use std::net::TcpListener;

/// Below the range from which the kernel takes the ports of outgoing connections, so that none of those is in the way
/// between our look and the server's start.
const FIRST: u16 = 12_000;
const COUNT: u64 = 20_000;
const TRIES: u32 = 10_000;

/// Ports of 127.0.0.1 that nobody uses now, all different. What runs together takes its ports in one call: two calls may
/// give the same port, as long as nobody listens there.
///
/// # Errors
/// When so many ports are in use that too few were found.
pub(crate) fn free_ports<const WANTED: usize>() -> Result<[u16; WANTED]> {
    let random = |number: u32| u16::try_from(RandomState::new().hash_one(number) % COUNT).map(|random| FIRST + random);
    let listen = |port: u16| TcpListener::bind(("127.0.0.1", port)).ok();
    // All are held until the last one is found.
    let held: Vec<TcpListener> = (0..TRIES).flat_map(random).filter_map(listen).take(WANTED).collect();
    if held.len() < WANTED {
        let found = held.len();
        let message = format!("{WANTED} free ports of 127.0.0.1 are needed; {TRIES} were tried, {found} are free");
        return Err(Error::new(ErrorKind::AddrInUse, message));
    }
    let mut ports = [0; WANTED];
    for (port, listener) in ports.iter_mut().zip(&held) {
        *port = listener.local_addr()?.port();
    }
    Ok(ports)
}
