//! `/clerk/meetings/{slug}/speakers`: the voices of a meeting that were told apart are given their names, and what
//! witnesses contradict each other about is asked.

use std::collections::HashMap;

use askama::Template;
use axum::{
    Form,
    extract::{Path, State},
    http::StatusCode,
    response::{Html, Redirect},
};
use moothall_core::{Evidence, MediaTime, SpeakerId, SpeakerMark, TurnId, Who, floors};
use moothall_store::{
    AuditEntry, CaptionRow, JobKind, JobState, Meeting, NewJob, Role, Speaker, SpeakerKind, Turn, Tx, Voice,
    VoiceName,
};
use serde::Deserialize;
use serde_json::json;

use super::meeting::{self, MeetingRow};
use crate::{
    failure::{Failure, Result},
    sign_in::SignedIn,
    state::AppState,
    views::Site,
};

/// Enough to know somebody by.
const MOMENTS: usize = 3;
const MOMENT_CHARACTERS: usize = 160;
const LONGEST_NAME_CHARACTERS: usize = 120;
/// Somebody waits for it.
pub const PRIORITY: i64 = 0;

#[derive(Debug, Template)]
#[template(path = "clerk/speakers.html")]
pub struct SpeakersPage {
    pub site: Site,
    pub meeting: MeetingRow,
    /// Whether the moments can be watched on the public page.
    pub is_public: bool,
    /// The voices are being told apart now.
    pub is_listening: bool,
    /// Names to choose from.
    pub people: Vec<String>,
    pub doubts: Vec<Doubt>,
    pub voices: Vec<VoiceView>,
}

/// Somebody speaks of whom strong witnesses say different names.
#[derive(Debug)]
pub struct Doubt {
    pub turn: TurnId,
    pub moment: Moment,
    /// Each in words: "the microphone says Anna Birch".
    pub claims: Vec<String>,
}

#[derive(Debug)]
pub struct VoiceView {
    pub id: SpeakerId,
    pub label: String,
    pub name: Option<String>,
    /// How long it speaks in all.
    pub spoken: String,
    /// Its longest turns.
    pub moments: Vec<Moment>,
}

#[derive(Debug)]
pub struct Moment {
    pub turn: TurnId,
    pub at: MediaTime,
    /// How it begins.
    pub text: String,
}

pub async fn show(
    State(state): State<AppState>,
    signed_in: SignedIn,
    Path(slug): Path<String>,
) -> Result<Html<String>> {
    let meeting = meeting::find(&state, &signed_in, Role::Editor, &slug).await?;
    let db = &state.db;
    let texts = texts(&db.captions(meeting.id, MediaTime::ZERO).await?);
    let turns = db.turns(meeting.id, MediaTime::ZERO).await?;
    let mut by_speaker: HashMap<SpeakerId, Vec<Turn>> = HashMap::new();
    for turn in &turns {
        if let Some(speaker) = turn.speaker_id {
            by_speaker.entry(speaker).or_default().push(turn.clone());
        }
    }
    let (speakers, marks) = (db.speakers(meeting.id).await?, db.speaker_marks(meeting.id).await?);
    let jobs = db.jobs_of(meeting.id).await?;
    let is_open = |kind| {
        let of_kind = jobs.iter().filter(|job| job.kind == kind);
        of_kind.into_iter().any(|job| matches!(job.state, JobState::Ready | JobState::Running))
    };
    let page = SpeakersPage {
        site: state.site().await?.at("Meetings"),
        is_public: meeting.state.is_public(),
        is_listening: is_open(JobKind::Voices) || is_open(JobKind::Turns),
        people: people(&state, &meeting).await?,
        doubts: doubts(&marks, &speakers, &turns, &texts),
        voices: db
            .voices(meeting.id)
            .await?
            .into_iter()
            .map(|voice| VoiceView::new(voice, &mut by_speaker, &texts))
            .collect(),
        meeting: meeting.into(),
    };
    Ok(Html(page.render()?))
}

/// The names of the council's people.
pub async fn people(state: &AppState, meeting: &Meeting) -> Result<Vec<String>> {
    let people =
        state.db.people().await?.into_iter().filter(|person| person.council_id == meeting.council_id);
    Ok(people.map(|person| person.name).collect())
}

/// The turns in which nobody is named because strong witnesses contradict each other.
fn doubts(
    marks: &[SpeakerMark],
    speakers: &[Speaker],
    turns: &[Turn],
    texts: &HashMap<TurnId, String>,
) -> Vec<Doubt> {
    let who: HashMap<SpeakerId, Who> = speakers.iter().map(|speaker| (speaker.id, speaker.who())).collect();
    let floors = floors(marks, &who);
    let is_contested = |turn: &&Turn| {
        let middle_ms = i64::midpoint(turn.start_ms, turn.end_ms);
        floors.iter().rfind(|floor| floor.at_ms <= middle_ms).is_some_and(|floor| floor.contested)
    };
    let doubt = |turn: &Turn| {
        let claims = claims(marks, speakers, i64::midpoint(turn.start_ms, turn.end_ms));
        Doubt { turn: turn.id, moment: Moment::new(turn, texts), claims }
    };
    turns.iter().filter(is_contested).map(doubt).collect()
}

