use std::{fmt, path::PathBuf, str::FromStr};

/// Where sound and picture come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// A media file of any kind that GStreamer reads.
    File(PathBuf),
    /// MPEG-TS over SRT.
    Srt(SrtAddress),
}

/// One end of an SRT connection, read from
/// `srt://HOST:PORT?mode=listener|caller&passphrase=…&latency=MS&streamid=…`.
#[derive(Clone, PartialEq, Eq)]
pub struct SrtAddress {
    pub mode: SrtMode,
    /// A name or an address; an IPv6 address without its brackets.
    pub host: String,
    pub port: u16,
    /// How long lost packets are waited for; the larger of both ends' wishes counts.
    pub latency_ms: Option<u16>,
    pub stream_id: Option<String>,
    /// From 10 to 79 bytes (SRT's own limits); never shown.
    pub(crate) passphrase: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SrtMode {
    /// The encoder calls us.
    Listener,
    /// We call the encoder.
    Caller,
}

/// A text that names no source. The texts never repeat a passphrase.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SourceError {
    #[error("{scheme}:// is not a source we read: give a file, or srt://HOST:PORT")]
    Scheme { scheme: String },
    #[error("the source is empty: give a file, or srt://HOST:PORT")]
    Empty,
    #[error("the port in the srt address is missing or no number from 1 to 65535: write srt://0.0.0.0:9710")]
    Port,
    #[error(
        "the host in the srt address may only have letters, digits, dots, hyphens, or be an IPv6 address in brackets"
    )]
    Host,
    #[error("an srt caller needs a host to call: write srt://encoder.example:9710?mode=caller")]
    NoHost,
    #[error("the srt passphrase has {length} bytes: SRT wants 10 to 79")]
    Passphrase { length: usize },
    #[error("{value:?} is not an srt mode: write mode=listener or mode=caller")]
    Mode { value: String },
    #[error("{value:?} is not an srt latency: write milliseconds from 0 to 60000")]
    Latency { value: String },
    #[error("{name:?} is not a parameter of an srt address: mode, passphrase, latency and streamid are")]
    Parameter { name: String },
    #[error("the srt address has a broken percent sign in {name}: write %25 for a percent sign itself")]
    Encoding { name: String },
}

impl Source {
    /// Whether it arrives at its own pace, so that media time is the wall clock's.
    pub const fn is_live(&self) -> bool {
        matches!(self, Self::Srt(_))
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => path.display().fmt(f),
            Self::Srt(address) => address.fmt(f),
        }
    }
}

impl FromStr for Source {
    type Err = SourceError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once("://") {
            Some(("srt", rest)) => parse_srt(rest).map(Self::Srt),
            Some((scheme, _)) if !scheme.contains('/') => {
                Err(SourceError::Scheme { scheme: scheme.to_owned() })
            }
            _ if text.is_empty() => Err(SourceError::Empty),
            _ => Ok(Self::File(text.into())),
        }
    }
}

impl SrtAddress {
    /// The address without any secret, as SRT's own libraries write it.
    pub(crate) fn uri(&self) -> String {
        let mode = match self.mode {
            SrtMode::Listener => "listener",
            SrtMode::Caller => "caller",
        };
        let host = if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        format!("srt://{host}:{}?mode={mode}", self.port)
    }
}

impl fmt::Display for SrtAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.uri())
    }
}

impl fmt::Debug for SrtAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SrtAddress")
            .field("uri", &self.uri())
            .field("latency_ms", &self.latency_ms)
            .field("stream_id", &self.stream_id)
            .field("encrypted", &self.passphrase.is_some())
            .finish()
    }
}

