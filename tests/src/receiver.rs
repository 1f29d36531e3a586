use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

/// Somebody's server that is told of things: over HTTP, or by mail.
pub struct Receiver {
    pub port: u16,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    received: Mutex<Vec<Received>>,
    refuses: AtomicBool,
}

/// One message that it took.
#[derive(Debug, Clone, Default)]
pub struct Received {
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    pub body: String,
}

impl Received {
    /// Empty where there is none of the name.
    pub fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(own, _)| own == name).map_or("", |(_, value)| value)
    }
}

impl Receiver {
    /// Takes what is posted to any address.
    pub fn http() -> Self {
        Self::start(take_post)
    }

    /// Takes any mail.
    pub fn smtp() -> Self {
        Self::start(take_mail)
    }

    fn start(take: fn(TcpStream, &Shared) -> std::io::Result<()>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let shared = Arc::<Shared>::default();
        let own = Arc::clone(&shared);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                // Whoever breaks off says no more.
                let _ = take(stream, &own);
            }
        });
        Self { port, shared }
    }

    /// From now on it refuses what it is told, or takes it again.
    pub fn refuse(&self, refuses: bool) {
        self.shared.refuses.store(refuses, Ordering::SeqCst);
    }

    pub fn received(&self) -> Vec<Received> {
        self.shared.received.lock().unwrap().clone()
    }
}

impl Shared {
    /// Whether it is taken.
    fn take(&self, received: Received) -> bool {
        let refuses = self.refuses.load(Ordering::SeqCst);
        if !refuses {
            self.received.lock().unwrap().push(received);
        }
        !refuses
    }
}

/// Up to the empty line, without the first.
fn headers(lines: &mut impl BufRead) -> std::io::Result<Vec<(String, String)>> {
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        lines.read_line(&mut line)?;
        let Some((name, value)) = line.trim_end().split_once(':') else { return Ok(headers) };
        headers.push((name.to_lowercase(), value.trim().to_owned()));
    }
}

fn take_post(mut stream: TcpStream, shared: &Shared) -> std::io::Result<()> {
    let mut lines = BufReader::new(stream.try_clone()?);
    lines.read_line(&mut String::new())?;
    let mut received = Received { headers: headers(&mut lines)?, ..Received::default() };
    let length = received.header("content-length").parse().unwrap_or(0);
    lines.take(length).read_to_string(&mut received.body)?;
    let status = if shared.take(received) { "204 No Content" } else { "503 Service Unavailable" };
    write!(stream, "HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
}

/// RFC 5321 as far as a client without an account needs it.
fn take_mail(mut stream: TcpStream, shared: &Shared) -> std::io::Result<()> {
    let mut lines = BufReader::new(stream.try_clone()?);
    stream.write_all(b"220 mail\r\n")?;
    loop {
        let mut line = String::new();
        if lines.read_line(&mut line)? == 0 {
            return Ok(());
        }
        let answer = match line.get(..4).unwrap_or_default().to_uppercase().as_str() {
            "DATA" => {
                stream.write_all(b"354 go on\r\n")?;
                let mut received = Received { headers: headers(&mut lines)?, ..Received::default() };
                loop {
                    let mut line = String::new();
                    if lines.read_line(&mut line)? == 0 || line == ".\r\n" {
                        break;
                    }
                    received.body += &line;
                }
                if shared.take(received) { "250 taken\r\n" } else { "451 not now\r\n" }
            }
            "QUIT" => "221 bye\r\n",
            _ => "250 ok\r\n",
        };
        stream.write_all(answer.as_bytes())?;
    }
}
