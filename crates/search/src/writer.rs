//! Feeding: one long-lived writer, batches, and the place in the database's sequence of changes.

use std::sync::{Mutex, MutexGuard, PoisonError};

use moothall_core::MeetingId;
use serde::{Deserialize, Serialize};
use tantivy::{IndexMeta, IndexWriter, TantivyDocument, TantivyError, Term};

use crate::{
    analysis::{in_a_row, item_number},
    document::{Item, MeetingDocs, Speaker},
    index::Index,
    passage::{Passage, Place, passages},
    schema::{Facet, Fields, LABEL_SEPARATOR},
    search::HitMeeting,
};

/// What the writer gathers in memory before it writes a segment.
const MEMORY_BYTES: usize = 64 << 20;

/// Feeding failed: the disk is full, say. All since the last commit is undone, so feed again from
/// [`Index::committed_sequence`].
#[derive(Debug, thiserror::Error)]
#[error("the search index cannot be written: {0}; what was committed before stays searchable")]
pub struct WriteError(#[from] TantivyError);

/// What a result shows, kept with each passage.
#[derive(Debug, Serialize, Deserialize)]
pub struct Stored {
    pub meeting: HitMeeting,
    pub speaker: Option<Speaker>,
    pub item: Option<Item>,
    pub text: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub next: String,
    pub places: Vec<Place>,
}

/// Tantivy's writer, made again after a failure.
pub struct Writer {
    index: tantivy::Index,
    /// Absent after a failure that tantivy's writer did not survive.
    writer: Option<IndexWriter>,
    sequence: i64,
}

impl Writer {
    pub fn new(index: tantivy::Index) -> Result<Self, TantivyError> {
        let sequence = sequence(&index.load_metas()?).map_err(TantivyError::SystemError)?;
        let writer = Some(new_writer(&index)?);
        Ok(Self { index, writer, sequence })
    }

    fn with<T>(
        &mut self,
        action: impl FnOnce(&mut IndexWriter) -> Result<T, TantivyError>,
    ) -> Result<T, WriteError> {
        let writer = match &mut self.writer {
            Some(writer) => writer,
            None => self.writer.insert(new_writer(&self.index)?),
        };
        let outcome = action(writer);
        // A writer that could not roll back is of no more use.
        if outcome.is_err() && writer.rollback().is_err() {
            self.writer = None;
        }
        outcome.map_err(WriteError)
    }
}

/// Merges in progress are finished first: a writer dropped amid them loses their work each time, and the
/// segments pile up.
impl Drop for Writer {
    fn drop(&mut self) {
        if let Some(Err(error)) = self.writer.take().map(IndexWriter::wait_merging_threads) {
            tracing::warn!(%error, "merging of the search index did not finish");
        }
    }
}

/// One thread makes few segments, and keeps the other cores for what is urgent.
fn new_writer(index: &tantivy::Index) -> Result<IndexWriter, TantivyError> {
    index.writer_with_num_threads(1, MEMORY_BYTES)
}

/// The payload of a commit. It stands in `meta.json`, which has no checksum, and a wrong number would lose
/// changes for good; so it is written twice.
fn payload(sequence: i64) -> String {
    format!("{sequence}/{sequence}")
}

/// The sequence number of the last commit; 0 for an index never committed.
pub fn sequence(meta: &IndexMeta) -> Result<i64, String> {
    let Some(text) = &meta.payload else {
        return if meta.segments.is_empty() {
            Ok(0)
        } else {
            Err("its sequence number is missing".to_owned())
        };
    };
    text.split_once('/')
        .filter(|(first, second)| first == second)
        .and_then(|(first, _)| first.parse().ok())
        .ok_or_else(|| "its sequence number is not whole".to_owned())
}

impl Index {
    /// Puts a meeting in place of all that the index held of it. Found after the next [`Index::commit`].
    ///
    /// # Errors
    /// See [`WriteError`]: everything since the last commit is undone.
    pub fn replace_meeting(&self, docs: &MeetingDocs) -> Result<(), WriteError> {
        let fields = &self.fields;
        let documents: Vec<_> = passages(&docs.captions)
            .into_iter()
            .map(|passage| document(fields, docs, passage))
            .collect::<Result<_, _>>()
            .map_err(|error| TantivyError::InvalidArgument(error.to_string()))?;
        self.writer().with(|writer| {
            writer.delete_term(meeting_term(fields, docs.id));
            documents.into_iter().try_for_each(|document| writer.add_document(document).map(drop))
        })
    }

    /// Takes a meeting out. Gone from answers after the next [`Index::commit`].
    pub fn remove_meeting(&self, id: MeetingId) -> Result<(), WriteError> {
        let term = meeting_term(&self.fields, id);
        self.writer().with(|writer| {
            writer.delete_term(term);
            Ok(())
        })
    }

    /// Makes all that was fed findable, and remembers that changes up to `sequence` are in. Costs tens of
    /// milliseconds whatever the number of documents: gather at least a thousand captions or a few seconds.
    ///
    /// # Errors
    /// See [`WriteError`]: everything since the last commit is undone.
    pub fn commit(&self, sequence: i64) -> Result<(), WriteError> {
        let mut guard = self.writer();
        guard.with(|writer| {
            let mut prepared = writer.prepare_commit()?;
            prepared.set_payload(&payload(sequence));
            prepared.commit()
        })?;
        guard.sequence = sequence;
        self.reader.reload()?;
        Ok(())
    }

    /// Up to which change of the database the index is complete; 0 when nothing was committed yet.
    pub fn committed_sequence(&self) -> i64 {
        self.writer().sequence
    }

    fn writer(&self) -> MutexGuard<'_, Writer> {
        lock(&self.writer)
    }
}

