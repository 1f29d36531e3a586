//! One SRT port for many rooms. A desk stands at the port, reads from each encoder's handshake which stream id
//! it calls, and gives everything to the room's own listener on this machine and back.
//!
//! Nothing but a handshake's cookie is changed on the way: passphrase, encryption and retransmissions are
//! between the encoder and the room.

use std::{
    collections::HashMap,
    hash::{BuildHasher, RandomState},
    io::{self, ErrorKind},
    net::{Ipv4Addr, SocketAddr, UdpSocket},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicBool, Ordering},
        mpsc::Sender,
    },
    time::{Duration, Instant},
};

use crate::{
    attendant::{Attendant, Ended, cannot_listen},
    branch::Event,
    pipeline::tell,
    record::RecordError,
    srt_handshake::{CONFLICT, Handshake, NOT_FOUND, Phase},
};

/// SRT sends something each second, and gives up after five of silence.
const SILENT_AFTER: Duration = Duration::from_secs(10);
/// Whoever has no passphrase is gone in a moment; this many may try at a time.
const MOST_CALLS: usize = 64;
/// The longest datagram that SRT sends over Ethernet is 1500 bytes; some networks have longer ones.
const DATAGRAM_BYTES: usize = 9_000;
const STREAM_ID_SHOWN: usize = 60;

/// The desks that stand now, by their ports.
static DESKS: Mutex<Vec<Weak<Desk>>> = Mutex::new(Vec::new());

struct Desk {
    at: SocketAddr,
    rooms: Arc<Rooms>,
    _attendant: Attendant,
}

/// The rooms that wait for an encoder, by their stream ids.
type Rooms = Mutex<HashMap<String, Room>>;

#[derive(Clone)]
struct Room {
    /// Where its own listener is.
    port: u16,
    events: Sender<Event>,
    /// An encoder has been let in.
    taken: Arc<AtomicBool>,
}

/// A room's place at a desk; with it the room stops being called.
pub(crate) struct Seat {
    desk: Arc<Desk>,
    stream_id: String,
    /// Where the room is to listen, at 127.0.0.1.
    pub port: u16,
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut rooms = lock(&self.desk.rooms);
        if rooms.get(&self.stream_id).is_some_and(|room| room.port == self.port) {
            rooms.remove(&self.stream_id);
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Has encoders that call `at` with this stream id led to a port of the room's own.
///
/// # Errors
/// If nobody can listen there, or another room has this stream id.
pub(crate) fn seat(at: SocketAddr, stream_id: &str, events: &Sender<Event>) -> Result<Seat, RecordError> {
    let failed = |error: io::Error| cannot_listen(at, &error);
    let desk = {
        let mut desks = lock(&DESKS);
        desks.retain(|desk| desk.strong_count() > 0);
        match desks.iter().filter_map(Weak::upgrade).find(|desk| desk.at == at) {
            Some(desk) => desk,
            None => {
                let desk = Arc::new(Desk::open(at).map_err(failed)?);
                desks.push(Arc::downgrade(&desk));
                desk
            }
        }
    };
    // Free now; should another program take it first, the room's listener fails and is made anew.
    let port = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|socket| socket.local_addr());
    let port = port.map_err(failed)?.port();
    {
        let mut rooms = lock(&desk.rooms);
        if rooms.contains_key(stream_id) {
            return Err(RecordError::StreamIdInUse { stream_id: stream_id.to_owned(), port: at.port() });
        }
        let room = Room { port, events: events.clone(), taken: Arc::default() };
        rooms.insert(stream_id.to_owned(), room);
    }
    Ok(Seat { desk, stream_id: stream_id.to_owned(), port })
}

impl Desk {
    fn open(at: SocketAddr) -> io::Result<Self> {
        let socket = UdpSocket::bind(at)?;
        socket.set_read_timeout(Some(Ended::LOOK_EVERY))?;
        let rooms = Arc::<Rooms>::default();
        let clerk = Clerk {
            socket: Arc::new(socket),
            rooms: Arc::clone(&rooms),
            cookies: RandomState::new(),
            calls: HashMap::new(),
        };
        Ok(Self { at, rooms, _attendant: Attendant::start(move |ended| clerk.serve(&ended)) })
    }
}

/// Who reads what arrives at the desk.
struct Clerk {
    socket: Arc<UdpSocket>,
    rooms: Arc<Rooms>,
    cookies: RandomState,
    calls: HashMap<SocketAddr, Arc<Call>>,
}

/// An encoder on its way to a room, or in it.
struct Call {
    encoder: SocketAddr,
    /// Connected to the room's listener.
    room_side: UdpSocket,
    room: Room,
    /// The encoder's own end.
    socket_id: u32,
    handshake: Mutex<CallHandshake>,
    /// The room has let it in.
    let_in: AtomicBool,
    over: AtomicBool,
}

struct CallHandshake {
    conclusion: Vec<u8>,
    /// Of the room's listener, once it has given one.
    cookie: Option<u32>,
}

impl Clerk {
    fn serve(mut self, ended: &Ended) {
        let mut bytes = [0; DATAGRAM_BYTES];
        while !ended.is_set() {
            // What fails here is told by the encoder's silence.
            let Ok((length, from)) = self.socket.recv_from(&mut bytes) else { continue };
            let packet = &bytes[..length];
            if let Some(handshake) = Handshake::read(packet) {
                self.greet(handshake, from);
            } else if let Some(call) = self.calls.get(&from) {
                call.to_room(packet);
            }
        }
        for call in self.calls.values() {
            call.over.store(true, Ordering::SeqCst);
        }
    }

