//! Stands between GStreamer and the web while an HLS playlist is followed.
//!
//! A playlist names other addresses, each may redirect to yet another one, and `hlsdemux` follows all of them
//! by itself. So it is given addresses of this relay only, which listens on the loopback interface: playlists
//! are rewritten, and whatever is asked for is fetched from here. Names are resolved in one place, by
//! [`Checked`], and the connection goes to the very address that was checked, for the first request as after
//! each redirect: a name that stands for another machine a moment later gains nothing.

use std::{
    collections::hash_map::RandomState,
    fmt::Write as _,
    hash::BuildHasher,
    io::{self, BufRead, BufReader, Read, Write},
    net::{Ipv4Addr, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc::Sender,
    },
    time::Duration,
};

use ureq::{Agent, Body, ResponseExt, http::Response, unversioned::transport::DefaultConnector};
use url::{Url, form_urlencoded};

use crate::{
    attendant::Attendant,
    branch::Event,
    caller::Checked,
    pipeline::tell,
    reach::Reach,
    record::RecordError,
    source::{HLS_REMEDY, HlsAddress, percent_decode},
};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(10);
/// For a segment file on a slow line.
const BODY_TIMEOUT: Duration = Duration::from_secs(60);
const MAX_REDIRECTS: u32 = 5;
/// Eight hours of segments of two seconds with long addresses.
const MAX_PLAYLIST_BYTES: u64 = 8 << 20;
const PLAYLIST_BEGINS: &[u8] = b"#EXTM3U";
/// How often the relay looks for a request; a segment lasts seconds.
const ACCEPT_EVERY: Duration = Duration::from_millis(20);
/// What GStreamer sends is far less.
const MAX_HEAD_BYTES: u64 = 64 << 10;

/// Starts a relay; gives the address at which it has the playlist.
pub(crate) fn start(
    address: &HlsAddress,
    reach: Reach,
    events: &Sender<Event>,
) -> Result<(String, Attendant), RecordError> {
    let failed = |error: io::Error| RecordError::Pipeline(format!("no relay for the playlist: {error}"));
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(failed)?;
    listener.set_nonblocking(true).map_err(failed)?;
    let port = listener.local_addr().map_err(failed)?.port();
    let config = Agent::config_builder()
        .timeout_connect(Some(CONNECT_TIMEOUT))
        .timeout_recv_response(Some(RESPONSE_TIMEOUT))
        .timeout_recv_body(Some(BODY_TIMEOUT))
        .max_redirects(MAX_REDIRECTS)
        .http_status_as_error(false)
        // A packed answer would not have the length that is passed on.
        .accept_encoding("identity")
        // Behind a proxy it would be the proxy that resolves names.
        .proxy(None)
        .build();
    let relay = Arc::new(Relay {
        // Other programs on this machine shall not fetch through it; `RandomState` is seeded by the system.
        base: format!("http://127.0.0.1:{port}/{:016x}/", RandomState::new().hash_one(port)),
        agent: Agent::with_parts(config, DefaultConnector::default(), Checked(reach)),
        address: address.clone(),
        answered: AtomicBool::new(false),
        live: AtomicBool::new(false),
        events: events.clone(),
    });
    let uri = relay.own_address(&address.url);
    let attendant = Attendant::start(move |ended| {
        while !ended.is_set() {
            match listener.accept() {
                Ok((stream, _)) => {
                    let relay = Arc::clone(&relay);
                    std::thread::spawn(move || relay.serve(&stream));
                }
                Err(_) => std::thread::sleep(ACCEPT_EVERY),
            }
        }
    });
    Ok((uri, attendant))
}

struct Relay {
    base: String,
    agent: Agent,
    address: HlsAddress,
    /// The playlist was had once; from then on GStreamer decides what a failure means.
    answered: AtomicBool,
    /// A playlist was seen that had not ended.
    live: AtomicBool,
    events: Sender<Event>,
}

/// What GStreamer asks for.
struct Request {
    url: Url,
    range: Option<String>,
}

