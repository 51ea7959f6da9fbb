//! Ports for servers of tests.

use std::net::{Ipv4Addr, TcpStream};
use std::sync::atomic::{AtomicU32, Ordering};

/// Returns a port that is free and given to no other test: each process counts on from another one.
/// It is below the ports of outgoing connections, so it stays free while its server is stopped.
pub(crate) fn free_port() -> u16 {
    static GIVEN: AtomicU32 = AtomicU32::new(0);
    let next = || {
        let number = 32 * std::process::id() + GIVEN.fetch_add(1, Ordering::Relaxed);
        10_000 + u16::try_from(number % 22_000).expect("small")
    };
    // A socket bound as a trial could live on in a process that another test starts at that moment.
    let is_free = |port: &u16| TcpStream::connect((Ipv4Addr::LOCALHOST, *port)).is_err();
    std::iter::repeat_with(next).find(is_free).expect("a port")
}
