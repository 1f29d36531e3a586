//! Brings a meeting in from files, part by part: what is good is kept, what is not is told, and what is
//! there already is left alone.

pub(crate) mod media;
mod text;

use std::{
    fmt,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};
use chrono::{DateTime, FixedOffset, Utc};
use moothall_core::{Clock, MeetingId, MeetingState, slugify};
use moothall_ingest::Source;
use moothall_store::{AuditEntry, Council, Db, Meeting, Tx};
use serde_json::json;

/// What to import; every file is optional.
#[derive(Debug, Clone)]
pub struct Request {
    /// The council's slug; a council is made where there is none of it.
    pub council: String,
    pub committee: String,
    pub title: String,
    /// The planned start with the offset that the council's clocks show.
    pub start: DateTime<FixedOffset>,
    /// `{committee}-{date}` where absent.
    pub slug: Option<String>,
    /// ISO 639-1; found out from the speech where absent.
    pub language: Option<String>,
    pub agenda: Option<PathBuf>,
    pub items: Option<PathBuf>,
    pub captions: Option<PathBuf>,
    pub speakers: Option<PathBuf>,
    pub microphones: Option<PathBuf>,
    pub media: Option<PathBuf>,
    /// Records the meeting live from here instead.
    pub source: Option<Source>,
    /// The text of `source` as it is kept.
    pub source_text: Option<String>,
    /// How long what happens is held back before the public sees it; [`AIR_DELAY_S`] where absent.
    pub air_delay_s: Option<i64>,
    /// The slug of the room of the council in which the meeting is recorded live.
    pub room: Option<String>,
    pub publish: bool,
}

/// Time enough for a clerk who hears what should not be heard.
const AIR_DELAY_S: i64 = 10;

/// What an import did.
#[derive(Debug)]
pub struct Report {
    pub meeting: Meeting,
    /// Nothing was new.
    pub unchanged: bool,
    /// One line for each part that came in: "agenda: 42 items".
    pub done: Vec<String>,
    /// Small troubles, each a sentence.
    pub warnings: Vec<String>,
    /// Parts that did not come in, and why.
    pub failures: Vec<String>,
}

/// A part of an import whose content is remembered by hash.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Part {
    Agenda,
    Items,
    Speakers,
    Microphones,
    Captions,
    Media,
}

impl Request {
    /// Whether the meeting is yet to be recorded.
    const fn is_announcement(&self) -> bool {
        self.source.is_some() || self.room.is_some()
    }
}

impl Part {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Agenda => "agenda",
            Self::Items => "items",
            Self::Speakers => "speakers",
            Self::Microphones => "microphones",
            Self::Captions => "captions",
            Self::Media => "media",
        }
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Imports one meeting. `progress` hears how much of the media is recorded, from 0 to 1.
///
/// # Errors
/// Where the database fails or the request contradicts itself; troubles with one file are in the report.
pub async fn import_meeting(
    db: &Db,
    media_dir: &Path,
    clock: &Clock,
    request: &Request,
    progress: impl FnMut(f64) + Send + 'static,
) -> Result<Report> {
    let now = clock.now();
    let mut tx = db.begin().await?;
    let name = council_name(&request.council);
    let council = tx.ensure_council(&request.council, &name, now).await?;
    let (meeting, is_new) = find_or_make_meeting(&mut tx, &council, request, now).await?;
    let mut report =
        Report { meeting, unchanged: !is_new, done: Vec::new(), warnings: Vec::new(), failures: Vec::new() };
    put_into_room(&mut tx, &council, request, &mut report).await?;
    text::import(&mut tx, &council, request, &mut report).await?;
    if request.publish && report.meeting.state != MeetingState::Published && !request.is_announcement() {
        publish(&mut tx, &mut report).await?;
    }
    if !report.unchanged {
        let after = json!({ "slug": report.meeting.slug, "done": report.done });
        let entry = AuditEntry::new(council.id, None, now, "meeting.import", report.meeting.id);
        tx.audit(&entry.changed(None, after)).await?;
    }
    tx.commit().await?;
    if let Some(source) = &request.source {
        report.warnings.extend(others_at(db, source, &report.meeting).await?);
    }
    if let Some(file) = &request.media {
        media::import(db, media_dir, clock, file, request.captions.is_none(), &mut report, progress).await?;
    }
    Ok(report)
}

/// "north-wick" is shown as "North Wick" until somebody gives the council its proper name.
pub fn council_name(slug: &str) -> String {
    let capitalised = |word: &str| {
        let mut letters = word.chars();
        letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
    };
    slug.split('-').map(capitalised).collect::<Vec<_>>().join(" ")
}