/// A panic while feeding leaves at worst an unfinished batch, which the next commit would complete or the
/// next error undo.
fn lock(writer: &Mutex<Writer>) -> MutexGuard<'_, Writer> {
    writer.lock().unwrap_or_else(PoisonError::into_inner)
}

fn meeting_term(fields: &Fields, id: MeetingId) -> Term {
    Term::from_field_text(fields.meeting, &id.to_string())
}

fn document(
    fields: &Fields,
    docs: &MeetingDocs,
    passage: Passage,
) -> Result<TantivyDocument, serde_json::Error> {
    let mut document = TantivyDocument::new();
    document.add_text(fields.meeting, docs.id.to_string());
    document.add_text(fields.stems, &passage.text);
    document.add_pre_tokenized_text(fields.exact, in_a_row(&passage.text, &passage.next));
    let mut facet = |facet: Facet, id: &str, name: &str, label: &str| {
        let fields = fields.facet(facet);
        document.add_text(fields.key, id);
        document.add_text(fields.name, name);
        document.add_text(fields.label, format!("{id}{LABEL_SEPARATOR}{label}"));
    };
    facet(Facet::Committee, &docs.committee.slug, &docs.committee.name, &docs.committee.name);
    facet(Facet::Council, &docs.council.slug, &docs.council.name, &docs.council.name);
    let year = docs.start.format("%Y").to_string();
    facet(Facet::Year, &year, &year, &year);
    if let Some(speaker) = passage.speaker {
        facet(Facet::Speaker, &speaker.id, &speaker.name, &speaker.name);
    }
    if let Some(item) = passage.item {
        let label = format!("{} {}", item.number, item.title);
        facet(Facet::Item, &item.id.to_string(), &item.title, label.trim());
        document.add_text(fields.facet(Facet::Item).key, item_number(&item.number));
    }
    document.add_u64(fields.date, date_number(docs.start.date_naive()));
    document.add_i64(fields.start_s, docs.start.timestamp());
    document.add_u64(fields.meeting_order, docs.id.uuid().as_u64_pair().1);
    let start_ms = passage.places.first().map_or(0, |place| place.start_ms.ms());
    document.add_u64(fields.start_ms, start_ms.unsigned_abs());
    let stored = Stored {
        meeting: HitMeeting {
            id: docs.id,
            slug: docs.slug.clone(),
            title: docs.title.clone(),
            committee: docs.committee.name.clone(),
            council: docs.council.name.clone(),
            start: docs.start.to_rfc3339(),
        },
        speaker: passage.speaker.cloned(),
        item: passage.item.cloned(),
        text: passage.text,
        next: passage.next,
        places: passage.places,
    };
    document.add_text(fields.stored, serde_json::to_string(&stored)?);
    Ok(document)
}

/// 2026-07-23 is 20260723; years before the first are the first.
pub fn date_number(date: chrono::NaiveDate) -> u64 {
    use chrono::Datelike;
    u64::from(date.year().max(0).unsigned_abs()) * 10_000 + u64::from(date.month() * 100 + date.day())
}
