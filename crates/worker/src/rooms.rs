//! Where the sound and picture of a meeting come from, and telling of a room how it goes there.

use std::collections::HashMap;

use anyhow::{Context, Result, bail};
use chrono::{DateTime, TimeDelta, Utc};
use moothall_core::{Clock, MeetingId, MeetingState, RoomId};
use moothall_ingest::{Progress, Rank, Source};
use moothall_store::{Db, Meeting, RoomAddress, RoomSource, RoomState, Secrets};
use tokio::runtime::Handle;

/// Where one meeting is recorded from. As long as it stays the same, so may the connection.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Origin {
    /// An address of the meeting's own, with its secret.
    Address(String),
    Room(RoomSource),
}

/// Many encoders send day and night. What they send belongs to a meeting from this long before its planned
/// start, when the clerk tests the sound, and not to one that was planned and forgotten.
const OPENS_BEFORE: TimeDelta = TimeDelta::minutes(30);
const FORGOTTEN_AFTER: TimeDelta = TimeDelta::hours(12);

const BACKUP_IS_RECORDED: &str = "the backup is recorded, since the main source brings nothing";

/// Says of each meeting that is not over from where it is to be recorded now. Of those in one room it is the
/// one that is running, else the one that was last to open.
pub(crate) fn origins(
    meetings: Vec<Meeting>,
    rooms: &HashMap<MeetingId, RoomSource>,
    now: DateTime<Utc>,
) -> Vec<(Meeting, Option<Origin>)> {
    let mut chosen: HashMap<RoomId, &Meeting> = HashMap::new();
    for meeting in meetings.iter().filter(|meeting| has_opened(meeting, now)) {
        let Some(room) = rooms.get(&meeting.id) else { continue };
        let other = chosen.entry(room.room_id).or_insert(meeting);
        let claim = |meeting: &Meeting| (goes_on(meeting, now), meeting.starts_at);
        if claim(other) < claim(meeting) {
            *other = meeting;
        }
    }
    let chosen: Vec<MeetingId> = chosen.into_values().map(|meeting| meeting.id).collect();
    let with_origin = |meeting: Meeting| {
        let room = rooms.get(&meeting.id).filter(|_| chosen.contains(&meeting.id));
        let origin = match &meeting.source {
            Some(address) => Some(Origin::Address(address.clone())),
            None => room.cloned().map(Origin::Room),
        };
        (meeting, origin)
    };
    meetings.into_iter().map(with_origin).collect()
}

/// A meeting that is adjourned to another day leaves the room to others until it is resumed.
fn goes_on(meeting: &Meeting, now: DateTime<Utc>) -> bool {
    match meeting.state {
        MeetingState::Adjourned => now < meeting.starts_at + FORGOTTEN_AFTER,
        state => state.is_running(),
    }
}

fn has_opened(meeting: &Meeting, now: DateTime<Utc>) -> bool {
    let hours = meeting.starts_at - OPENS_BEFORE..meeting.starts_at + FORGOTTEN_AFTER;
    meeting.state.is_running() || hours.contains(&now)
}

impl Origin {
    /// What to connect to, secret and all. It is put together for each connection and kept nowhere.
    ///
    /// # Errors
    /// In words for the log and the room's state, which hold nothing of the secret.
    pub(crate) fn source(&self, rank: Rank, secrets: &Secrets) -> Result<Source> {
        match (self, rank) {
            (Self::Address(address), Rank::Main) => Ok(address.parse()?),
            (Self::Room(room), Rank::Main) => assemble(room, &room.main, secrets),
            (Self::Room(room), Rank::Backup) => {
                let backup =
                    room.backup.as_ref().with_context(|| format!("the room {} has no backup", room.slug))?;
                assemble(room, backup, secrets)
            }
            (Self::Address(_), Rank::Backup) => bail!("an address has no backup"),
        }
    }

    pub(crate) const fn wants_ladder(&self) -> bool {
        matches!(self, Self::Room(RoomSource { ladder: true, .. }))
    }

    pub(crate) const fn has_backup(&self) -> bool {
        matches!(self, Self::Room(RoomSource { backup: Some(_), .. }))
    }

    pub(crate) const fn room(&self) -> Option<RoomId> {
        match self {
            Self::Address(_) => None,
            Self::Room(room) => Some(room.room_id),
        }
    }
}

fn assemble(room: &RoomSource, address: &RoomAddress, secrets: &Secrets) -> Result<Source> {
    let (source, _) =
        Source::apart(&address.source).with_context(|| format!("the source of the room {}", room.slug))?;
    if let Some(key_sha256) = &address.key_sha256 {
        return Ok(source.with_key_sha256(key_sha256));
    }
    let Some(sealed) = &address.sealed_secret else { return Ok(source) };
    let secret = secrets.open(room.room_id, sealed).with_context(|| format!("the room {}", room.slug))?;
    Ok(source.with_secret(&secret)?)
}

