//! `/clerk/meetings/{slug}/speakers`: the voices of a meeting that were told apart are given their names.

use std::collections::HashMap;

use askama::Template;
use axum::{
    Form,
    extract::{Path, State},
    http::StatusCode,
    response::{Html, Redirect},
};
use moothall_core::{MediaTime, SpeakerId, TurnId};
use moothall_store::{
    AuditEntry, CaptionRow, Council, JobKind, JobState, Meeting, Role, SpeakerKind, Turn, Voice, VoiceName,
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
    pub voices: Vec<VoiceView>,
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
    pub at: MediaTime,
    /// How it begins.
    pub text: String,
}

pub async fn show(
    State(state): State<AppState>,
    signed_in: SignedIn,
    Path(slug): Path<String>,
) -> Result<Html<String>> {
    let meeting = meeting::find(&state, &signed_in, Role::Clerk, &slug).await?;
    let db = &state.db;
    let texts = texts(&db.captions(meeting.id, MediaTime::ZERO).await?);
    let mut turns: HashMap<SpeakerId, Vec<Turn>> = HashMap::new();
    for turn in db.turns(meeting.id, MediaTime::ZERO).await? {
        if let Some(speaker) = turn.speaker_id {
            turns.entry(speaker).or_default().push(turn);
        }
    }
    let people = db.people().await?.into_iter().filter(|person| person.council_id == meeting.council_id);
    let is_open = |state| matches!(state, JobState::Ready | JobState::Running);
    let jobs = db.jobs_of(meeting.id).await?;
    let page = SpeakersPage {
        site: state.site().await?.at("Meetings"),
        is_public: meeting.state.is_public(),
        is_listening: jobs.iter().any(|job| job.kind == JobKind::Voices && is_open(job.state)),
        people: people.map(|person| person.name).collect(),
        voices: db
            .voices(meeting.id)
            .await?
            .into_iter()
            .map(|voice| VoiceView::new(voice, &mut turns, &texts))
            .collect(),
        meeting: meeting.into(),
    };
    Ok(Html(page.render()?))
}

/// What is said in each turn.
fn texts(captions: &[CaptionRow]) -> HashMap<TurnId, String> {
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
        let moment = |turn: &Turn| Moment {
            at: MediaTime::from_ms(turn.start_ms),
            text: shortened(texts.get(&turn.id).map_or("", String::as_str)),
        };
        Self {
            id: voice.id,
            label: voice.label,
            name: voice.name,
            spoken: MediaTime::from_ms(spoken_ms).clock(),
            moments: turns.iter().map(moment).collect(),
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
    let meeting = meeting::find(&state, &signed_in, Role::Clerk, &slug).await?;
    let name = named.name.split_whitespace().collect::<Vec<_>>().join(" ");
    if name.chars().count() > LONGEST_NAME_CHARACTERS {
        let text = format!("The name is longer than {LONGEST_NAME_CHARACTERS} characters: shorten it.");
        return Err(Failure::Refused(StatusCode::UNPROCESSABLE_ENTITY, text));
    }
    let now = state.clock.now();
    let mut tx = state.db.begin().await?;
    let voice = tx.voice(meeting.id, named.voice).await?.ok_or(Failure::NotFound)?;
    let given = match name.as_str() {
        "" => None,
        // Nobody may make a person of a resident.
        _ if SpeakerKind::says_public(&name) => Some(VoiceName { person_id: None, name }),
        _ => {
            let council = council(&state, &meeting).await?;
            let person = tx.ensure_person(&council, &name).await?;
            Some(VoiceName { person_id: Some(person.id), name })
        }
    };
    tx.name_voice(meeting.id, voice.id, given.as_ref()).await?;
    let entry =
        AuditEntry::new(meeting.council_id, Some(signed_in.user.id), now, "meeting.voice", meeting.id);
    let stand = |name: Option<&str>| json!({ "voice": voice.label, "name": name });
    let after = given.as_ref().map(|given| given.name.as_str());
    tx.audit(&entry.changed(Some(stand(voice.name.as_deref())), stand(after))).await?;
    tx.commit().await?;
    Ok(Redirect::to(&format!("/clerk/meetings/{slug}/speakers#voice-{}", voice.id)))
}

async fn council(state: &AppState, meeting: &Meeting) -> Result<Council> {
    let councils = state.db.councils().await?;
    councils.into_iter().find(|council| council.id == meeting.council_id).ok_or(Failure::NotFound)
}