fn parse_srt(rest: &str) -> Result<SrtAddress, SourceError> {
    let (place, query) = rest.split_once('?').unwrap_or((rest, ""));
    let (host, port) = place.trim_end_matches('/').rsplit_once(':').ok_or(SourceError::Port)?;
    let port = port.parse().ok().filter(|port| *port > 0).ok_or(SourceError::Port)?;
    let host = match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        Some(inner) => inner.parse::<std::net::Ipv6Addr>().map_err(|_| SourceError::Host)?.to_string(),
        None if host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_".contains(&byte)) => {
            host.to_owned()
        }
        None => return Err(SourceError::Host),
    };
    let mut mode = None;
    let mut address = SrtAddress {
        mode: SrtMode::Listener,
        host,
        port,
        latency_ms: None,
        stream_id: None,
        passphrase: None,
    };
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let value = percent_decode(value).ok_or_else(|| SourceError::Encoding { name: name.to_owned() })?;
        match name {
            "mode" if value == "listener" => mode = Some(SrtMode::Listener),
            "mode" if value == "caller" => mode = Some(SrtMode::Caller),
            "mode" => return Err(SourceError::Mode { value }),
            "passphrase" => address.passphrase = Some(srt_passphrase(value)?),
            "latency" => match value.parse() {
                Ok(ms) if ms <= 60_000 => address.latency_ms = Some(ms),
                _ => return Err(SourceError::Latency { value }),
            },
            "streamid" => address.stream_id = Some(value),
            _ => return Err(SourceError::Parameter { name: name.to_owned() }),
        }
    }
    // An empty host or a wildcard cannot be called; any other host is, as other SRT programs have it.
    let wildcard = matches!(address.host.as_str(), "" | "0.0.0.0" | "::");
    address.mode = mode.unwrap_or(if wildcard { SrtMode::Listener } else { SrtMode::Caller });
    if address.host.is_empty() {
        match address.mode {
            SrtMode::Listener => "0.0.0.0".clone_into(&mut address.host),
            SrtMode::Caller => return Err(SourceError::NoHost),
        }
    }
    Ok(address)
}

/// Within SRT's own limits.
pub(crate) fn srt_passphrase(text: String) -> Result<String, SourceError> {
    match text.len() {
        10..=79 => Ok(text),
        length => Err(SourceError::Passphrase { length }),
    }
}

/// RFC 3986, section 2.1.
fn percent_decode(text: &str) -> Option<String> {
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn srt(text: &str) -> SrtAddress {
        match text.parse() {
            Ok(Source::Srt(address)) => address,
            other => panic!("{text}: {other:?}"),
        }
    }

    #[test]
    fn reads_listeners_callers_and_files() {
        let listener =
            srt("srt://0.0.0.0:9710?mode=listener&passphrase=correct%20horse&latency=200&streamid=hall");
        assert_eq!((listener.mode, listener.port, listener.latency_ms), (SrtMode::Listener, 9710, Some(200)));
        assert_eq!(listener.passphrase.as_deref(), Some("correct horse"));
        assert_eq!(listener.stream_id.as_deref(), Some("hall"));
        assert_eq!(srt("srt://:9710").mode, SrtMode::Listener);
        assert_eq!(srt("srt://encoder.example:9710").mode, SrtMode::Caller);
        assert_eq!(srt("srt://[::1]:9710?mode=listener").uri(), "srt://[::1]:9710?mode=listener");
        assert_eq!("a/b.mp4".parse(), Ok(Source::File("a/b.mp4".into())));
    }

    #[test]
    fn says_what_is_wrong() {
        let wrong = |text: &str| text.parse::<Source>().unwrap_err();
        assert_eq!(wrong("srt://:9710?passphrase=short"), SourceError::Passphrase { length: 5 });
        assert_eq!(
            wrong(&format!("srt://:1?passphrase={}", "x".repeat(80))),
            SourceError::Passphrase { length: 80 }
        );
        assert_eq!(wrong("srt://0.0.0.0"), SourceError::Port);
        assert_eq!(wrong("srt://0.0.0.0:0"), SourceError::Port);
        assert_eq!(wrong("srt://:9710?mode=caller"), SourceError::NoHost);
        assert_eq!(wrong("srt://a b:9710"), SourceError::Host);
        assert!(matches!(wrong("srt://:9710?pass=x"), SourceError::Parameter { .. }));
        assert!(matches!(wrong("srt://:9710?streamid=%zz"), SourceError::Encoding { .. }));
        assert!(matches!(wrong("rtmp://host/live"), SourceError::Scheme { .. }));
    }

    #[test]
    fn never_shows_the_passphrase() {
        let source: Source = "srt://:9710?passphrase=correct-horse".parse().unwrap();
        assert!(!format!("{source} {source:?} {source:#?}").contains("horse"));
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "(srt://)?.{0,60}") {
            let _: Result<Source, _> = text.parse();
        }
    }
}