/// Tells how it goes in a room, as long as one meeting is recorded there.
pub(crate) struct RoomStatus {
    db: Db,
    clock: Clock,
    runtime: Handle,
    /// None for a meeting with a source of its own: then nobody is told.
    room: Option<RoomId>,
    /// How it goes with the main source.
    main: Option<(RoomState, String)>,
    /// The backup is recorded.
    on_backup: bool,
    /// What is wrong with the backup.
    backup_trouble: String,
    told: Option<(RoomState, String)>,
}

impl RoomStatus {
    pub(crate) fn new(db: Db, clock: Clock, runtime: Handle, room: Option<RoomId>) -> Self {
        let backup_trouble = String::new();
        Self { db, clock, runtime, room, main: None, on_backup: false, backup_trouble, told: None }
    }

    /// What comes from the main source.
    pub(crate) fn hear(&mut self, event: &Progress) {
        match event {
            // The trouble that a connection ended with is worth knowing until the next has come.
            Progress::Listening { .. } => {
                let trouble = self.main.take().map(|(_, note)| note).unwrap_or_default();
                self.tell(RoomState::Waiting, &trouble);
            }
            Progress::Connected => self.tell(RoomState::Connected, ""),
            // The one that was there first goes on.
            Progress::Refused { remedy } if self.note_as(RoomState::Recording).is_some() => {
                self.tell(RoomState::Recording, remedy);
            }
            Progress::Refused { remedy } => self.tell(RoomState::Refused, remedy),
            Progress::Recorded { .. } if self.note_as(RoomState::Recording).is_some() => {}
            Progress::Recorded { .. } => {
                let notice = self.note_as(RoomState::Connected).unwrap_or_default().to_owned();
                self.tell(RoomState::Recording, &notice);
            }
            Progress::Notice { text } if self.note_as(RoomState::Recording).is_some() => {
                self.tell(RoomState::Recording, text);
            }
            Progress::Notice { text } => self.tell(RoomState::Connected, text),
            Progress::Stream { .. } | Progress::StandingBy => {}
        }
    }

    pub(crate) fn hear_backup(&mut self, event: &Progress) {
        let on_backup = match event {
            Progress::Recorded { .. } => true,
            Progress::StandingBy => false,
            Progress::Refused { remedy: text } | Progress::Notice { text } => {
                return self.tell_of_backup(text);
            }
            Progress::Listening { .. } | Progress::Connected | Progress::Stream { .. } => return,
        };
        if self.on_backup != on_backup {
            self.on_backup = on_backup;
            self.backup_trouble.clear();
            self.tell_all();
        }
    }

    /// The connection to the backup ended; `trouble` says why, where something is wrong.
    pub(crate) fn backup_ended(&mut self, trouble: &str) {
        self.on_backup = false;
        self.tell_of_backup(trouble);
    }

    fn tell_of_backup(&mut self, trouble: &str) {
        trouble.clone_into(&mut self.backup_trouble);
        self.tell_all();
    }

    /// The note, if this is the state that was told last.
    fn note_as(&self, state: RoomState) -> Option<&str> {
        self.main.as_ref().filter(|main| main.0 == state).map(|main| main.1.as_str())
    }

    /// How it goes with the main source; `note` says why, and what to do.
    pub(crate) fn tell(&mut self, state: RoomState, note: &str) {
        self.on_backup &= state != RoomState::Recording;
        self.main = Some((state, note.to_owned()));
        self.tell_all();
    }

    fn tell_all(&mut self) {
        let (Some(room), Some((state, note))) = (self.room, self.main.clone()) else { return };
        let mut notes = vec![note];
        let state = match state {
            RoomState::Idle => RoomState::Idle,
            _ if self.on_backup => {
                notes.insert(0, BACKUP_IS_RECORDED.to_owned());
                RoomState::Recording
            }
            state => state,
        };
        if !self.backup_trouble.is_empty() {
            notes.push(format!("the backup: {}", self.backup_trouble));
        }
        notes.retain(|note| !note.is_empty());
        let note = notes.join("; ");
        if self.told.as_ref().is_some_and(|told| told.0 == state && told.1 == note) {
            return;
        }
        self.told = Some((state, note.clone()));
        if let Err(error) = self.runtime.block_on(save(&self.db, &self.clock, room, state, &note)) {
            tracing::error!(%room, "cannot save the room's state: {error:#}");
        }
    }
}

async fn save(db: &Db, clock: &Clock, room: RoomId, state: RoomState, note: &str) -> Result<()> {
    let mut tx = db.begin().await?;
    tx.set_room_state(room, state, note, clock.now()).await?;
    Ok(tx.commit().await?)
}

#[cfg(test)]
mod tests {
    use moothall_core::{CommitteeId, CouncilId, Secret};

    use super::*;

    fn room(source: &str, sealed_secret: Option<Vec<u8>>, room_id: RoomId) -> RoomSource {
        let main = RoomAddress { source: source.to_owned(), sealed_secret, key_sha256: None };
        RoomSource { room_id, slug: "chamber".to_owned(), main, backup: None, ladder: false }
    }

