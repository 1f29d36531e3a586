//! Agenda items, when they were taken, and their papers.

use moothall_core::{AgendaItemId, DocumentId, Evidence, MeetingId, SpanId};
use sqlx::FromRow;

use crate::{
    Db, Tx,
    backend::{on_db, on_tx},
    error::Result,
};

/// One entry of an agenda, worded as printed.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct AgendaItem {
    pub id: AgendaItemId,
    pub parent_id: Option<AgendaItemId>,
    /// As printed: `6a`. Empty where the agenda prints none.
    pub number: String,
    pub title: String,
    /// 0 for a top-level item.
    pub level: i64,
    pub restricted: bool,
}

/// When an item was taken.
#[derive(Debug, Clone, PartialEq, FromRow)]
pub struct ItemSpan {
    pub id: SpanId,
    pub item_id: AgendaItemId,
    pub start_ms: i64,
    /// Absent while the item is under debate.
    pub end_ms: Option<i64>,
    #[sqlx(try_from = "String")]
    pub source: Evidence,
    /// From 0 to 1.
    pub confidence: f64,
    pub confirmed: bool,
}

/// A paper attached to a meeting or to one of its items.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct Document {
    pub id: DocumentId,
    pub item_id: Option<AgendaItemId>,
    pub title: String,
    pub url: String,
}

statements! {
    ITEMS = "SELECT id, parent_id, number, title, level, restricted FROM agenda_items
        WHERE meeting_id = $1 ORDER BY position";
    ITEM_INSERT = "INSERT INTO agenda_items
            (id, meeting_id, parent_id, position, number, title, level, restricted)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
        ON CONFLICT (id) DO UPDATE SET parent_id = excluded.parent_id, position = excluded.position,
            number = excluded.number, title = excluded.title, level = excluded.level,
            restricted = excluded.restricted";
    ITEM_DETACH = "UPDATE agenda_items SET parent_id = NULL WHERE parent_id = $1";
    ITEM_DELETE = "DELETE FROM agenda_items WHERE id = $1";
    SPANS = "SELECT id, item_id, start_ms, end_ms, source, confidence, confirmed FROM item_spans
        WHERE meeting_id = $1 ORDER BY start_ms, id";
    SPANS_DELETE = "DELETE FROM item_spans WHERE meeting_id = $1";
    SPAN_INSERT = "INSERT INTO item_spans
            (id, meeting_id, item_id, start_ms, end_ms, source, confidence, confirmed)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
    SPAN_CLOSE = "UPDATE item_spans SET end_ms = $2 WHERE meeting_id = $1 AND end_ms IS NULL
        AND start_ms <= $2";
    DOCUMENTS = "SELECT id, item_id, title, url FROM documents WHERE meeting_id = $1 ORDER BY position";
    DOCUMENTS_DELETE = "DELETE FROM documents WHERE meeting_id = $1";
    DOCUMENT_INSERT = "INSERT INTO documents (id, meeting_id, item_id, position, title, url)
        VALUES ($1, $2, $3, $4, $5, $6)";
}

impl Db {
    /// In the order of the agenda.
    pub async fn agenda_items(&self, meeting: MeetingId) -> Result<Vec<AgendaItem>> {
        Ok(on_db!(self, |pool| sqlx::query_as(ITEMS).bind(meeting).fetch_all(pool).await)?)
    }

    /// By their start.
    pub async fn item_spans(&self, meeting: MeetingId) -> Result<Vec<ItemSpan>> {
        Ok(on_db!(self, |pool| sqlx::query_as(SPANS).bind(meeting).fetch_all(pool).await)?)
    }

    pub async fn documents(&self, meeting: MeetingId) -> Result<Vec<Document>> {
        Ok(on_db!(self, |pool| sqlx::query_as(DOCUMENTS).bind(meeting).fetch_all(pool).await)?)
    }
}

