//! What of a source's address is secret, so that the two can be kept apart.

use moothall_core::Secret;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::source::{
    RtmpAddress, Source, SourceError, SrtAddress, SrtMode, WhipAddress, bracketed, passphrase,
};

/// What stands between a source and strangers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyKind {
    None,
    /// Both ends need it in clear.
    Passphrase,
    /// Only the encoder needs it in clear: what is kept is its SHA-256.
    StreamKey,
    /// A name and password, or a token, within the address that is called: all of that is the secret.
    Address,
}

impl Source {
    /// Reads an address as [`FromStr`](std::str::FromStr) does, and takes the secret out of it. It may lack
    /// one that the protocol asks for: then nobody is let in until it has one.
    ///
    /// # Errors
    /// See [`SourceError`].
    pub fn apart(text: &str) -> Result<(Self, Option<Secret>), SourceError> {
        if let Some(rest) = text.strip_prefix("rtmp://") {
            let (address, key) = RtmpAddress::apart(rest)?;
            return Ok((Self::Rtmp(address), key));
        }
        if let Some(rest) = text.strip_prefix("whip://") {
            return Ok((Self::Whip(WhipAddress::read(rest)?), None));
        }
        let mut source: Self = text.parse()?;
        let secret = match &mut source {
            Self::Srt(address) => address.passphrase.take().map(Secret::new),
            Self::Rtsp(address) if address.has_secret() => Some(Secret::new(text)),
            Self::Hls(address) if address.url.query().is_some() => Some(Secret::new(text)),
            Self::File(_) | Self::Rtmp(_) | Self::Rtsp(_) | Self::Udp(_) | Self::Hls(_) | Self::Whip(_) => {
                None
            }
        };
        // Without what was secret in it.
        let source = if secret.is_some() && source.key_kind() == KeyKind::Address {
            source.to_string().parse()?
        } else {
            source
        };
        Ok((source, secret))
    }

    pub const fn key_kind(&self) -> KeyKind {
        match self {
            Self::File(_) | Self::Udp(_) => KeyKind::None,
            Self::Srt(_) => KeyKind::Passphrase,
            Self::Rtmp(_) | Self::Whip(_) => KeyKind::StreamKey,
            Self::Rtsp(_) | Self::Hls(_) => KeyKind::Address,
        }
    }

    /// Brings an address and the secret that was taken out of it together again.
    ///
    /// # Errors
    /// If the protocol cannot take it.
    pub fn with_secret(self, secret: &Secret) -> Result<Self, SourceError> {
        Ok(match self {
            Self::Srt(address) => {
                Self::Srt(SrtAddress { passphrase: Some(passphrase(secret.reveal().to_owned())?), ..address })
            }
            Self::Rtmp(address) => Self::Rtmp(RtmpAddress { key_sha256: secret.sha256(), ..address }),
            Self::Whip(address) => Self::Whip(WhipAddress { key_sha256: secret.sha256(), ..address }),
            Self::Rtsp(_) | Self::Hls(_) => secret.reveal().parse()?,
            source @ (Self::File(_) | Self::Udp(_)) => source,
        })
    }

    /// Lets in who has the stream key of this SHA-256 (hexadecimal); other sources stay as they are.
    pub fn with_key_sha256(self, key_sha256: &str) -> Self {
        match self {
            Self::Rtmp(address) => Self::Rtmp(RtmpAddress { key_sha256: key_sha256.to_owned(), ..address }),
            Self::Whip(address) => Self::Whip(WhipAddress { key_sha256: key_sha256.to_owned(), ..address }),
            source => source,
        }
    }

    /// The whole address but its secret, as [`Source::apart`] reads it: for keeping.
    pub fn to_text(&self) -> String {
        let Self::Srt(address) = self else { return self.to_string() };
        let mut text = address.uri();
        if let Some(latency_ms) = address.latency_ms {
            text += &format!("&latency={latency_ms}");
        }
        if let Some(stream_id) = &address.stream_id {
            text += &format!("&streamid={}", percent_encode(stream_id));
        }
        text
    }

    /// What is typed into the encoder that belongs to this source, by the names that encoders have for it;
    /// nothing where the encoder is a server itself. `host` stands for a wildcard address: the name by which
    /// the encoder reaches this machine.
    ///
    /// The latency is left out, since encoders do not agree on its unit; the larger of both ends counts.
    pub fn for_encoder(&self, host: &str, secret: Option<&Secret>) -> Vec<(&'static str, String)> {
        let reached_at = |own: &str| match own {
            "0.0.0.0" | "::" => bracketed(host),
            own => bracketed(own),
        };
        let shown = secret.map(|secret| secret.reveal().to_owned());
        match self {
            Self::Srt(address) => {
                let (host, mode) = match address.mode {
                    // The encoder is the other end.
                    SrtMode::Listener => (reached_at(&address.host), "caller"),
                    SrtMode::Caller => ("0.0.0.0".to_owned(), "listener"),
                };
                let mut uri = format!("srt://{host}:{}?mode={mode}", address.port);
                if let Some(secret) = secret {
                    uri += &format!("&passphrase={}", percent_encode(secret.reveal()));
                }
                if let Some(stream_id) = &address.stream_id {
                    uri += &format!("&streamid={}", percent_encode(stream_id));
                }
                let passphrase = shown.map(|passphrase| ("passphrase", passphrase));
                [("encoder", uri)].into_iter().chain(passphrase).collect()
            }
            Self::Rtmp(RtmpAddress { host, port, app, .. }) => {
                let server = format!("rtmp://{}:{port}/{app}", reached_at(&host.to_string()));
                [("server", server)].into_iter().chain(shown.map(|key| ("stream key", key))).collect()
            }
            Self::Udp(address) => {
                vec![("encoder", format!("udp://{}:{}", reached_at(&address.host.to_string()), address.port))]
            }
            Self::Whip(_) => shown.map(|key| ("stream key", key)).into_iter().collect(),
            Self::File(_) | Self::Rtsp(_) | Self::Hls(_) => Vec::new(),
        }
    }
}