    fn origin(source: &str, sealed_secret: Option<Vec<u8>>, room_id: RoomId) -> Origin {
        Origin::Room(room(source, sealed_secret, room_id))
    }

    fn meeting(state: MeetingState, starts_at: DateTime<Utc>) -> Meeting {
        Meeting {
            id: MeetingId::new(),
            council_id: CouncilId::new(),
            council_slug: "ambleford".to_owned(),
            council_name: "Ambleford".to_owned(),
            committee_id: CommitteeId::new(),
            committee_slug: "planning".to_owned(),
            committee_name: "Planning".to_owned(),
            slug: "meeting".to_owned(),
            title: "Planning".to_owned(),
            starts_at,
            utc_offset_s: 0,
            state,
            language: None,
            source: None,
            air_delay_s: 10,
            has_poster: false,
            upper_case: false,
            created_at: starts_at,
        }
    }

    /// How many minutes from now the meeting was planned that is recorded in the room.
    fn recorded(planned: &[(MeetingState, i64)]) -> Option<i64> {
        let now = DateTime::from_timestamp(1_772_107_200, 0).unwrap();
        let room = room("srt://:9710", None, RoomId::new());
        let meetings: Vec<Meeting> = planned
            .iter()
            .map(|(state, minutes)| meeting(*state, now + TimeDelta::minutes(*minutes)))
            .collect();
        let rooms = meetings.iter().map(|meeting| (meeting.id, room.clone())).collect();
        let mut wanted = origins(meetings, &rooms, now);
        assert_eq!(wanted.len(), planned.len());
        wanted.retain(|(_, origin)| origin.is_some());
        assert!(wanted.len() <= 1, "two meetings in one room");
        Some((wanted.first()?.0.starts_at - now).num_minutes())
    }

    #[test]
    fn of_the_meetings_in_a_room_one_is_recorded() {
        use MeetingState::{Adjourned, Live, Scheduled};
        assert_eq!(recorded(&[(Scheduled, 10), (Scheduled, 7 * 24 * 60)]), Some(10));
        assert_eq!(recorded(&[(Scheduled, 31)]), None, "the encoder sends, and nobody is there yet");
        assert_eq!(recorded(&[(Scheduled, -13 * 60)]), None, "it did not take place");
        assert_eq!(recorded(&[(Scheduled, -180), (Scheduled, 20)]), Some(20));
        assert_eq!(recorded(&[(Live, -180), (Scheduled, 0)]), Some(-180), "it takes longer than planned");
        assert_eq!(recorded(&[(Adjourned, -180), (Scheduled, 0)]), Some(-180), "a break is no end");
        assert_eq!(recorded(&[(Adjourned, -20 * 60)]), Some(-20 * 60));
        assert_eq!(recorded(&[(Adjourned, -20 * 60), (Scheduled, 10)]), Some(10), "to another day");
    }

    #[test]
    fn a_source_of_its_own_is_listened_to_from_the_announcement_on() {
        let now = DateTime::from_timestamp(1_772_107_200, 0).unwrap();
        let mut far = meeting(MeetingState::Scheduled, now + TimeDelta::days(9));
        far.source = Some("srt://:9710".to_owned());
        let wanted = origins(vec![far], &HashMap::new(), now);
        assert!(matches!(&wanted[0].1, Some(Origin::Address(address)) if address == "srt://:9710"));
    }

    #[test]
    fn a_rooms_secret_is_in_the_address_that_is_connected_to_and_in_no_text() {
        let folder = tempfile::tempdir().unwrap();
        let secrets = Secrets::new(folder.path(), None).unwrap();
        let room = RoomId::new();
        let sealed = secrets.seal(room, &Secret::new("the-heron-walks")).unwrap();
        let source = origin("srt://:9710", Some(sealed.clone()), room).source(Rank::Main, &secrets).unwrap();
        assert_eq!(Ok(&source), "srt://:9710?passphrase=the-heron-walks".parse().as_ref());
        assert!(!format!("{source} {source:?} {source:#?}").contains("heron"));

        // Sealed for this room, it is of no use to another.
        let other = origin("srt://:9710", Some(sealed.clone()), RoomId::new());
        let error = format!("{:#}", other.source(Rank::Main, &secrets).unwrap_err());
        assert!(error.contains("chamber") && error.contains("rotate-key"), "{error}");

        // Of a stream key the hash is enough.
        let key = Secret::stream_key().unwrap();
        let mut rtmp = self::room("rtmp://0.0.0.0:1935/live", None, room);
        rtmp.main.key_sha256 = Some(key.sha256());
        let source = Origin::Room(rtmp).source(Rank::Main, &secrets).unwrap();
        assert_eq!(Ok(source), format!("rtmp://0.0.0.0:1935/live?key={}", key.reveal()).parse());

        // A passphrase that SRT would not take is refused without being repeated.
        let sealed = secrets.seal(room, &Secret::new("heron")).unwrap();
        let error = origin("srt://:9710", Some(sealed), room).source(Rank::Main, &secrets).unwrap_err();
        assert!(!format!("{error:#} {error:?}").contains("heron"), "{error:#}");
    }
}
