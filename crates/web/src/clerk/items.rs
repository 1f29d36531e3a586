//! `/clerk/meetings/{slug}/items`: when each item was taken, as it was suggested from what was said, is confirmed,
//! put right or taken out.

use std::collections::HashMap;

use askama::Template;
use axum::{
    Form,
    extract::{Path, State},
    http::StatusCode,
    response::{Html, Redirect},
};
use moothall_core::{AgendaItemId, Evidence, MediaTime, SpanId};
use moothall_store::{AgendaItem, AuditEntry, CaptionRow, ItemSpan, Role};
use serde_json::json;

use super::meeting::{self, MeetingRow};
use crate::{
    failure::{Failure, Result},
    sign_in::SignedIn,
    state::AppState,
    views::Site,
};

#[derive(Debug, Template)]
#[template(path = "clerk/items.html")]
pub struct ItemsPage {
    pub site: Site,
    pub meeting: MeetingRow,
    pub is_public: bool,
    pub items: Vec<ItemTime>,
}

#[derive(Debug)]
pub struct ItemTime {
    pub id: AgendaItemId,
    /// As printed, with its number.
    pub name: String,
    /// When it was taken first.
    pub at: Option<MediaTime>,
    /// What is said then.
    pub text: String,
    pub stands: Stands,
}

/// How sure the time is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stands {
    Noted,
    /// Suggested; nineteen of twenty like it are right.
    Surely,
    Probably,
    Untaken,
}

impl ItemTime {
    fn new(item: &AgendaItem, spans: &[ItemSpan], captions: &[CaptionRow]) -> Self {
        let first = spans.iter().find(|span| span.item_id == item.id);
        let at = first.map(|span| MediaTime::from_ms(span.start_ms));
        let caption = captions.iter().find(|caption| at.is_some_and(|at| caption.end_ms > at));
        Self {
            id: item.id,
            name: format!("{} {}", item.number, item.title).trim().to_owned(),
            at,
            text: caption.map(|caption| caption.text.replace('\n', " ")).unwrap_or_default(),
            stands: match first {
                None => Stands::Untaken,
                Some(span) if span.confirmed => Stands::Noted,
                Some(span) if span.confidence >= 0.95 => Stands::Surely,
                Some(_) => Stands::Probably,
            },
        }
    }

    /// As it is typed: `1:02:03`, with a fraction only where it has one.
    fn typed(&self) -> String {
        let Some(at) = self.at else { return String::new() };
        match at.ms() % 1_000 {
            0 => at.clock(),
            fraction => format!("{}.{fraction:03}", at.clock()),
        }
    }
}

pub async fn show(
    State(state): State<AppState>,
    signed_in: SignedIn,
    Path(slug): Path<String>,
) -> Result<Html<String>> {
    let meeting = meeting::find(&state, &signed_in, Role::Editor, &slug).await?;
    let db = &state.db;
    let spans = db.item_spans(meeting.id).await?;
    let captions = db.captions(meeting.id, MediaTime::ZERO).await?;
    let items = db.agenda_items(meeting.id).await?;
    let page = ItemsPage {
        site: state.site().await?.at("Meetings"),
        is_public: meeting.state.is_public(),
        items: items.iter().map(|item| ItemTime::new(item, &spans, &captions)).collect(),
        meeting: meeting.into(),
    };
    Ok(Html(page.render()?))
}

/// Saves the times as they were typed, by item. Whoever saves has looked at all of them.
pub async fn save(
    State(state): State<AppState>,
    signed_in: SignedIn,
    Path(slug): Path<String>,
    Form(typed): Form<HashMap<AgendaItemId, String>>,
) -> Result<Redirect> {
    let meeting = meeting::find(&state, &signed_in, Role::Editor, &slug).await?;
    if meeting.state.is_running() {
        let text = "The meeting goes on: its items are called on its own page.";
        return Err(Failure::Refused(StatusCode::CONFLICT, text.to_owned()));
    }
    let items = state.db.agenda_items(meeting.id).await?;
    let mut tx = state.db.begin().await?;
    let before = tx.item_spans(meeting.id).await?;
    let mut starts: Vec<(MediaTime, AgendaItemId)> = Vec::new();
    for item in &items {
        let text = typed.get(&item.id).map_or("", |text| text.trim());
        if text.is_empty() {
            continue;
        }
        let at: MediaTime = text.parse().map_err(|error| {
            let text = format!("{} {}: {error}.", item.number, item.title);
            Failure::Refused(StatusCode::UNPROCESSABLE_ENTITY, text.trim().to_owned())
        })?;
        starts.push((at, item.id));
        // It was taken up again: that is noted elsewhere, and stays.
        let again = before.iter().filter(|span| span.item_id == item.id).skip(1);
        starts.extend(again.map(|span| (MediaTime::from_ms(span.start_ms), item.id)));
    }
    // Of two at one time the one that stands first on the agenda comes first.
    starts.sort_by_key(|(at, _)| *at);
    let spans = confirmed(&starts, &before);
    tx.replace_item_spans(meeting.id, &spans).await?;
    let entry = AuditEntry::new(
        meeting.council_id,
        Some(signed_in.user.id),
        state.clock.now(),
        "meeting.items",
        meeting.id,
    );
    let stand = |spans: &[ItemSpan]| {
        let time = |span: &ItemSpan| json!({ "item": span.item_id, "start_ms": span.start_ms });
        json!(spans.iter().map(time).collect::<Vec<_>>())
    };
    tx.audit(&entry.changed(stand(&before), stand(&spans))).await?;
    tx.commit().await?;
    Ok(Redirect::to(&format!("/clerk/meetings/{slug}/items")))
}

/// What somebody says of when items were taken. A suggestion that stays keeps how it came to be known.
fn confirmed(starts: &[(MediaTime, AgendaItemId)], before: &[ItemSpan]) -> Vec<ItemSpan> {
    let last_end_ms = before.iter().filter_map(|span| span.end_ms).max();
    let next = starts.iter().skip(1).map(|(at, _)| Some(at.ms())).chain([last_end_ms]);
    let span = |((at, item), end_ms): (&(MediaTime, AgendaItemId), Option<i64>)| {
        let known = before.iter().find(|span| span.item_id == *item && span.start_ms == at.ms());
        ItemSpan {
            id: known.map_or_else(SpanId::new, |span| span.id),
            item_id: *item,
            start_ms: at.ms(),
            end_ms: end_ms.filter(|end| *end > at.ms()),
            source: known.map_or(Evidence::Clerk, |span| span.source),
            confidence: known.map_or(1.0, |span| span.confidence),
            confirmed: true,
        }
    };
    starts.iter().zip(next).map(span).collect()
}
