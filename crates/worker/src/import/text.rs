//! The parts of an import that are text: agenda, logs and captions.

use std::{
    collections::{HashMap, HashSet},
    fs,
    path::{Path, PathBuf},
};

use anyhow::Result;
use chrono::TimeDelta;
use moothall_agenda::{Agenda, AgendaError, ItemEntry, Log, MicrophoneEntry, MicrophoneTime, SpeakerEntry};
use moothall_core::{
    AgendaItemId, CaptionId, DocumentId, Evidence, MicrophoneEvent, SpanId, SpeakerId, SpeakerMark,
    formats::{ReadCaptions, is_upper_case},
};
use moothall_store::{AgendaItem, Council, Document, ItemSpan, Membership, Speaker, SpeakerKind, Tx};
use sha2::{Digest, Sha256};

use super::{Part, Report, Request};
use crate::{
    floor::{cut_and_regather, floors_of},
    items,
    turns::{Spoken, gather},
};

/// More troubles with one file than this are counted instead of listed.
const MOST_WARNINGS: usize = 20;

/// Agenda before items, speakers before captions: each needs what the one before it brings.
pub async fn import(tx: &mut Tx, council: &Council, request: &Request, report: &mut Report) -> Result<()> {
    let mut new_agenda = false;
    if let Some(file) = new_part(tx, Part::Agenda, request.agenda.as_ref(), report).await? {
        match read(file.path.clone(), moothall_agenda::read).await? {
            Ok(agenda) => {
                save_agenda(tx, council, agenda, &file, report).await?;
                file.remember(tx, report).await?;
                new_agenda = true;
            }
            Err(error) => report.failures.push(error.to_string()),
        }
    }
    if let Some(file) = new_part(tx, Part::Items, request.items.as_ref(), report).await? {
        match read(file.path.clone(), moothall_agenda::read_item_log).await? {
            Ok(log) => {
                save_item_log(tx, &log, &file, report).await?;
                file.remember(tx, report).await?;
            }
            Err(error) => report.failures.push(error.to_string()),
        }
    }
    let mut new_marks = false;
    if let Some(file) = new_part(tx, Part::Speakers, request.speakers.as_ref(), report).await? {
        match read(file.path.clone(), moothall_agenda::read_speaker_log).await? {
            Ok(log) => {
                save_speaker_log(tx, council, &log, &file, report).await?;
                file.remember(tx, report).await?;
                new_marks = true;
            }
            Err(error) => report.failures.push(error.to_string()),
        }
    }
    if let Some(file) = new_part(tx, Part::Microphones, request.microphones.as_ref(), report).await? {
        match read(file.path.clone(), moothall_agenda::read_microphone_log).await? {
            Ok(log) => {
                new_marks |= save_microphone_log(tx, &log, &file, report).await?;
                file.remember(tx, report).await?;
            }
            Err(error) => report.failures.push(error.to_string()),
        }
    }
    let mut new_captions = false;
    if let Some(file) = new_part(tx, Part::Captions, request.captions.as_ref(), report).await? {
        match read(file.path.clone(), moothall_agenda::read_captions).await? {
            Ok(captions) => {
                new_captions = save_captions(tx, council, captions, &file, report).await?;
                if new_captions {
                    file.remember(tx, report).await?;
                }
            }
            Err(error) => report.failures.push(error.to_string()),
        }
    }
    if new_marks && !new_captions {
        cut_and_regather(tx, report.meeting.id).await?;
    }
    if new_captions || new_agenda {
        let suggested = items::suggest(tx, report.meeting.id).await?;
        if suggested > 0 {
            report.done.push(format!("item times: {suggested} suggested from what was said"));
        }
    }
    Ok(())
}

/// A file whose content is not what was imported last time.
struct NewPart {
    part: Part,
    path: PathBuf,
    sha256: String,
}

impl NewPart {
    async fn remember(&self, tx: &mut Tx, report: &mut Report) -> Result<()> {
        report.unchanged = false;
        Ok(tx.save_import(report.meeting.id, self.part.as_str(), &self.sha256).await?)
    }

    /// Takes over the troubles of a file, not without limit.
    fn warn(&self, warnings: impl ExactSizeIterator<Item = String>, report: &mut Report) {
        let more = warnings.len().saturating_sub(MOST_WARNINGS);
        let file = self.path.display();
        report.warnings.extend(warnings.take(MOST_WARNINGS).map(|warning| format!("{file}: {warning}")));
        if more > 0 {
            report.warnings.push(format!("{file}: and {more} more of the kind"));
        }
    }
}

async fn new_part(
    tx: &mut Tx,
    part: Part,
    path: Option<&PathBuf>,
    report: &mut Report,
) -> Result<Option<NewPart>> {
    let Some(path) = path.cloned() else { return Ok(None) };
    let bytes = match fs::read(&path) {
        Ok(bytes) => bytes,
        Err(error) => {
            report.failures.push(format!("cannot read the {part} {}: {error}", path.display()));
            return Ok(None);
        }
    };
    let sha256 = format!("{:x}", Sha256::digest(&bytes));
    let known = tx.imported(report.meeting.id, part.as_str()).await?;
    Ok((known.as_ref() != Some(&sha256)).then_some(NewPart { part, path, sha256 }))
}

