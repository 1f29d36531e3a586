//! Downloads of models: they go on where they broke off, and appear under their name only when they are right.

use std::{
    fs::{self, File},
    io::{Read, Write},
    path::Path,
    time::Duration,
};

use ureq::{Agent, Body, http::Response};

use crate::models::{Entry, ModelError, Models, sha256_of};

/// A connection that gives nothing for so long is dead.
const PATIENCE: Duration = Duration::from_secs(30);
/// How often a broken connection is taken up again while each attempt brings something.
const ATTEMPTS: usize = 5;

impl Models {
    /// Downloads a model unless the right file is there. `progress` hears bytes done and bytes in all.
    ///
    /// What arrived before an interruption is kept in a file that ends in `.part`.
    pub fn fetch(&self, name: &str, progress: &mut dyn FnMut(u64, u64)) -> Result<(), ModelError> {
        let entry = self.entry(name)?;
        if self.verify(name).is_ok() {
            return Ok(());
        }
        let target = self.file(entry);
        let part = target.with_file_name(format!("{}.part", entry.file));
        fs::create_dir_all(&self.dir)
            .map_err(|source| ModelError::File { path: self.dir.clone(), source })?;
        let url = match (&self.mirror, &entry.url) {
            (Some(address), _) => format!("{address}/{}", entry.file),
            (None, Some(url)) => url.clone(),
            (None, None) => return Err(ModelError::NoPlace { name: name.to_owned() }),
        };

        let mut attempt = 1;
        while let Err(error) = download(&url, entry, &part, progress) {
            if !matches!(error, ModelError::Interrupted { .. }) || attempt == ATTEMPTS {
                return Err(error);
            }
            tracing::warn!(%error, attempt, "download interrupted");
            attempt += 1;
        }

        let found = sha256_of(&part)?;
        if !entry.accepts(&found) {
            remove(&part)?;
            return Err(ModelError::WrongDownload {
                url,
                name: name.to_owned(),
                found,
                expected: entry.editions[0].sha256.clone(),
            });
        }
        fs::rename(&part, &target).map_err(|source| ModelError::File { path: target, source })
    }
}