impl Relay {
    fn own_address(&self, url: &Url) -> String {
        let encoded: String = form_urlencoded::byte_serialize(url.as_str().as_bytes()).collect();
        format!("{}{encoded}", self.base)
    }

    fn serve(&self, stream: &TcpStream) {
        // Whoever asked has gone, or asks again.
        if let Err(error) = self.answer(stream) {
            tracing::debug!(source = %self.address, %error, "a part of the playlist was not passed on");
        }
    }

    fn answer(&self, mut stream: &TcpStream) -> io::Result<()> {
        stream.set_nonblocking(false)?;
        stream.set_read_timeout(Some(RESPONSE_TIMEOUT))?;
        let Some(request) = self.read(stream)? else {
            return stream.write_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
        };
        let fetched = self.fetch(&request).and_then(|response| self.check(response));
        match fetched {
            Ok(response) => self.pass_on(stream, response),
            Err(error) => {
                if matches!(error, RecordError::PrivateNetwork { .. })
                    || !self.answered.load(Ordering::SeqCst)
                {
                    tell(&self.events, Event::Failed(error));
                }
                stream.write_all(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n")
            }
        }
    }

    /// Nothing if it asks for what this relay never named.
    fn read(&self, stream: &TcpStream) -> io::Result<Option<Request>> {
        let mut lines = BufReader::new(stream.take(MAX_HEAD_BYTES)).lines();
        let first = lines.next().transpose()?.unwrap_or_default();
        let mut range = None;
        for line in lines {
            let line = line?;
            match line.split_once(':') {
                Some((name, value)) if name.eq_ignore_ascii_case("range") => {
                    range = Some(value.trim().to_owned())
                }
                _ if line.is_empty() => break,
                _ => {}
            }
        }
        let path = first.split(' ').nth(1).unwrap_or_default();
        let own_path = self.base.splitn(4, '/').last().unwrap_or_default();
        let url = path
            .trim_start_matches('/')
            .strip_prefix(own_path)
            .and_then(percent_decode)
            .and_then(|url| Url::parse(&url).ok())
            .filter(|url| matches!(url.scheme(), "http" | "https"));
        Ok(url.map(|url| Request { url, range }))
    }

    fn fetch(&self, request: &Request) -> Result<Response<Body>, RecordError> {
        let mut call = self.agent.get(request.url.as_str());
        if let Some(range) = &request.range {
            call = call.header("Range", range);
        }
        call.call().map_err(|error| match error {
            ureq::Error::Other(other) => match other.downcast::<RecordError>() {
                Ok(error) => *error,
                Err(other) => self.cannot_connect(other.to_string()),
            },
            other => self.cannot_connect(other.to_string()),
        })
    }

    fn check(&self, response: Response<Body>) -> Result<Response<Body>, RecordError> {
        if !response.status().is_success() {
            return Err(self.cannot_connect(format!("the server answers {}", response.status())));
        }
        Ok(response)
    }

    fn cannot_connect(&self, reason: String) -> RecordError {
        RecordError::Connect { address: self.address.to_string(), reason, remedy: HLS_REMEDY }
    }

    fn pass_on(&self, mut stream: &TcpStream, response: Response<Body>) -> io::Result<()> {
        let status = response.status();
        let base = Url::parse(&response.get_uri().to_string()).map_err(io::Error::other)?;
        let content_range = response.headers().get("content-range").and_then(|value| value.to_str().ok());
        let mut head = format!("HTTP/1.1 {status}\r\nConnection: close\r\n");
        if let Some(range) = content_range {
            let _ = write!(head, "Content-Range: {range}\r\n");
        }
        let length = response.body().content_length();
        let mut body = response.into_body().into_reader();
        let mut beginning = Vec::new();
        body.by_ref().take(PLAYLIST_BEGINS.len() as u64).read_to_end(&mut beginning)?;
        if beginning == PLAYLIST_BEGINS {
            let mut playlist = beginning;
            body.take(MAX_PLAYLIST_BYTES).read_to_end(&mut playlist)?;
            let playlist = String::from_utf8_lossy(&playlist);
            self.answered.store(true, Ordering::SeqCst);
            if self.is_over(&playlist) {
                let over = RecordError::PlaylistOver { address: self.address.to_string() };
                tell(&self.events, Event::Failed(over));
                return stream.write_all(b"HTTP/1.1 410 Gone\r\nContent-Length: 0\r\n\r\n");
            }
            let playlist = rewrite(&playlist, &base, |url| self.own_address(url));
            let _ = write!(
                head,
                "Content-Type: application/vnd.apple.mpegurl\r\nContent-Length: {}\r\n\r\n",
                playlist.len()
            );
            stream.write_all(head.as_bytes())?;
            return stream.write_all(playlist.as_bytes());
        }
        if !self.answered.load(Ordering::SeqCst) {
            let error = self.cannot_connect("what is there is no HLS playlist".to_owned());
            tell(&self.events, Event::Failed(error));
        }
        if let Some(length) = length {
            let _ = write!(head, "Content-Length: {length}\r\n");
        }
        stream.write_all(head.as_bytes())?;
        stream.write_all(b"\r\n")?;
        stream.write_all(&beginning)?;
        io::copy(&mut body, &mut stream).map(|_| ())
    }

    /// Whether it had ended before we came. What it lists was sent long ago, and would be recorded again by
    /// every connection.
    fn is_over(&self, playlist: &str) -> bool {
        if !playlist.contains("#EXT-X-ENDLIST") {
            let lists_segments = playlist.contains("#EXTINF");
            self.live.fetch_or(lists_segments, Ordering::SeqCst);
            return false;
        }
        !self.live.load(Ordering::SeqCst)
    }
}

/// Puts `own` in the place of every address in a playlist (RFC 8216, sections 4.1 and 4.2): lines without a
/// number sign, and quoted attributes named `URI`.
fn rewrite(playlist: &str, base: &Url, own: impl Fn(&Url) -> String) -> String {
    const ATTRIBUTE: &str = "URI=\"";
    // What is no address stays; the relay never serves it.
    let replaced = |address: &str| base.join(address).map_or_else(|_| address.to_owned(), |url| own(&url));
    let mut rewritten = String::with_capacity(playlist.len() * 2);
    for line in playlist.lines() {
        let line = line.trim();
        match line.split_once(ATTRIBUTE) {
            _ if line.is_empty() => {}
            Some((before, after)) if line.starts_with('#') => {
                let (address, after) = after.split_once('"').unwrap_or((after, ""));
                let _ = write!(rewritten, "{before}{ATTRIBUTE}{}\"{after}", replaced(address));
            }
            _ if line.starts_with('#') => rewritten.push_str(line),
            _ => rewritten.push_str(&replaced(line)),
        }
        rewritten.push('\n');
    }
    rewritten
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_address_of_a_playlist_leads_through_the_relay() {
        let base = Url::parse("https://tv.example/hall/live.m3u8?token=a").unwrap();
        let playlist = "#EXTM3U\r\n#EXT-X-MAP:URI=\"init.mp4\",BYTERANGE=\"7@0\"\n#EXTINF:2,\n/seg/1.ts?x=1\n\n\
                        #EXT-X-KEY:METHOD=AES-128,URI=\"file:///etc/passwd\"\nhttp://10.0.0.1/2.ts\n";
        assert_eq!(
            rewrite(playlist, &base, |url| format!("<{url}>")),
            "#EXTM3U\n#EXT-X-MAP:URI=\"<https://tv.example/hall/init.mp4>\",BYTERANGE=\"7@0\"\n#EXTINF:2,\n\
             <https://tv.example/seg/1.ts?x=1>\n\n\
             #EXT-X-KEY:METHOD=AES-128,URI=\"<file:///etc/passwd>\"\n<http://10.0.0.1/2.ts>\n"
        );
    }
}