/// Parsers block: they run where they hold nobody up.
async fn read<T: Send + 'static>(
    path: PathBuf,
    parser: impl FnOnce(&Path) -> Result<T, AgendaError> + Send + 'static,
) -> Result<Result<T, AgendaError>> {
    Ok(tokio::task::spawn_blocking(move || parser(&path)).await?)
}

async fn save_agenda(
    tx: &mut Tx,
    council: &Council,
    agenda: Agenda,
    file: &NewPart,
    report: &mut Report,
) -> Result<()> {
    let meeting = report.meeting.id;
    let known = tx.agenda_items(meeting).await?;
    let mut items: Vec<AgendaItem> = Vec::with_capacity(agenda.items.len());
    let mut documents = Vec::new();
    // The last item of each level, where the next one's parent is found.
    let mut open: Vec<AgendaItemId> = Vec::new();
    for item in agenda.items {
        let level = usize::from(item.level).min(open.len());
        open.truncate(level);
        // An item that was there before keeps its id, and with it its times and links.
        let same = |old: &&AgendaItem| {
            old.number == item.number && (!item.number.is_empty() || old.title == item.title)
        };
        let id = known
            .iter()
            .find(same)
            .map(|old| old.id)
            .filter(|id| items.iter().all(|taken| taken.id != *id))
            .unwrap_or_else(AgendaItemId::new);
        documents.extend(item.documents.into_iter().map(|document| Document {
            id: DocumentId::new(),
            item_id: Some(id),
            title: document.title,
            url: document.url,
        }));
        items.push(AgendaItem {
            id,
            parent_id: open.last().copied(),
            number: item.number,
            title: item.title,
            level: i64::try_from(level)?,
            restricted: item.restricted,
        });
        open.push(id);
    }
    tx.replace_agenda(meeting, &items).await?;
    tx.replace_documents(meeting, &documents).await?;
    for attendee in agenda.attendees {
        let person = tx.ensure_person(council, &attendee.name).await?;
        tx.ensure_membership(&Membership {
            person_id: person.id,
            committee_id: Some(report.meeting.committee_id),
            role: attendee.role.unwrap_or_else(|| "Member".to_owned()),
            party: attendee.party,
            ward: attendee.ward,
            from_date: None,
            to_date: None,
        })
        .await?;
    }
    report.done.push(format!("agenda: {} items", items.len()));
    file.warn(agenda.warnings.into_iter(), report);
    Ok(())
}

async fn save_item_log(tx: &mut Tx, log: &Log<ItemEntry>, file: &NewPart, report: &mut Report) -> Result<()> {
    let meeting = report.meeting.id;
    let items = tx.agenda_items(meeting).await?;
    let by_number: HashMap<String, AgendaItemId> =
        items.iter().rev().map(|item| (item.number.to_lowercase(), item.id)).collect();
    let mut spans: Vec<ItemSpan> = Vec::with_capacity(log.rows.len());
    let mut unknown = Vec::new();
    for row in &log.rows {
        let Some(item_id) = by_number.get(&row.number.to_lowercase()).copied() else {
            unknown.push(format!(
                "the agenda has no item {}; its time {} was left out",
                row.number, row.time_ms
            ));
            continue;
        };
        let start_ms = row.time_ms.ms();
        if let Some(last) = spans.last_mut() {
            last.end_ms = Some(start_ms);
        }
        spans.push(ItemSpan {
            id: SpanId::new(),
            item_id,
            start_ms,
            end_ms: None,
            source: Evidence::Clerk,
            confidence: 1.0,
            confirmed: true,
        });
    }
    tx.replace_item_spans(meeting, &spans).await?;
    report.done.push(format!("item log: {} times", spans.len()));
    file.warn(log.warnings.iter().map(ToString::to_string), report);
    file.warn(unknown.into_iter(), report);
    Ok(())
}

