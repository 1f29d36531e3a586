//! Which machines a source's address may lead to.
//!
//! An address that somebody types into Moothall makes this machine call another one. Without a check it could
//! call what only this machine can reach: a database, a router's pages, a cloud's metadata service.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs};

use crate::record::RecordError;

/// Where calls may go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reach {
    /// Only to addresses of the public internet.
    Public,
    /// Also into the private network, as the configuration allows.
    Anywhere,
}

impl Reach {
    /// The addresses of a host that may be called; at least one. Whoever connects must connect to one of
    /// these: a second look-up of the name might give another answer.
    pub(crate) fn addresses(self, host: &str, port: u16) -> Result<Vec<SocketAddr>, RecordError> {
        let unknown = |reason: String| RecordError::Unresolved { host: host.to_owned(), reason };
        let found: Vec<SocketAddr> =
            (host, port).to_socket_addrs().map_err(|error| unknown(error.to_string()))?.collect();
        let first = found.first().copied().ok_or_else(|| unknown("it has no address".to_owned()))?;
        let allowed: Vec<SocketAddr> =
            found.into_iter().filter(|address| self == Self::Anywhere || is_public(address.ip())).collect();
        if allowed.is_empty() {
            return Err(RecordError::PrivateNetwork { host: host.to_owned(), address: first.ip() });
        }
        Ok(allowed)
    }

    /// The address that the resolver puts first.
    pub(crate) fn first_address(self, host: &str, port: u16) -> Result<SocketAddr, RecordError> {
        // `addresses` never gives none.
        self.addresses(host, port).map(|addresses| addresses[0])
    }
}

/// Whether an address belongs to the public internet and to one machine.
/// By the registries of special-purpose addresses (RFC 6890 and its successors).
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    !(a == 0
        || address.is_loopback()
        || address.is_private()
        || address.is_link_local()
        || address.is_documentation()
        // Shared by the customers of a carrier (RFC 6598).
        || (a == 100 && (64..128).contains(&b))
        // Protocol assignments (RFC 6890), relays of 6to4 (RFC 7526), benchmarks (RFC 2544).
        || (a, b, c) == (192, 0, 0)
        || (a, b, c) == (192, 88, 99)
        || (a == 198 && (18..20).contains(&b))
        // Multicast, reserved, and broadcast.
        || a >= 224)
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    if let Some(mapped) = address.to_ipv4_mapped() {
        return is_public_v4(mapped);
    }
    let [a, b, c, d, e, f, g, h] = address.segments();
    if [a, b, c, d, e, f] == [0x64, 0xff9b, 0, 0, 0, 0] {
        // What a network without IPv4 calls IPv4 machines by (RFC 6052).
        let [g, h] = [g.to_be_bytes(), h.to_be_bytes()];
        return is_public_v4(Ipv4Addr::new(g[0], g[1], h[0], h[1]));
    }
    // Only 2000::/3 has been given to the public internet; of it, the assignments to protocols (such as
    // Teredo), documentation and 6to4, which hides an IPv4 address, are not.
    a & 0xe000 == 0x2000
        && !(a == 0x2001 && b < 0x0200)
        && !(a == 0x2001 && b == 0x0db8)
        && a != 0x2002
        && !(a == 0x3fff && b < 0x1000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_machines_of_the_public_internet_are_public() {
        for public in
            ["9.9.9.9", "172.15.0.1", "172.32.0.1", "100.63.1.1", "2a00:1450::1", "64:ff9b::909:909"]
        {
            assert!(is_public(public.parse().unwrap()), "{public}");
        }
        for other in [
            "0.0.0.0",
            "10.1.2.3",
            "100.64.0.1",
            "127.0.0.1",
            "169.254.169.254",
            "172.16.0.1",
            "192.168.1.1",
            "198.18.0.1",
            "224.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:10.0.0.1",
            "64:ff9b::10.0.0.1",
            "2002:a00:1::1",
            "2001::1",
            "2001:db8::1",
            "fc00::1",
            "fe80::1",
            "ff02::1",
        ] {
            assert!(!is_public(other.parse().unwrap()), "{other}");
        }
    }

    #[test]
    fn a_private_host_is_refused_with_the_name_of_the_setting() {
        for host in ["localhost", "127.0.0.1", "::1", "0x7f000001"] {
            match Reach::Public.addresses(host, 80) {
                Err(error @ RecordError::PrivateNetwork { .. }) => {
                    assert!(error.to_string().contains("private_network"), "{error}");
                }
                // How else a number may be written depends on the system's resolver.
                Err(RecordError::Unresolved { .. }) if host.starts_with("0x") => {}
                other => panic!("{host}: {other:?}"),
            }
        }
        assert!(Reach::Anywhere.first_address("127.0.0.1", 80).unwrap().ip().is_loopback());
        assert!(matches!(
            Reach::Anywhere.addresses("nobody.invalid", 80),
            Err(RecordError::Unresolved { host, .. }) if host == "nobody.invalid"
        ));
    }
}
