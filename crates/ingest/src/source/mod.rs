//! Where sound and picture come from: what a user writes, and the elements that connect to it.

mod hls;
mod rtmp;
mod rtsp;
mod srt;
mod text;
mod udp;
mod whip;

use std::{fmt, path::PathBuf, str::FromStr, time::Duration};

pub use hls::HlsAddress;
pub(crate) use hls::REMEDY as HLS_REMEDY;
pub use rtmp::RtmpAddress;
pub use rtsp::RtspAddress;
pub(crate) use srt::passphrase;
pub use srt::{SrtAddress, SrtMode};
pub(crate) use text::{bracketed, percent_decode};
pub use udp::UdpAddress;
pub use whip::WhipAddress;

/// Where sound and picture come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// A media file of any kind that GStreamer reads.
    File(PathBuf),
    /// MPEG-TS over SRT.
    Srt(SrtAddress),
    /// What an encoder pushes by RTMP.
    Rtmp(RtmpAddress),
    /// What a camera or encoder gives by RTSP.
    Rtsp(RtspAddress),
    /// MPEG-TS in UDP datagrams.
    Udp(UdpAddress),
    /// A live HLS playlist.
    Hls(HlsAddress),
    /// What a browser sends by WebRTC.
    Whip(WhipAddress),
}

/// A text that names no source. The texts never repeat a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SourceError {
    #[error(
        "{scheme}:// is not a source we read: give a file, or an address with srt://, rtmp://, rtsp://, udp:// or https://"
    )]
    Scheme { scheme: String },
    #[error(
        "the source is empty: give a file, or an address with srt://, rtmp://, rtsp://, udp:// or https://"
    )]
    Empty,
    #[error(
        "a browser can only be recorded in a room, which has a key for it: `moothall room add NAME --source whip://0.0.0.0:8189`"
    )]
    NeedsRoom,
    #[error("the port in the {scheme} address is missing or no number from 1 to 65535: write {example}")]
    Port { scheme: &'static str, example: &'static str },
    #[error(
        "the host in the {scheme} address may only have letters, digits, dots, hyphens, or be an IPv6 address in brackets"
    )]
    Host { scheme: &'static str },
    #[error(
        "the host in the {scheme} address must be an address of this machine or a multicast group, not a name: write 0.0.0.0 for all of its addresses"
    )]
    HostNotAddress { scheme: &'static str },
    #[error("there is no host to call: write {example}")]
    NoHost { example: &'static str },
    #[error("the srt passphrase has {length} bytes: SRT wants 10 to 79")]
    Passphrase { length: usize },
    #[error(
        "the rtmp stream key has {length} bytes and needs 10 to 128, or anybody could guess it: write {example}"
    )]
    Key { length: usize, example: &'static str },
    #[error(
        "the rtmp address needs the application's name, of letters, digits, dots and hyphens, after the port: write {example}"
    )]
    App { example: &'static str },
    #[error(
        "the path in the {scheme} address has a space or a letter that no path has: write it with percent signs, as in %20"
    )]
    Path { scheme: &'static str },
    #[error("{value:?} is not an srt mode: write mode=listener or mode=caller")]
    Mode { value: String },
    #[error("{value:?} is not an srt latency: write milliseconds from 0 to 60000")]
    Latency { value: String },
    #[error("{name:?} is not a parameter of an {scheme} address, which has {}", if known.is_empty() { "none" } else { known.as_str() })]
    Parameter { scheme: &'static str, name: String, known: String },
    #[error("the {scheme} address has a broken percent sign in {name}: write %25 for a percent sign itself")]
    Encoding { scheme: &'static str, name: String },
    #[error("the address of the playlist cannot be read ({reason}): write https://encoder.example/live.m3u8")]
    Url { reason: String },
    #[error(
        "only HLS playlists are read from the web, and their addresses end in .m3u8; to take in a recording, give the file"
    )]
    NoPlaylist,
    #[error(
        "a name and password in the address of a playlist are not sent: use an address with a token after the question mark"
    )]
    Login,
}

impl Source {
    /// Whether it arrives at its own pace, so that media time is the wall clock's.
    pub const fn is_live(&self) -> bool {
        !matches!(self, Self::File(_))
    }

    /// The port at which an encoder is waited for.
    pub const fn listens_at(&self) -> Option<u16> {
        match self {
            Self::Srt(SrtAddress { mode: SrtMode::Listener, port, .. }) => Some(*port),
            Self::Rtmp(address) => Some(address.port),
            Self::Udp(address) => Some(address.port),
            Self::Whip(address) => Some(address.port),
            Self::File(_) | Self::Srt(_) | Self::Rtsp(_) | Self::Hls(_) => None,
        }
    }