    fn greet(&mut self, handshake: Handshake<'_>, from: SocketAddr) {
        let cookie = self.cookies.hash_one(from) as u32;
        match handshake.phase() {
            Phase::Induction => self.answer(&handshake.answer(cookie), from),
            Phase::Conclusion if handshake.cookie() == cookie => self.connect(handshake, from),
            _ => {}
        }
    }

    fn answer(&self, packet: &[u8], to: SocketAddr) {
        let _ = self.socket.send_to(packet, to);
    }

    /// Each conclusion comes again and again, until it is answered.
    fn connect(&mut self, handshake: Handshake<'_>, from: SocketAddr) {
        self.calls.retain(|_, call| !call.over.load(Ordering::SeqCst));
        if let Some(call) = self.calls.get(&from).filter(|call| call.socket_id == handshake.socket_id()) {
            return call.conclude(handshake);
        }
        let asked = handshake.stream_id().unwrap_or_default();
        let room = lock(&self.rooms).get(wanted(&asked)).cloned();
        let Some(room) = room else {
            self.tell_all_who_wait(&asked, from);
            return self.answer(&handshake.refuse(NOT_FOUND), from);
        };
        if room.taken.load(Ordering::SeqCst) {
            let remedy = format!(
                "a second encoder called from {from} and was refused, since another one is connected: stop one of them"
            );
            tell(&room.events, Event::Refused { remedy });
            return self.answer(&handshake.refuse(CONFLICT), from);
        }
        if self.calls.len() >= MOST_CALLS {
            return;
        }
        match Call::begin(handshake, from, room) {
            Ok(call) => {
                let call = Arc::new(call);
                if let Some(before) = self.calls.insert(from, Arc::clone(&call)) {
                    before.over.store(true, Ordering::SeqCst);
                }
                call.conclude(handshake);
                let desk = Arc::clone(&self.socket);
                std::thread::spawn(move || call.bring_back(&desk));
            }
            Err(error) => tracing::error!(%error, "an encoder cannot be led to its room"),
        }
    }