async fn save_speaker_log(
    tx: &mut Tx,
    council: &Council,
    log: &Log<SpeakerEntry>,
    file: &NewPart,
    report: &mut Report,
) -> Result<()> {
    let meeting = report.meeting.id;
    let has_roster = tx.has_people(council.id).await?;
    let mut speakers: HashMap<String, SpeakerId> = HashMap::new();
    let mut unknown = Vec::new();
    let mut marks: Vec<SpeakerMark> = Vec::with_capacity(log.rows.len());
    for row in &log.rows {
        let speaker_id = match speakers.get(&row.name) {
            Some(id) => *id,
            None => {
                let known = tx.person_by_name(council.id, &row.name).await?;
                if known.is_none() && has_roster && !is_public(row) {
                    unknown.push(format!("{} was not among the council's people and was added", row.name));
                }
                let speaker = if is_public(row) {
                    new_speaker(&row.name, SpeakerKind::Public, row.role.clone())
                } else {
                    let person = tx.ensure_person(council, &row.name).await?;
                    Speaker {
                        person_id: Some(person.id),
                        ..new_speaker(&row.name, SpeakerKind::Person, row.role.clone())
                    }
                };
                let id = tx.save_speaker(meeting, &speaker).await?;
                speakers.insert(row.name.clone(), id);
                id
            }
        };
        let at_ms = row.time_ms.ms();
        // Of two at one moment the later row counts.
        marks.retain(|mark| mark.at_ms != at_ms);
        marks.push(SpeakerMark {
            at_ms,
            speaker_id: Some(speaker_id),
            evidence: Evidence::Clerk,
            strength: 1.0,
        });
    }
    tx.replace_speaker_marks(meeting, Evidence::Clerk, &marks).await?;
    // It says of the whole meeting who spoke: voices are no longer asked.
    tx.replace_speaker_marks(meeting, Evidence::Voice, &[]).await?;
    report.done.push(format!("speaker log: {} speakers", speakers.len()));
    file.warn(log.warnings.iter().map(ToString::to_string), report);
    file.warn(unknown.into_iter(), report);
    Ok(())
}

/// Returns whether somebody else has the floor at some time now.
async fn save_microphone_log(
    tx: &mut Tx,
    log: &Log<MicrophoneEntry>,
    file: &NewPart,
    report: &mut Report,
) -> Result<bool> {
    let meeting = report.meeting.id;
    let epoch = tx.recording(meeting).await?.map_or(report.meeting.starts_at, |recording| recording.epoch);
    let event = |row: &MicrophoneEntry| MicrophoneEvent {
        at: match row.time {
            MicrophoneTime::Clock(at) => at.to_utc(),
            MicrophoneTime::Media(at) => epoch + TimeDelta::milliseconds(at.ms()),
        },
        microphone: row.microphone.clone(),
        is_on: row.is_on,
        name: row.name.clone(),
    };
    let events: Vec<MicrophoneEvent> = log.rows.iter().map(event).collect();
    let taken = tx.take_microphone_events(meeting, &events).await?;
    report.done.push(format!("microphone log: {} events", taken.events));
    file.warn(log.warnings.iter().map(ToString::to_string), report);
    Ok(taken.changes_floor)
}

/// A clerk logs residents by what they are, and nobody may make persons of them.
fn is_public(row: &SpeakerEntry) -> bool {
    SpeakerKind::says_public(&row.name) || row.role.as_deref().is_some_and(SpeakerKind::says_public)
}

fn new_speaker(name: &str, kind: SpeakerKind, role: Option<String>) -> Speaker {
    Speaker { id: SpeakerId::new(), person_id: None, person_slug: None, kind, name: name.to_owned(), role }
}

/// Returns whether the captions came in.
async fn save_captions(
    tx: &mut Tx,
    council: &Council,
    read: ReadCaptions,
    file: &NewPart,
    report: &mut Report,
) -> Result<bool> {
    let meeting = report.meeting.id;
    let corrected = tx.count_corrected(meeting).await?;
    if corrected > 0 {
        report.failures.push(format!(
            "{}: {corrected} captions of this meeting have been corrected by hand, and another file would \
             lose that; the captions were left as they are",
            file.path.display()
        ));
        return Ok(false);
    }
    let upper_case = is_upper_case(read.captions.iter().map(|caption| caption.text.as_str()));
    if upper_case != report.meeting.upper_case {
        report.meeting.upper_case = upper_case;
        tx.update_meeting(&report.meeting).await?;
    }
    let names: HashSet<&str> =
        read.captions.iter().filter_map(|caption| caption.speaker.as_deref()).collect();
    let mut speakers: HashMap<String, SpeakerId> = HashMap::new();
    for name in names {
        let person = tx.person_by_name(council.id, name).await?;
        let kind = if person.is_some() { SpeakerKind::Person } else { SpeakerKind::Voice };
        let speaker = Speaker { person_id: person.map(|person| person.id), ..new_speaker(name, kind, None) };
        speakers.insert(name.to_owned(), tx.save_speaker(meeting, &speaker).await?);
    }
    let floors = floors_of(tx, meeting).await?;
    file.warn(read.warnings.iter().map(ToString::to_string), report);
    let spoken = read
        .captions
        .into_iter()
        .map(|caption| Spoken {
            id: CaptionId::new(),
            start_ms: caption.start_ms,
            end_ms: caption.end_ms,
            text: caption.text,
            words: Vec::new(),
            confidence: None,
            corrected: false,
            language: None,
            speaker: caption.speaker.and_then(|name| speakers.get(&name).copied()),
            new_turn: caption.new_turn,
        })
        .collect();
    let (turns, captions) = gather(None, &floors, spoken);
    tx.clear_transcript(meeting).await?;
    tx.append_transcript(meeting, &turns, &captions).await?;
    report.done.push(format!("captions: {} in {} turns", captions.len(), turns.len()));
    Ok(true)
}