    /// Whether encoders for one of the two could not be told from those for the other.
    pub fn is_in_the_way_of(&self, other: &Self) -> bool {
        let same_port = self.listens_at().is_some() && self.listens_at() == other.listens_at();
        let stream_ids = match (self, other) {
            (Self::Srt(one), Self::Srt(other)) => one.stream_id.as_ref().zip(other.stream_id.as_ref()),
            _ => None,
        };
        same_port && stream_ids.is_none_or(|(one, other)| one == other)
    }

    /// How long before we connected something that it brings may have been said. Set generously: after a
    /// private session nothing is taken for so long.
    pub(crate) fn backlog(&self) -> Duration {
        // Encoders take a second or two, and keep what they could not send.
        let encoder = Duration::from_secs(5);
        match self {
            Self::File(_) => Duration::ZERO,
            Self::Srt(address) => encoder + Duration::from_millis(address.latency_ms.unwrap_or(0).into()),
            // Cameras send from the last key frame on, so that a picture is there at once.
            Self::Rtsp(_) => 2 * encoder,
            Self::Rtmp(_) | Self::Udp(_) | Self::Whip(_) => encoder,
            // A playlist tells of as much as its server likes; half a minute is common.
            Self::Hls(_) => Duration::from_secs(60),
        }
    }

    /// Whether we connect to it over the network.
    pub(crate) const fn is_called(&self) -> bool {
        self.is_live() && self.listens_at().is_none()
    }

    /// What to do about a source that is called and does not answer.
    pub(crate) const fn remedy(&self) -> &'static str {
        match self {
            Self::Srt(_) => {
                "check that the encoder listens there, and its passphrase; or add mode=listener to wait for the encoder instead"
            }
            Self::Rtsp(address) if address.over_udp => {
                "check that it is on, its path, name and password, and that no firewall holds UDP up; or write rtsp:// to receive over TCP"
            }
            Self::Rtsp(_) => {
                "check that it is on, its path, name and password; or write rtspu:// if it only sends over UDP"
            }
            Self::Hls(_) => HLS_REMEDY,
            Self::File(_) | Self::Rtmp(_) | Self::Udp(_) | Self::Whip(_) => "check that it is there",
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => path.display().fmt(f),
            Self::Srt(address) => address.fmt(f),
            Self::Rtmp(address) => address.fmt(f),
            Self::Rtsp(address) => address.fmt(f),
            Self::Udp(address) => address.fmt(f),
            Self::Hls(address) => address.fmt(f),
            Self::Whip(address) => address.fmt(f),
        }
    }
}