/// RFC 3986, section 2.3: everything else is encoded.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

fn percent_encode(text: &str) -> String {
    utf8_percent_encode(text, RESERVED).to_string()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_address_and_its_secret_come_together_again() {
        for (text, bare) in [
            (
                "srt://0.0.0.0:9710?passphrase=correct%20horse&latency=200&streamid=a%26b",
                "srt://0.0.0.0:9710?mode=listener&latency=200&streamid=a%26b",
            ),
            ("rtmp://:1935/live?key=correct%20horse", "rtmp://0.0.0.0:1935/live"),
            ("rtsp://me:correct%20horse@camera/main?channel=1", "rtsp://camera:554/main"),
            ("https://tv.example/live.m3u8?token=correct-horse", "https://tv.example/live.m3u8"),
        ] {
            let (source, secret) = Source::apart(text).unwrap();
            assert_eq!(source.to_text(), bare);
            assert!(!source.to_text().contains("horse") && !format!("{source:?}").contains("horse"));
            let (again, none) = Source::apart(bare).unwrap();
            assert_eq!((&again, none), (&source, None));
            assert_eq!(again.with_secret(&secret.unwrap()), text.parse());
            assert_ne!(Ok(source), text.parse(), "it does not open without the secret");
        }
        let (source, none) = Source::apart("udp://239.1.2.3:5004").unwrap();
        assert_eq!((source.to_text().as_str(), none), ("udp://239.1.2.3:5004", None));
        let srt: Source = "srt://:9710".parse().unwrap();
        assert_eq!(srt.with_secret(&Secret::new("short")), Err(SourceError::Passphrase { length: 5 }));
    }

    #[test]
    fn a_stream_key_opens_by_its_hash_and_nothing_opens_without_one() {
        let key = Secret::stream_key().unwrap();
        let (source, _) = Source::apart("rtmp://:1935/live").unwrap();
        let opens = |source: &Source, key: &str| matches!(source, Source::Rtmp(a) if a.has_key(key));
        for nothing in ["", key.reveal(), &key.sha256()] {
            assert!(!opens(&source, nothing), "{nothing}");
        }
        let source = source.with_key_sha256(&key.sha256());
        assert!(opens(&source, key.reveal()));
        assert!(!opens(&source, &key.sha256()) && !opens(&source, ""));
    }

    #[test]
    fn an_encoder_is_told_its_own_end() {
        let tell = |text: &str| {
            let (source, secret) = Source::apart(text).unwrap();
            let told = source.for_encoder("hall.example", secret.as_ref());
            told.into_iter().map(|(label, value)| format!("{label}: {value}")).collect::<Vec<_>>().join(", ")
        };
        assert_eq!(
            tell("srt://:9710?passphrase=correct%20horse&latency=200"),
            "encoder: srt://hall.example:9710?mode=caller&passphrase=correct%20horse, passphrase: correct horse"
        );
        assert_eq!(
            tell("srt://10.0.0.7:9710?mode=listener&streamid=hall"),
            "encoder: srt://10.0.0.7:9710?mode=caller&streamid=hall"
        );
        assert_eq!(tell("srt://encoder.example:9710"), "encoder: srt://0.0.0.0:9710?mode=listener");
        assert_eq!(
            tell("rtmp://[::1]:1935/live?key=correct-horse"),
            "server: rtmp://[::1]:1935/live, stream key: correct-horse"
        );
        assert_eq!(tell("udp://:5004"), "encoder: udp://hall.example:5004");
        assert_eq!(tell("rtsp://me:secret@camera/main"), "");
    }

    proptest! {
        #[test]
        fn any_secret_is_read_back_from_what_the_encoder_is_told(secret in "[ -~]{10,79}", id in "\\PC{0,20}") {
            let source = format!("srt://127.0.0.1:9710?mode=listener&streamid={}", percent_encode(&id));
            let secret = Secret::new(secret);
            let told = source.parse::<Source>().unwrap().for_encoder("", Some(&secret));
            let (_, read) = Source::apart(&told[0].1).unwrap();
            prop_assert_eq!(read, Some(secret));
        }
    }
}
