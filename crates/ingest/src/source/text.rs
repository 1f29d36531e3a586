//! The parts that the addresses of several protocols share.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::SourceError;

/// How an address of one protocol looks; for error texts.
pub(super) struct Form {
    pub scheme: &'static str,
    pub example: &'static str,
    /// Names of the parameters after the question mark.
    pub parameters: &'static [&'static str],
}

impl Form {
    /// Takes `HOST:PORT` apart. An IPv6 address stands in brackets and loses them; an absent host is empty.
    pub(super) fn host_and_port<'a>(&self, place: &'a str) -> Result<(String, u16), SourceError> {
        let (host, port) =
            place.rsplit_once(':').filter(|(_, port)| !port.ends_with(']')).ok_or_else(|| self.bad_port())?;
        let port = port.parse().ok().filter(|port| *port > 0).ok_or_else(|| self.bad_port())?;
        let host = match host.strip_prefix('[').and_then(|host: &'a str| host.strip_suffix(']')) {
            Some(inner) => {
                inner.parse::<Ipv6Addr>().map_err(|_| SourceError::Host { scheme: self.scheme })?.to_string()
            }
            None if host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_".contains(&byte)) => {
                host.to_owned()
            }
            None => return Err(SourceError::Host { scheme: self.scheme }),
        };
        Ok((host, port))
    }

    /// The same where the host is an address of this machine; an absent one stands for all of its addresses.
    pub(super) fn own_address(&self, place: &str) -> Result<(IpAddr, u16), SourceError> {
        let (host, port) = self.host_and_port(place)?;
        let host = match host.as_str() {
            "" => Ipv4Addr::UNSPECIFIED.into(),
            host => host.parse().map_err(|_| SourceError::HostNotAddress { scheme: self.scheme })?,
        };
        Ok((host, port))
    }

    fn bad_port(&self) -> SourceError {
        SourceError::Port { scheme: self.scheme, example: self.example }
    }

    /// Name and decoded value of each parameter; a name that the form does not have is an error.
    pub(super) fn parameters<'a>(
        &'a self,
        query: &'a str,
    ) -> impl Iterator<Item = Result<(&'a str, String), SourceError>> {
        query.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            if !self.parameters.contains(&name) {
                return Err(SourceError::Parameter {
                    scheme: self.scheme,
                    name: name.to_owned(),
                    known: self.parameters.join(", "),
                });
            }
            Ok((name, self.decoded(name, value)?))
        })
    }

    pub(super) fn decoded(&self, name: &str, value: &str) -> Result<String, SourceError> {
        percent_decode(value)
            .ok_or_else(|| SourceError::Encoding { scheme: self.scheme, name: name.to_owned() })
    }
}

/// A host as it stands in an address.
pub(crate) fn bracketed(host: &str) -> String {
    if host.contains(':') { format!("[{host}]") } else { host.to_owned() }
}

/// RFC 3986, section 2.1.
pub(crate) fn percent_decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        if first == b'%' {
            let digits = std::str::from_utf8(tail.get(..2)?).ok()?;
            bytes.push(u8::from_str_radix(digits, 16).ok()?);
            rest = &tail[2..];
        } else {
            bytes.push(first);
            rest = tail;
        }
    }
    String::from_utf8(bytes).ok()
}
