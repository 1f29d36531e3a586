use std::{
    net::{TcpListener, UdpSocket},
    time::{SystemTime, UNIX_EPOCH},
};

/// A port that nobody listens on, by TCP or UDP. It lies below those that the system gives to outgoing
/// connections, so that a server that is killed finds it free again.
pub fn free_port() -> u16 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let start = u64::from(std::process::id()).wrapping_mul(7_919).wrapping_add(u64::from(now.subsec_nanos()));
    (0..1_000)
        .map(|attempt| 10_000 + ((start + attempt) % 20_000) as u16)
        .find(|port| {
            TcpListener::bind(("127.0.0.1", *port)).is_ok() && UdpSocket::bind(("127.0.0.1", *port)).is_ok()
        })
        .unwrap()
}