/// What each witness says of a moment, in words, the most exact first.
pub fn claims(marks: &[SpeakerMark], speakers: &[Speaker], at_ms: i64) -> Vec<String> {
    let witnesses = [
        (Evidence::Correction, "a correction"),
        (Evidence::Microphone, "the microphone"),
        (Evidence::Voice, "the voice"),
        (Evidence::Clerk, "the clerk’s mark"),
        (Evidence::Wording, "what was said"),
    ];
    let claim = |(evidence, witness): (Evidence, &str)| {
        let mark = marks.iter().rfind(|mark| mark.evidence == evidence && mark.at_ms <= at_ms)?;
        let speaker = speakers.iter().find(|speaker| Some(speaker.id) == mark.speaker_id)?;
        Some(format!("{witness} says {}", speaker.name))
    };
    witnesses.into_iter().filter_map(claim).collect()
}

/// What is said in each turn.
pub fn texts(captions: &[CaptionRow]) -> HashMap<TurnId, String> {
    let mut texts: HashMap<TurnId, String> = HashMap::new();
    for caption in captions {
        let text = texts.entry(caption.turn_id).or_default();
        if text.chars().count() < MOMENT_CHARACTERS {
            let space = if text.is_empty() { "" } else { " " };
            *text = format!("{text}{space}{}", caption.text.replace('\n', " "));
        }
    }
    texts
}

impl VoiceView {
    fn new(voice: Voice, turns: &mut HashMap<SpeakerId, Vec<Turn>>, texts: &HashMap<TurnId, String>) -> Self {
        let mut turns = turns.remove(&voice.id).unwrap_or_default();
        let length_ms = |turn: &Turn| turn.end_ms - turn.start_ms;
        let spoken_ms = turns.iter().map(length_ms).sum();
        turns.sort_by_key(|turn| -length_ms(turn));
        turns.truncate(MOMENTS);
        turns.sort_by_key(|turn| turn.start_ms);
        Self {
            id: voice.id,
            label: voice.label,
            name: voice.name,
            spoken: MediaTime::from_ms(spoken_ms).clock(),
            moments: turns.iter().map(|turn| Moment::new(turn, texts)).collect(),
        }
    }
}

impl Moment {
    pub fn new(turn: &Turn, texts: &HashMap<TurnId, String>) -> Self {
        Self {
            turn: turn.id,
            at: MediaTime::from_ms(turn.start_ms),
            text: shortened(texts.get(&turn.id).map_or("", String::as_str)),
        }
    }
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(MOMENT_CHARACTERS) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}…", text[..end].rsplit_once(' ').map_or(&text[..end], |(kept, _)| kept)),
    }
}

#[derive(Debug, Deserialize)]
pub struct Named {
    voice: SpeakerId,
    /// Empty to take a name back.
    #[serde(default)]
    name: String,
}

pub async fn name(
    State(state): State<AppState>,
    signed_in: SignedIn,
    Path(slug): Path<String>,
    Form(named): Form<Named>,
) -> Result<Redirect> {
    let meeting = meeting::find(&state, &signed_in, Role::Editor, &slug).await?;
    let name = checked(&named.name)?;
    let now = state.clock.now();
    let mut tx = state.db.begin().await?;
    let voice = tx.voice(meeting.id, named.voice).await?.ok_or(Failure::NotFound)?;
    let given = match name.as_str() {
        "" => None,
        _ => Some(whom(&state, &mut tx, &meeting, name).await?),
    };
    tx.name_voice(meeting.id, voice.id, given.as_ref()).await?;
    let entry =
        AuditEntry::new(meeting.council_id, Some(signed_in.user.id), now, "meeting.voice", meeting.id);
    let stand = |name: Option<&str>| json!({ "voice": voice.label, "name": name });
    let after = given.as_ref().map(|given| given.name.as_str());
    tx.audit(&entry.changed(Some(stand(voice.name.as_deref())), stand(after))).await?;
    tx.enqueue(&NewJob { kind: JobKind::Turns, meeting_id: meeting.id, priority: PRIORITY }, now).await?;
    tx.commit().await?;
    Ok(Redirect::to(&format!("/clerk/meetings/{slug}/speakers#voice-{}", voice.id)))
}

/// A name as somebody typed it, without spaces that are not needed.
pub fn checked(name: &str) -> Result<String> {
    let name = name.split_whitespace().collect::<Vec<_>>().join(" ");
    if name.chars().count() > LONGEST_NAME_CHARACTERS {
        let text = format!("The name is longer than {LONGEST_NAME_CHARACTERS} characters: shorten it.");
        return Err(Failure::Refused(StatusCode::UNPROCESSABLE_ENTITY, text));
    }
    Ok(name)
}

/// Whom a clerk means by a name. Nobody may make a person of a resident.
pub async fn whom(state: &AppState, tx: &mut Tx, meeting: &Meeting, name: String) -> Result<VoiceName> {
    if SpeakerKind::says_public(&name) {
        return Ok(VoiceName { person_id: None, name });
    }
    let councils = state.db.councils().await?;
    let council =
        councils.into_iter().find(|council| council.id == meeting.council_id).ok_or(Failure::NotFound)?;
    let person = tx.ensure_person(&council, &name).await?;
    Ok(VoiceName { person_id: Some(person.id), name })
}