/// Brings the file `part` to its full length, whatever of it is there already.
fn download(
    url: &str,
    entry: &Entry,
    part: &Path,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<(), ModelError> {
    let failed = |source| ModelError::File { path: part.to_owned(), source };
    let total = entry.editions[0].bytes;
    let mut done = part.metadata().map_or(0, |metadata| metadata.len());
    if done == total {
        return Ok(());
    }
    if done > total {
        remove(part)?;
        done = 0;
    }
    let mut response = ask(url, done)?;
    if !goes_on_at(&response, done) {
        done = 0;
    }
    let mut file = File::options()
        .create(true)
        .write(true)
        .append(done > 0)
        .truncate(done == 0)
        .open(part)
        .map_err(failed)?;

    let mut body = response.body_mut().as_reader();
    let mut block = vec![0; 1 << 16];
    while done < total {
        let interrupted =
            |done, reason: String| ModelError::Interrupted { url: url.to_owned(), done, reason };
        let length = body.read(&mut block).map_err(|error| interrupted(done, error.to_string()))?;
        if length == 0 {
            return Err(interrupted(done, "the connection was closed".to_owned()));
        }
        file.write_all(&block[..length]).map_err(failed)?;
        done += length as u64;
        progress(done.min(total), total);
    }
    file.sync_all().map_err(failed)
}

/// Requests the bytes from `start` on.
fn ask(url: &str, start: u64) -> Result<Response<Body>, ModelError> {
    let agent: Agent = Agent::config_builder()
        .timeout_connect(Some(PATIENCE))
        .timeout_recv_response(Some(PATIENCE))
        .timeout_per_read(Some(PATIENCE))
        .build()
        .into();
    let mut request = agent.get(url);
    if start > 0 {
        request = request.header("Range", format!("bytes={start}-"));
    }
    request.call().map_err(|error| match error {
        ureq::Error::StatusCode(status) => ModelError::Status { url: url.to_owned(), status },
        error => ModelError::Network { url: url.to_owned(), reason: error.to_string() },
    })
}

/// Whether the answer begins at byte `start`: servers may ignore a range and send everything (RFC 9110, 14.2).
fn goes_on_at(response: &Response<Body>, start: u64) -> bool {
    let range = response.headers().get("Content-Range").and_then(|value| value.to_str().ok());
    response.status() == 206 && range.is_some_and(|range| range.starts_with(&format!("bytes {start}-")))
}

fn remove(path: &Path) -> Result<(), ModelError> {
    fs::remove_file(path).map_err(|source| ModelError::File { path: path.to_owned(), source })
}

#[cfg(test)]
mod tests {
    use std::{
        io::{BufRead, BufReader},
        net::TcpListener,
        thread,
    };

    use super::*;

    /// What the server does with one request.
    #[derive(Clone, Copy)]
    enum Answer {
        /// Honours the range, sends at most so many bytes, and hangs up.
        Range(usize),
        /// Sends everything, whatever was asked for.
        Whole,
        NotFound,
    }

    /// Serves `contents` on loopback: one answer a request, in order. Returns its address.
    fn serve(contents: Vec<u8>, answers: Vec<Answer>) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        thread::spawn(move || {
            for answer in answers {
                let (mut socket, _) = listener.accept().unwrap();
                let request = BufReader::new(&socket).lines().map_while(Result::ok);
                let mut start = 0;
                for line in request.take_while(|line| !line.is_empty()) {
                    if let Some(range) = line.to_lowercase().strip_prefix("range: bytes=") {
                        start = range.trim_end_matches('-').parse().unwrap();
                    }
                }
                let (head, body) = match answer {
                    Answer::Range(most) => {
                        let rest = &contents[start..];
                        let range = format!("bytes {start}-{}/{}", contents.len() - 1, contents.len());
                        let status = if start > 0 { "206 Partial Content" } else { "200 OK" };
                        let head =
                            format!("{status}\r\nContent-Range: {range}\r\nContent-Length: {}", rest.len());
                        (head, &rest[..most.min(rest.len())])
                    }
                    Answer::Whole => (format!("200 OK\r\nContent-Length: {}", contents.len()), &contents[..]),
                    Answer::NotFound => ("404 Not Found\r\nContent-Length: 0".to_owned(), &[][..]),
                };
                write!(socket, "HTTP/1.1 {head}\r\nConnection: close\r\n\r\n").unwrap();
                socket.write_all(body).unwrap();
            }
        });
        address
    }

    fn weights() -> Vec<u8> {
        (0..300_000_u32).map(|number| (number % 251) as u8).collect()
    }

    #[test]
    fn a_download_that_breaks_off_goes_on_where_it_was() {
        let dir = tempfile::tempdir().unwrap();
        let address =
            serve(weights(), vec![Answer::Range(100_000), Answer::Range(50_000), Answer::Range(usize::MAX)]);
        let models = Models::of_one(dir.path(), "small", &weights()).with_mirror(&address);
        let mut heard = Vec::new();
        models.fetch("small", &mut |done, total| heard.push((done, total))).unwrap();
        assert!(heard.is_sorted(), "went back to the start");
        assert_eq!(heard.last(), Some(&(300_000, 300_000)));
        assert_eq!(fs::read(dir.path().join("small.bin")).unwrap(), weights());
        assert!(!dir.path().join("small.bin.part").exists());
        // The server answers no more: what is there and right is not fetched again.
        models.fetch("small", &mut |_, _| {}).unwrap();
    }

    #[test]
    fn a_server_without_ranges_is_read_from_the_start() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("small.bin.part"), &weights()[..1_000]).unwrap();
        let models = Models::of_one(dir.path(), "small", &weights())
            .with_mirror(&serve(weights(), vec![Answer::Whole]));
        models.fetch("small", &mut |_, _| {}).unwrap();
        models.verify("small").unwrap();
    }

    #[test]
    fn wrong_contents_are_refused_and_not_kept() {
        let dir = tempfile::tempdir().unwrap();
        let other = vec![7; weights().len()];
        let models =
            Models::of_one(dir.path(), "small", &weights()).with_mirror(&serve(other, vec![Answer::Whole]));
        let error = models.fetch("small", &mut |_, _| {}).unwrap_err();
        assert!(matches!(error, ModelError::WrongDownload { .. }), "{error}");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    }

    #[test]
    fn says_when_the_file_or_the_server_is_not_there() {
        let dir = tempfile::tempdir().unwrap();
        let models = Models::of_one(dir.path(), "small", &weights());
        let absent = models.clone().with_mirror(&serve(weights(), vec![Answer::NotFound]));
        let error = absent.fetch("small", &mut |_, _| {}).unwrap_err();
        assert!(matches!(error, ModelError::Status { status: 404, .. }), "{error}");

        let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let unreachable = models.with_mirror(&format!("http://{closed}"));
        let error = unreachable.fetch("small", &mut |_, _| {}).unwrap_err();
        assert!(matches!(error, ModelError::Network { .. }), "{error}");
    }
}
