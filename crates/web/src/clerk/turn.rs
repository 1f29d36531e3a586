//! `/clerk/meetings/{slug}/turns/{turn}`: somebody says who speaks in one turn, and is offered the same for all turns
//! of that voice.

use std::time::Duration;

use askama::Template;
use axum::{
    Form,
    extract::{Path, State},
    http::StatusCode,
    response::{Html, Redirect},
};
use moothall_core::{Evidence, MediaTime, MeetingId, SpeakerId, SpeakerMark, TurnId, correct as corrected};
use moothall_store::{
    AuditEntry, JobKind, JobState, NewJob, Role, Speaker, SpeakerKind, Turn, Voice, VoiceName,
};
use serde::Deserialize;
use serde_json::json;

use super::{
    meeting::{self, MeetingRow},
    speakers::{Moment, PRIORITY, checked, claims, people, texts, whom},
};
use crate::{
    failure::{Failure, Result},
    sign_in::SignedIn,
    state::AppState,
    views::Site,
};

/// How long whoever corrected something waits until it stands; it takes a second, if workers are free.
const SETTLES_WITHIN: Duration = Duration::from_secs(4);
const LOOK_EVERY: Duration = Duration::from_millis(100);

#[derive(Debug, Template)]
#[template(path = "clerk/turn.html")]
pub struct TurnPage {
    pub site: Site,
    pub meeting: MeetingRow,
    pub is_public: bool,
    pub moment: Moment,
    /// Who is named now.
    pub speaker: Option<String>,
    /// What each witness says: "the microphone says Anna Birch".
    pub claims: Vec<String>,
    /// The voice that is heard, whose other turns may be given the same name.
    pub voice: Option<String>,
    /// Names to choose from.
    pub people: Vec<String>,
}

pub async fn show(
    State(state): State<AppState>,
    signed_in: SignedIn,
    Path((slug, id)): Path<(String, TurnId)>,
) -> Result<Html<String>> {
    let meeting = meeting::find(&state, &signed_in, Role::Editor, &slug).await?;
    let turn = find(&state, meeting.id, id).await?;
    let (speakers, marks) = (state.db.speakers(meeting.id).await?, state.db.speaker_marks(meeting.id).await?);
    let captions = state.db.captions(meeting.id, MediaTime::from_ms(turn.start_ms)).await?;
    let named = speakers.iter().find(|speaker| Some(speaker.id) == turn.speaker_id);
    let page = TurnPage {
        site: state.site().await?.at("Meetings"),
        is_public: meeting.state.is_public(),
        moment: Moment::new(&turn, &texts(&captions)),
        speaker: named.map(|speaker| speaker.name.clone()),
        claims: claims(&marks, &speakers, middle_ms(&turn)),
        voice: voice_in(&turn, &marks, &state.db.voices(meeting.id).await?).map(|voice| voice.label.clone()),
        people: people(&state, &meeting).await?,
        meeting: meeting.into(),
    };
    Ok(Html(page.render()?))
}

async fn find(state: &AppState, meeting: MeetingId, id: TurnId) -> Result<Turn> {
    let turns = state.db.turns(meeting, MediaTime::ZERO).await?;
    turns.into_iter().find(|turn| turn.id == id).ok_or(Failure::NotFound)
}

const fn middle_ms(turn: &Turn) -> i64 {
    i64::midpoint(turn.start_ms, turn.end_ms)
}

/// The voice that was told apart, or the microphone, in the middle of a turn.
fn voice_in<'a>(turn: &Turn, marks: &[SpeakerMark], voices: &'a [Voice]) -> Option<&'a Voice> {
    let said = |evidence: Evidence| {
        let before = |mark: &&SpeakerMark| mark.evidence == evidence && mark.at_ms <= middle_ms(turn);
        marks.iter().rfind(before).and_then(|mark| mark.speaker_id)
    };
    let heard: [Option<SpeakerId>; 2] = [said(Evidence::Voice), said(Evidence::Microphone)];
    heard.into_iter().flatten().find_map(|id| voices.iter().find(|voice| voice.id == id))
}

#[derive(Debug, Deserialize)]
pub struct Correction {
    name: String,
    /// The name is that of the voice, wherever it is heard.
    #[serde(default)]
    everywhere: bool,
}

pub async fn correct(
    State(state): State<AppState>,
    signed_in: SignedIn,
    Path((slug, id)): Path<(String, TurnId)>,
    Form(correction): Form<Correction>,
) -> Result<Redirect> {
    let meeting = meeting::find(&state, &signed_in, Role::Editor, &slug).await?;
    let name = checked(&correction.name)?;
    if name.is_empty() {
        let text = "Write who speaks; for a resident, “Member of the public”.";
        return Err(Failure::Refused(StatusCode::UNPROCESSABLE_ENTITY, text.to_owned()));
    }
    let turn = find(&state, meeting.id, id).await?;
    let now = state.clock.now();
    let mut tx = state.db.begin().await?;
    tx.touch_meeting(meeting.id).await?;
    let before =
        tx.speakers(meeting.id).await?.into_iter().find(|speaker| Some(speaker.id) == turn.speaker_id);
    let given = whom(&state, &mut tx, &meeting, name).await?;
    let marks = tx.speaker_marks(meeting.id).await?;
    let speaker = tx.save_speaker(meeting.id, &speaker_of(&given)).await?;
    let corrections = corrected(&marks, turn.start_ms, turn.end_ms, speaker);
    tx.replace_speaker_marks(meeting.id, Evidence::Correction, &corrections).await?;
    if correction.everywhere {
        let voices = state.db.voices(meeting.id).await?;
        let voice = voice_in(&turn, &marks, &voices).ok_or(Failure::NotFound)?;
        tx.name_voice(meeting.id, voice.id, Some(&given)).await?;
    }
    let entry = AuditEntry::new(meeting.council_id, Some(signed_in.user.id), now, "meeting.turn", meeting.id);
    let stand = |name: Option<&str>| json!({ "from_ms": turn.start_ms, "to_ms": turn.end_ms, "name": name, "everywhere": correction.everywhere });
    let before = before.map(|speaker| speaker.name);
    tx.audit(&entry.changed(stand(before.as_deref()), stand(Some(&given.name)))).await?;
    tx.enqueue(&NewJob { kind: JobKind::Turns, meeting_id: meeting.id, priority: PRIORITY }, now).await?;
    tx.commit().await?;
    // Whoever corrects wants to see it; where no worker is free it comes later.
    let _ = tokio::time::timeout(SETTLES_WITHIN, settled(&state, meeting.id)).await;
    Ok(Redirect::to(&format!("/clerk/meetings/{slug}/speakers")))
}

fn speaker_of(given: &VoiceName) -> Speaker {
    Speaker {
        id: SpeakerId::new(),
        person_id: given.person_id,
        person_slug: None,
        kind: if given.person_id.is_some() { SpeakerKind::Person } else { SpeakerKind::Public },
        name: given.name.clone(),
        role: None,
    }
}

/// Waits until captions have their turns.
async fn settled(state: &AppState, meeting: MeetingId) -> Result<()> {
    loop {
        let jobs = state.db.jobs_of(meeting).await?;
        let is_open = |state| matches!(state, JobState::Ready | JobState::Running);
        if !jobs.iter().any(|job| job.kind == JobKind::Turns && is_open(job.state)) {
            return Ok(());
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}
