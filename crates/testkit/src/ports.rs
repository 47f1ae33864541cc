//! Ports for listeners that go away and come back.

use std::net::TcpListener;

use uuid::Uuid;

/// Ports of the loopback address on which nothing listens. They are below the range from which the kernel takes ports of outgoing
/// connections: one of those could take the port of a listener that is away for a moment, and a client that tries a closed port
/// of that range again and again may meet itself.
///
/// # Panics
/// When there are not enough.
pub fn free_ports<const N: usize>() -> [u16; N] {
    let from = 24_000 + u16::try_from(Uuid::now_v7().as_u64_pair().1 % 7_000).unwrap();
    let mut free = (from..from + 500).filter(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok());
    std::array::from_fn(|_| free.next().expect("no free port"))
}
