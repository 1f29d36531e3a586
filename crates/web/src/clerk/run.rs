//! `/clerk/meetings/{slug}/run`: a clerk runs the meeting: its states, private session, and item after item.

use askama::Template;
use axum::{
    Form,
    extract::{Path, State},
    http::StatusCode,
    response::{IntoResponse, Redirect},
};
use chrono::TimeDelta;
use moothall_core::{AgendaItemId, Evidence, MeetingState, SpanId};
use moothall_store::{AuditEntry, ExemptSpan, ItemSpan, Meeting, Role, SessionError};
use serde::Deserialize;
use serde_json::json;

use super::{
    events::{self, Parts},
    meeting,
    meters::{Findings, Meters},
};
use crate::{
    failure::{Failure, Result},
    sign_in::SignedIn,
    state::AppState,
    views::{When, sentence},
};

/// Reasons for which a council in England excludes press and public: Local Government Act 1972, Schedule 12A,
/// part 1. Any other text may be typed.
pub const REASONS: [&str; 7] = [
    "Local Government Act 1972, Schedule 12A, paragraph 1: information relating to any individual",
    "Local Government Act 1972, Schedule 12A, paragraph 2: likely to reveal the identity of an individual",
    "Local Government Act 1972, Schedule 12A, paragraph 3: financial or business affairs",
    "Local Government Act 1972, Schedule 12A, paragraph 4: labour relations matters",
    "Local Government Act 1972, Schedule 12A, paragraph 5: legal professional privilege",
    "Local Government Act 1972, Schedule 12A, paragraph 6: notices, orders or directions",
    "Local Government Act 1972, Schedule 12A, paragraph 7: prevention, investigation or prosecution of crime",
];

/// The part of the meeting's page with which it is run.
#[derive(Debug, Template)]
#[template(path = "clerk/run.html")]
pub struct Run {
    pub slug: String,
    pub state: MeetingState,
    pub air_delay_s: i64,
    /// Since when press and public are excluded, and why.
    pub private: Option<(When, String)>,
    pub items: Vec<Item>,
    /// Whether the user is at least a clerk of the council.
    pub may_change: bool,
}

#[derive(Debug)]
pub struct Item {
    pub id: AgendaItemId,
    /// As printed, with its number.
    pub name: String,
    pub stage: ItemStage,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ItemStage {
    ToCome,
    Now,
    Taken,
}

impl Run {
    pub async fn of(state: &AppState, meeting: &Meeting, may_change: bool) -> Result<Self> {
        let private = state.db.private_session(meeting.id).await?;
        let offset = *meeting.local_start().offset();
        // It began with the clerk's action, though it reaches back over what was not aired yet.
        let began = |span: &ExemptSpan| {
            When((span.from_at + TimeDelta::seconds(meeting.air_delay_s)).with_timezone(&offset))
        };
        let spans = state.db.item_spans(meeting.id).await?;
        let items = state.db.agenda_items(meeting.id).await?.into_iter().map(|item| {
            let own: Vec<&ItemSpan> = spans.iter().filter(|span| span.item_id == item.id).collect();
            let stage = match own.iter().any(|span| span.end_ms.is_none()) {
                true => ItemStage::Now,
                false if own.is_empty() => ItemStage::ToCome,
                false => ItemStage::Taken,
            };
            Item { id: item.id, name: format!("{} {}", item.number, item.title).trim().to_owned(), stage }
        });
        Ok(Self {
            slug: meeting.slug.clone(),
            state: meeting.state,
            air_delay_s: meeting.air_delay_s,
            private: private.map(|span| (began(&span), span.reason)),
            items: items.collect(),
            may_change,
        })
    }

    /// The badge's words and class.
    fn badge(&self) -> (&'static str, &'static str) {
        match self.state {
            _ if self.private.is_some() => ("Private", "mh-tag--wrong"),
            MeetingState::Scheduled => ("To come", ""),
            MeetingState::Live => ("Live", "mh-tag--live"),
            MeetingState::Adjourned => ("Adjourned", ""),
            MeetingState::Ended => ("Ended, not published", ""),
            MeetingState::Published => ("Published", ""),
            MeetingState::Withheld => ("Withheld", "mh-tag--wrong"),
            MeetingState::Cancelled => ("Cancelled", ""),
        }
    }

    /// What the state means for the public.
    fn means(&self) -> String {
        match (&self.private, self.state) {
            (Some((since, reason)), _) => format!(
                "Press and public have been excluded since {}. Nothing is shown or recorded. Reason: {reason}",
                since.time()
            ),
            (None, MeetingState::Scheduled) => {
                "It goes live by itself when its encoder begins to send.".to_owned()
            }
            (None, MeetingState::Live) => match self.air_delay_s {
                0 => "What happens is webcast at once.".to_owned(),
                seconds => format!("What happens is webcast {seconds} seconds later."),
            },
            (None, MeetingState::Adjourned) => {
                "Nothing is recorded. The public reads that the committee returns.".to_owned()
            }
            (None, MeetingState::Ended) => {
                "The recording is complete. The public sees nothing of it until it is published.".to_owned()
            }
            (None, MeetingState::Published) => "The public can watch, read and search it.".to_owned(),
            (None, MeetingState::Withheld) => {
                "It was taken out of the public’s sight, but for its name, time and agenda.".to_owned()
            }
            (None, MeetingState::Cancelled) => "It does not take place.".to_owned(),
        }
    }

