use std::{
    collections::HashMap,
    net::{SocketAddr, UdpSocket},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc::{self, Receiver, RecvTimeoutError, Sender},
    },
    thread,
    time::{Duration, Instant},
};

use crate::free_port;

/// A network between an encoder and a server through which datagrams go late, out of order, or not at all.
pub struct BadNetwork {
    /// Where the encoder calls.
    pub port: u16,
    is_cut: Arc<AtomicBool>,
}

/// What it does to each datagram, whichever way it goes.
#[derive(Clone, Copy)]
pub struct Trouble {
    /// The share that is lost, from 0 to 1.
    pub lost: f64,
    /// Each is late by at least this,
    pub delay: Duration,
    /// and at most by so much more.
    pub jitter: Duration,
}

/// A datagram under way.
struct Datagram {
    arrives: Instant,
    through: Arc<UdpSocket>,
    /// Absent where the socket knows.
    to: Option<SocketAddr>,
    bytes: Vec<u8>,
}

impl BadNetwork {
    /// Leads to a port of this machine. Its threads end with the process of the test.
    pub fn to(server_port: u16, trouble: Trouble) -> Self {
        let port = free_port();
        let is_cut = Arc::<AtomicBool>::default();
        let front = Arc::new(UdpSocket::bind(("127.0.0.1", port)).unwrap());
        let (under_way, taken) = mpsc::channel();
        let line = Line { under_way, is_cut: Arc::clone(&is_cut), trouble };
        thread::spawn(move || deliver(&taken));
        thread::spawn(move || {
            // Each encoder is somebody else to the server.
            let mut backs: HashMap<SocketAddr, Arc<UdpSocket>> = HashMap::new();
            let mut buffer = [0; 2_048];
            while let Ok((bytes, encoder)) = front.recv_from(&mut buffer) {
                let back = backs.entry(encoder).or_insert_with(|| {
                    let back = Arc::new(UdpSocket::bind("127.0.0.1:0").unwrap());
                    back.connect(("127.0.0.1", server_port)).unwrap();
                    let (line, front, answering) = (line.clone(), Arc::clone(&front), Arc::clone(&back));
                    thread::spawn(move || answer(&line, &front, &answering, encoder));
                    back
                });
                line.carry(back, None, &buffer[..bytes]);
            }
        });
        Self { port, is_cut }
    }

    /// From now on nothing arrives.
    pub fn cut(&self) {
        self.is_cut.store(true, Ordering::SeqCst);
    }

    pub fn mend(&self) {
        self.is_cut.store(false, Ordering::SeqCst);
    }
}

#[derive(Clone)]
struct Line {
    under_way: Sender<Datagram>,
    is_cut: Arc<AtomicBool>,
    trouble: Trouble,
}

impl Line {
    fn carry(&self, through: &Arc<UdpSocket>, to: Option<SocketAddr>, bytes: &[u8]) {
        if self.is_cut.load(Ordering::SeqCst) || fastrand::f64() < self.trouble.lost {
            return;
        }
        let arrives = Instant::now() + self.trouble.delay + self.trouble.jitter.mul_f64(fastrand::f64());
        let datagram = Datagram { arrives, through: Arc::clone(through), to, bytes: bytes.to_vec() };
        let _ = self.under_way.send(datagram);
    }
}

/// What the server says to one encoder.
fn answer(line: &Line, front: &Arc<UdpSocket>, back: &UdpSocket, encoder: SocketAddr) {
    let mut buffer = [0; 2_048];
    loop {
        // A server that is away refuses; the encoder goes on calling.
        if let Ok(bytes) = back.recv(&mut buffer) {
            line.carry(front, Some(encoder), &buffer[..bytes]);
        }
    }
}

/// Hands over what is due, as long as anybody sends.
fn deliver(taken: &Receiver<Datagram>) {
    let mut under_way: Vec<Datagram> = Vec::new();
    loop {
        let next = under_way
            .last()
            .map_or(Duration::from_secs(1), |first| first.arrives.saturating_duration_since(Instant::now()));
        match taken.recv_timeout(next) {
            // The last one is the first to arrive.
            Ok(datagram) => {
                let place = under_way.partition_point(|other| other.arrives > datagram.arrives);
                under_way.insert(place, datagram);
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return,
        }
        let now = Instant::now();
        while let Some(Datagram { through, to, bytes, .. }) = under_way.pop_if(|first| first.arrives <= now) {
            let _ = match to {
                Some(to) => through.send_to(&bytes, to),
                None => through.send(&bytes),
            };
        }
    }
}