    /// Whose encoder it is nobody can know.
    fn tell_all_who_wait(&self, asked: &str, from: SocketAddr) {
        let asked: String = asked.chars().take(STREAM_ID_SHOWN).collect();
        for (stream_id, room) in lock(&self.rooms).iter() {
            if !room.taken.load(Ordering::SeqCst) {
                let remedy = format!(
                    "an encoder called from {from} with the stream id {asked:?}, which no room that waits has: if it is meant for this one, its stream id must be {stream_id:?}"
                );
                tell(&room.events, Event::Refused { remedy });
            }
        }
    }
}

/// Some encoders write what they want by libsrt's own rules (access-control.md): `#!::r=chamber,m=publish`.
fn wanted(stream_id: &str) -> &str {
    let Some(keys) = stream_id.strip_prefix("#!::") else { return stream_id };
    keys.split(',').find_map(|key| key.strip_prefix("r=")).unwrap_or_default()
}

impl Call {
    fn begin(handshake: Handshake<'_>, encoder: SocketAddr, room: Room) -> io::Result<Self> {
        let room_side = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
        room_side.connect((Ipv4Addr::LOCALHOST, room.port))?;
        room_side.set_read_timeout(Some(Ended::LOOK_EVERY))?;
        let conclusion = handshake.with_cookie(0);
        Ok(Self {
            encoder,
            room_side,
            room,
            socket_id: handshake.socket_id(),
            handshake: Mutex::new(CallHandshake { conclusion, cookie: None }),
            let_in: AtomicBool::new(false),
            over: AtomicBool::new(false),
        })
    }

    fn to_room(&self, packet: &[u8]) {
        // A listener that is not there yet, or no more, is told by its silence.
        let _ = self.room_side.send(packet);
    }

    /// Asks the room's listener for its cookie first, as the encoder asked us.
    fn conclude(&self, handshake: Handshake<'_>) {
        match lock(&self.handshake).cookie {
            Some(cookie) => self.to_room(&handshake.with_cookie(cookie)),
            None => self.to_room(&handshake.as_induction()),
        }
    }

    /// Brings what the room sends to the encoder, until one of them is silent.
    fn bring_back(&self, desk: &UdpSocket) {
        let mut bytes = [0; DATAGRAM_BYTES];
        let mut heard = Instant::now();
        while heard.elapsed() < SILENT_AFTER && !self.over.load(Ordering::SeqCst) {
            let packet = match self.room_side.recv(&mut bytes) {
                Ok(length) => &bytes[..length],
                // The room's listener has ended, and this call with it.
                Err(error)
                    if error.kind() == ErrorKind::ConnectionRefused && self.let_in.load(Ordering::SeqCst) =>
                {
                    break;
                }
                Err(_) => continue,
            };
            heard = Instant::now();
            if let Some(answer) = Handshake::read(packet) {
                match answer.phase() {
                    Phase::Induction => {
                        let mut handshake = lock(&self.handshake);
                        handshake.cookie = Some(answer.cookie());
                        if let Some(conclusion) = Handshake::read(&handshake.conclusion) {
                            self.to_room(&conclusion.with_cookie(answer.cookie()));
                        }
                        continue;
                    }
                    Phase::Conclusion => {
                        self.let_in.store(true, Ordering::SeqCst);
                        self.room.taken.store(true, Ordering::SeqCst);
                    }
                    Phase::Refusal | Phase::Other => {}
                }
                let is_refused = answer.phase() == Phase::Refusal;
                let _ = desk.send_to(packet, self.encoder);
                if is_refused {
                    break;
                }
                continue;
            }
            let _ = desk.send_to(packet, self.encoder);
        }
        self.over.store(true, Ordering::SeqCst);
        if self.let_in.load(Ordering::SeqCst) {
            self.room.taken.store(false, Ordering::SeqCst);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wanted_may_be_written_in_two_ways() {
        assert_eq!(wanted("chamber"), "chamber");
        assert_eq!(wanted("#!::u=obs,r=chamber,m=publish"), "chamber");
        assert_eq!(wanted("#!::m=publish"), "");
    }
}