impl FromStr for Source {
    type Err = SourceError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once("://") {
            Some(("srt", rest)) => SrtAddress::parse(rest).map(Self::Srt),
            Some(("rtmp", rest)) => RtmpAddress::parse(rest).map(Self::Rtmp),
            Some(("rtsp", rest)) => RtspAddress::parse(rest, false).map(Self::Rtsp),
            Some(("rtspu", rest)) => RtspAddress::parse(rest, true).map(Self::Rtsp),
            Some(("udp", rest)) => UdpAddress::parse(rest).map(Self::Udp),
            // Who may send is known of a room only.
            Some(("whip", _)) => Err(SourceError::NeedsRoom),
            Some(("http" | "https", _)) => HlsAddress::parse(text).map(Self::Hls),
            Some((scheme, _)) if !scheme.contains('/') => {
                Err(SourceError::Scheme { scheme: scheme.to_owned() })
            }
            _ if text.is_empty() => Err(SourceError::Empty),
            _ => Ok(Self::File(text.into())),
        }
    }
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
    fn reads_the_other_protocols() {
        let shown =
            |text: &str| text.parse::<Source>().map(|source| (source.to_string(), source.listens_at()));
        let listening = |text: &str, port| Ok((text.to_owned(), Some(port)));
        let called = |text: &str| Ok((text.to_owned(), None));
        assert_eq!(shown("rtmp://:1935/live?key=correct-horse"), listening("rtmp://0.0.0.0:1935/live", 1935));
        assert_eq!(shown("udp://239.1.2.3:5004"), listening("udp://239.1.2.3:5004", 5004));
        assert_eq!(shown("udp://@[ff15::1]:5004"), listening("udp://[ff15::1]:5004", 5004));
        assert_eq!(shown("rtsp://camera/main"), called("rtsp://camera:554/main"));
        assert_eq!(
            shown("rtspu://us%40er:p%2Fw@[fd00::7]:8554/main?channel=1"),
            called("rtspu://[fd00::7]:8554/main")
        );
        assert_eq!(
            shown("https://tv.example/live.m3u8?token=correct-horse"),
            called("https://tv.example/live.m3u8")
        );
    }

    #[test]
    fn says_what_is_wrong() {
        let wrong = |text: &str| text.parse::<Source>().unwrap_err();
        assert_eq!(wrong("srt://:9710?passphrase=short"), SourceError::Passphrase { length: 5 });
        assert_eq!(
            wrong(&format!("srt://:1?passphrase={}", "x".repeat(80))),
            SourceError::Passphrase { length: 80 }
        );
        for no_port in
            ["srt://0.0.0.0", "srt://0.0.0.0:0", "srt://[::1]", "udp://0.0.0.0", "rtmp://0.0.0.0/a"]
        {
            assert!(matches!(wrong(no_port), SourceError::Port { .. }), "{no_port}");
        }
        assert!(matches!(wrong("srt://:9710?mode=caller"), SourceError::NoHost { .. }));
        assert!(matches!(wrong("srt://a b:9710"), SourceError::Host { scheme: "srt" }));
        assert!(matches!(wrong("srt://:9710?pass=x"), SourceError::Parameter { .. }));
        assert!(matches!(wrong("srt://:9710?streamid=%zz"), SourceError::Encoding { .. }));
        assert!(matches!(wrong("webrtc://host/live"), SourceError::Scheme { .. }));
        assert!(matches!(wrong("rtmp://:1935/live"), SourceError::Key { length: 0, .. }));
        assert!(matches!(wrong("rtmp://:1935/live?key=short"), SourceError::Key { length: 5, .. }));
        assert!(matches!(wrong("rtmp://:1935?key=correct-horse"), SourceError::App { .. }));
        assert!(matches!(
            wrong("rtmp://camera:1935/live?key=correct-horse"),
            SourceError::HostNotAddress { .. }
        ));
        assert_eq!(wrong("whip://0.0.0.0:8189"), SourceError::NeedsRoom);
        assert!(matches!(wrong("udp://camera:5004"), SourceError::HostNotAddress { .. }));
        assert!(matches!(wrong("udp://:5004?pkt_size=1316"), SourceError::Parameter { .. }));
        assert!(matches!(wrong("rtsp:///main"), SourceError::NoHost { .. }));
        assert!(matches!(wrong("rtsp://camera/a b"), SourceError::Path { .. }));
        assert!(matches!(wrong("https://tv.example/meeting.mp4"), SourceError::NoPlaylist));
        assert!(matches!(wrong("https://me:secret@tv.example/live.m3u8"), SourceError::Login));
        assert!(matches!(wrong("https://[/live.m3u8"), SourceError::Url { .. }));
    }

    #[test]
    fn never_shows_a_secret() {
        for text in [
            "srt://:9710?passphrase=correct-horse",
            "rtmp://:1935/live?key=correct-horse",
            "rtsp://correct-horse:correct-horse@camera/main?password=correct-horse",
            "https://tv.example/live.m3u8?token=correct-horse",
        ] {
            let source: Source = text.parse().unwrap();
            assert!(!format!("{source} {source:?} {source:#?}").contains("horse"), "{source:?}");
        }
    }

    #[test]
    fn only_the_key_itself_is_the_key() {
        let Ok(Source::Rtmp(address)) = "rtmp://:1935/live?key=correct%26horse".parse() else { panic!() };
        assert!(address.has_key("correct&horse"));
        for other in ["", "correct&hors", "correct&horse ", "correct%26horse"] {
            assert!(!address.has_key(other), "{other}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "((srt|rtmp|rtspu?|udp|https?)://)?.{0,60}") {
            let _: Result<Source, _> = text.parse();
        }

        #[test]
        fn what_is_shown_is_read_again(
            host in "[a-z][a-z0-9.-]{0,20}", port in 1_u16.., path in "(/[a-z0-9]{1,8}){1,3}",
        ) {
            for text in [format!("srt://{host}:{port}?mode=caller"), format!("rtsp://{host}:{port}{path}")] {
                let source: Source = text.parse().unwrap();
                prop_assert_eq!(source.to_string().parse(), Ok(source));
            }
        }
    }
}