async fn find_or_make_meeting(
    tx: &mut Tx,
    council: &Council,
    request: &Request,
    now: DateTime<Utc>,
) -> Result<(Meeting, bool)> {
    let committee = tx.ensure_committee(council, &request.committee).await?;
    let starts_at = request.start.to_utc();
    let plain = request
        .slug
        .clone()
        .unwrap_or_else(|| format!("{}-{}", committee.slug, request.start.format("%Y-%m-%d")));
    let mut slug = slugify(&plain);
    if slug.is_empty() {
        bail!("{plain:?} makes no address: give --slug letters or digits");
    }
    let mut found = tx.meeting_by_slug(&slug).await?;
    // A second meeting of the day has its hour in its address.
    if request.slug.is_none() && found.as_ref().is_some_and(|meeting| meeting.starts_at != starts_at) {
        slug = format!("{slug}-{}", request.start.format("%H%M"));
        found = tx.meeting_by_slug(&slug).await?;
    }
    let Some(existing) = found else {
        let meeting = Meeting {
            id: MeetingId::new(),
            council_id: council.id,
            council_slug: council.slug.clone(),
            council_name: council.name.clone(),
            committee_id: committee.id,
            committee_slug: committee.slug,
            committee_name: committee.name,
            slug,
            title: request.title.clone(),
            starts_at,
            utc_offset_s: i64::from(request.start.offset().local_minus_utc()),
            state: if request.is_announcement() { MeetingState::Scheduled } else { MeetingState::Ended },
            language: request.language.clone(),
            source: request.source_text.clone(),
            air_delay_s: request.air_delay_s.unwrap_or(AIR_DELAY_S),
            upper_case: false,
            has_poster: false,
            created_at: now,
        };
        tx.insert_meeting(&meeting).await?;
        return Ok((meeting, true));
    };
    if existing.committee_id != committee.id {
        bail!(
            "the address {slug} belongs to a meeting of {}: give another --slug, or that committee",
            existing.committee_name
        );
    }
    let updated = Meeting {
        title: request.title.clone(),
        starts_at,
        utc_offset_s: i64::from(request.start.offset().local_minus_utc()),
        language: request.language.clone().or_else(|| existing.language.clone()),
        source: request.source_text.clone().or_else(|| existing.source.clone()),
        air_delay_s: request.air_delay_s.unwrap_or(existing.air_delay_s),
        ..existing.clone()
    };
    let changed = updated != existing;
    if changed {
        tx.update_meeting(&updated).await?;
    }
    Ok((updated, changed))
}

/// A meeting has a room or a source of its own; whichever was given last counts.
async fn put_into_room(tx: &mut Tx, council: &Council, request: &Request, report: &mut Report) -> Result<()> {
    let room = match &request.room {
        Some(slug) => Some(tx.room_by_slug(council.id, slug).await?.with_context(|| {
            format!("{} has no room {slug}: see `moothall room list`, or add it", council.name)
        })?),
        None if request.source.is_some() => None,
        None => return Ok(()),
    };
    let (meeting, id) = (report.meeting.id, room.as_ref().map(|room| room.id));
    if tx.room_of_meeting(meeting).await? == id {
        return Ok(());
    }
    tx.set_meeting_room(meeting, id).await?;
    report.unchanged = false;
    if let Some(room) = room {
        report.meeting.source = None;
        report.meeting.air_delay_s = request.air_delay_s.unwrap_or(room.air_delay_s);
        tx.update_meeting(&report.meeting).await?;
        report.done.push(format!("room: {}", room.name));
    }
    Ok(())
}

/// Meetings that are not over and have the same source: they would wait for each other and nobody knew why.
async fn others_at(db: &Db, source: &Source, meeting: &Meeting) -> Result<Vec<String>> {
    let meetings = db.meetings_to_record().await?;
    let others = meetings.iter().filter(|other| {
        let is_open = other.state == MeetingState::Scheduled || other.state.is_running();
        let their = other.source.as_ref().and_then(|text| text.parse::<Source>().ok());
        other.id != meeting.id
            && is_open
            && their.is_some_and(|their| their == *source || their.is_in_the_way_of(source))
    });
    let warning = |other: &Meeting| {
        format!(
            "{} has the same source, and only one of the two can be recorded at a time: end that one first, or put both \
             into a room, which each takes in its turn",
            other.slug
        )
    };
    Ok(others.map(warning).collect())
}

async fn publish(tx: &mut Tx, report: &mut Report) -> Result<()> {
    let (id, from) = (report.meeting.id, report.meeting.state);
    let to = from
        .become_state(MeetingState::Published)
        .with_context(|| format!("{} was not published", report.meeting.slug))?;
    tx.set_meeting_state(id, from, to).await?;
    report.meeting.state = to;
    report.unchanged = false;
    report.done.push("published".to_owned());
    Ok(())
}