    fn may_become(&self, to: MeetingState) -> bool {
        self.state.may_become(to)
    }

    fn may_be_private(&self) -> bool {
        self.private.is_none() && (self.state.is_running() || self.state == MeetingState::Scheduled)
    }

    /// Items are begun while the meeting is recorded.
    fn takes_items(&self) -> bool {
        self.state == MeetingState::Live && self.private.is_none() && !self.items.is_empty()
    }

    /// The item after the one that is under debate, or the first.
    fn next(&self) -> Option<&Item> {
        match self.items.iter().rposition(|item| item.stage == ItemStage::Now) {
            Some(now) => self.items.get(now + 1),
            None => self.items.iter().find(|item| item.stage == ItemStage::ToCome),
        }
    }
}

/// What a clerk does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    Private,
    Reopen,
    Adjourn,
    Resume,
    End,
    Publish,
    Withhold,
    Item,
}

#[derive(Debug, Deserialize)]
pub struct Done {
    action: Action,
    /// Of a private session.
    #[serde(default)]
    reason: String,
    /// That the chamber is ready to be seen and heard.
    #[serde(default)]
    confirm: bool,
    /// That is begun.
    item: Option<AgendaItemId>,
}

pub async fn act(
    State(state): State<AppState>,
    signed_in: SignedIn,
    Path(slug): Path<String>,
    Form(done): Form<Done>,
) -> Result<Redirect> {
    let meeting = meeting::find(&state, &signed_in, Role::Clerk, &slug).await?;
    let (by, now) = (Some(signed_in.user.id), state.clock.now());
    let mut tx = state.db.begin().await?;
    match done.action {
        Action::Private => tx.begin_private(&meeting, &done.reason, by, now).await?,
        Action::Reopen if !done.confirm => {
            let text = "The meeting stays private: confirm that the chamber is ready to be seen and heard.";
            return Err(Failure::Refused(StatusCode::CONFLICT, text.to_owned()));
        }
        Action::Reopen => tx.reopen(&meeting, by, now).await?,
        Action::Adjourn => tx.move_meeting(&meeting, MeetingState::Adjourned, by, now).await?,
        Action::Resume => tx.move_meeting(&meeting, MeetingState::Live, by, now).await?,
        Action::End => tx.move_meeting(&meeting, MeetingState::Ended, by, now).await?,
        Action::Publish => tx.move_meeting(&meeting, MeetingState::Published, by, now).await?,
        Action::Withhold => tx.move_meeting(&meeting, MeetingState::Withheld, by, now).await?,
        Action::Item => {
            let recording = tx.recording(meeting.id).await?;
            let items = tx.agenda_items(meeting.id).await?;
            let item = items.iter().find(|item| Some(item.id) == done.item).ok_or(Failure::NotFound)?;
            let Some(recording) = recording.filter(|_| meeting.state == MeetingState::Live) else {
                let text = "Nothing is recorded now, so that the item has no moment to begin at: begin it once the meeting is live.";
                return Err(Failure::Refused(StatusCode::CONFLICT, text.to_owned()));
            };
            let span = ItemSpan {
                id: SpanId::new(),
                item_id: item.id,
                start_ms: (now - recording.epoch).num_milliseconds().max(0),
                end_ms: None,
                source: Evidence::Clerk,
                confidence: 1.0,
                confirmed: true,
            };
            tx.start_item(meeting.id, &span).await?;
            let entry = AuditEntry::new(meeting.council_id, by, now, "meeting.item", meeting.id);
            let after = json!({ "number": item.number, "title": item.title, "start_ms": span.start_ms });
            tx.audit(&entry.changed(None, after)).await?;
        }
    }
    tx.commit().await?;
    Ok(Redirect::to(&format!("/clerk/meetings/{slug}")))
}

impl From<SessionError> for Failure {
    fn from(error: SessionError) -> Self {
        match error {
            SessionError::Store(error) => error.into(),
            SessionError::State(_) => {
                let text = format!(
                    "{} Somebody may have changed it meanwhile: go back and look.",
                    sentence(&error.to_string())
                );
                Self::Refused(StatusCode::CONFLICT, text)
            }
            refused => Self::Refused(StatusCode::CONFLICT, sentence(&refused.to_string())),
        }
    }
}

/// The parts of the page that change, also by what others do.
pub async fn events(
    State(state): State<AppState>,
    signed_in: SignedIn,
    Path(slug): Path<String>,
) -> Result<impl IntoResponse> {
    let meeting = meeting::find(&state, &signed_in, Role::Viewer, &slug).await?;
    let may_change = signed_in.may(Role::Clerk, meeting.council_id);
    Ok(events::sent(move || parts(state.clone(), meeting.clone(), may_change)))
}

async fn parts(state: AppState, meeting: Meeting, may_change: bool) -> Result<Parts> {
    let meeting = state.db.meeting(meeting.id).await?.ok_or(Failure::NotFound)?;
    let run = Run::of(&state, &meeting, may_change).await?.render()?;
    let meters = Meters::of(&state, Some(meeting.id)).await?.render()?;
    let findings = Findings::of(&state, Some(&meeting)).await?.render()?;
    Ok(vec![("run", run), ("meters", meters), ("findings", findings)])
}