impl Tx {
    pub async fn agenda_items(&mut self, meeting: MeetingId) -> Result<Vec<AgendaItem>> {
        Ok(on_tx!(self, |connection| sqlx::query_as(ITEMS).bind(meeting).fetch_all(connection).await)?)
    }

    /// By their start.
    pub async fn item_spans(&mut self, meeting: MeetingId) -> Result<Vec<ItemSpan>> {
        Ok(on_tx!(self, |connection| sqlx::query_as(SPANS).bind(meeting).fetch_all(connection).await)?)
    }

    /// Writes the agenda as it now is. An item whose id was there before keeps its spans; one that is no
    /// longer in `items` goes, and its spans with it. Parents stand before their children.
    pub async fn replace_agenda(&mut self, meeting: MeetingId, items: &[AgendaItem]) -> Result<()> {
        for old in self.agenda_items(meeting).await? {
            if !items.iter().any(|item| item.id == old.id) {
                on_tx!(self, |connection| {
                    sqlx::query(ITEM_DETACH).bind(old.id).execute(connection).await.map(drop)
                })?;
                on_tx!(self, |connection| {
                    sqlx::query(ITEM_DELETE).bind(old.id).execute(connection).await.map(drop)
                })?;
            }
        }
        for (position, item) in (0_i64..).zip(items) {
            on_tx!(self, |connection| {
                sqlx::query(ITEM_INSERT)
                    .bind(item.id)
                    .bind(meeting)
                    .bind(item.parent_id)
                    .bind(position)
                    .bind(&item.number)
                    .bind(&item.title)
                    .bind(item.level)
                    .bind(item.restricted)
                    .execute(connection)
                    .await
                    .map(drop)
            })?;
        }
        self.touch_meeting(meeting).await
    }

    /// Writes all spans of a meeting's items anew.
    pub async fn replace_item_spans(&mut self, meeting: MeetingId, spans: &[ItemSpan]) -> Result<()> {
        on_tx!(self, |connection| sqlx::query(SPANS_DELETE)
            .bind(meeting)
            .execute(connection)
            .await
            .map(drop))?;
        for span in spans {
            self.insert_item_span(meeting, span).await?;
        }
        self.touch_meeting(meeting).await
    }

    /// The meeting goes on to another item: open spans end where this one starts.
    pub async fn start_item(&mut self, meeting: MeetingId, span: &ItemSpan) -> Result<()> {
        on_tx!(self, |connection| {
            sqlx::query(SPAN_CLOSE).bind(meeting).bind(span.start_ms).execute(connection).await.map(drop)
        })?;
        self.insert_item_span(meeting, span).await?;
        self.touch_meeting(meeting).await
    }

    async fn insert_item_span(&mut self, meeting: MeetingId, span: &ItemSpan) -> Result<()> {
        on_tx!(self, |connection| {
            sqlx::query(SPAN_INSERT)
                .bind(span.id)
                .bind(meeting)
                .bind(span.item_id)
                .bind(span.start_ms)
                .bind(span.end_ms)
                .bind(span.source.as_str())
                .bind(span.confidence)
                .bind(span.confirmed)
                .execute(connection)
                .await
                .map(drop)
        })?;
        Ok(())
    }

    pub async fn replace_documents(&mut self, meeting: MeetingId, documents: &[Document]) -> Result<()> {
        on_tx!(self, |connection| {
            sqlx::query(DOCUMENTS_DELETE).bind(meeting).execute(connection).await.map(drop)
        })?;
        for (position, document) in (0_i64..).zip(documents) {
            on_tx!(self, |connection| {
                sqlx::query(DOCUMENT_INSERT)
                    .bind(document.id)
                    .bind(meeting)
                    .bind(document.item_id)
                    .bind(position)
                    .bind(&document.title)
                    .bind(&document.url)
                    .execute(connection)
                    .await
                    .map(drop)
            })?;
        }
        Ok(())
    }
}
