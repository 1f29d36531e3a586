//! Feeds the search index from the database: whole meetings, in the order of the change sequence.

use std::{collections::HashMap, sync::Arc, time::Duration};

use anyhow::Result;
use moothall_core::{AgendaItemId, MediaTime, MeetingId, SpeakerId, TurnId, formats::SentenceCase};
use moothall_search::{CaptionDoc, Index, Item, MeetingDocs, Named, Speaker};
use moothall_store::{Db, ItemSpan, Meeting, Turn};
use tokio::sync::watch;

/// How often the change sequence is looked at: live captions are to be found within five seconds.
const POLL: Duration = Duration::from_secs(2);
/// Meetings per commit: a commit costs tens of milliseconds whatever is in it.
const BATCH: i64 = 50;

pub struct Indexer {
    pub db: Db,
    pub index: Arc<Index>,
}

impl Indexer {
    /// Keeps the index up to date until `stop` says so.
    pub async fn run(&self, mut stop: watch::Receiver<bool>) {
        while !*stop.borrow() {
            match self.catch_up(|_| {}).await {
                Ok(0) => {}
                Ok(meetings) => tracing::info!(meetings, "search index brought up to date"),
                Err(error) => tracing::error!("cannot bring the search index up to date: {error:#}"),
            }
            tokio::select! {
                () = tokio::time::sleep(POLL) => {}
                _ = stop.changed() => {}
            }
        }
    }

    /// Reads every meeting that has changed since the last commit, and says how many. `progress` hears of
    /// each batch how many are done.
    pub async fn catch_up(&self, mut progress: impl FnMut(usize)) -> Result<usize> {
        let mut done = 0;
        loop {
            let changed = self.db.changed_meetings(self.index.committed_sequence(), BATCH).await?;
            let Some(last) = changed.last() else { return Ok(done) };
            let mut batch = Vec::with_capacity(changed.len());
            for change in &changed {
                batch.push((change.id, documents(&self.db, change.id).await?));
            }
            let (index, sequence) = (self.index.clone(), last.changed_seq);
            tokio::task::spawn_blocking(move || {
                for (id, documents) in batch {
                    match documents {
                        Some(documents) => index.replace_meeting(&documents)?,
                        None => index.remove_meeting(id)?,
                    }
                }
                index.commit(sequence)
            })
            .await??;
            done += changed.len();
            progress(done);
        }
    }
}

/// What the public may find of a meeting; `None` where it may find nothing.
async fn documents(db: &Db, id: MeetingId) -> Result<Option<MeetingDocs>> {
    let Some(meeting) = db.meeting(id).await?.filter(|meeting| meeting.state.is_public()) else {
        return Ok(None);
    };
    let speakers: HashMap<SpeakerId, _> =
        db.speakers(id).await?.into_iter().map(|speaker| (speaker.id, speaker)).collect();
    let turns: HashMap<TurnId, Turn> =
        db.turns(id, MediaTime::ZERO).await?.into_iter().map(|turn| (turn.id, turn)).collect();
    let items = db.agenda_items(id).await?;
    let by_id: HashMap<AgendaItemId, Item> = items
        .into_iter()
        .map(|item| (item.id, Item { id: item.id, number: item.number, title: item.title }))
        .collect();
    let spans = db.item_spans(id).await?;
    let rows = db.captions(id, MediaTime::ZERO).await?;
    let mut sentence_case = meeting.upper_case.then(|| SentenceCase::new(&names(&meeting, &speakers)));
    let mut last_turn = None;
    let mut captions = Vec::with_capacity(rows.len());
    for row in rows {
        let text = match &mut sentence_case {
            // A corrected caption has the letters that its editor gave it.
            Some(sentence_case) if !row.corrected => {
                if last_turn != Some(row.turn_id) {
                    sentence_case.new_turn();
                }
                sentence_case.next(&row.text)
            }
            _ => row.text,
        };
        last_turn = Some(row.turn_id);
        let speaker =
            turns.get(&row.turn_id).and_then(|turn| turn.speaker_id).and_then(|id| speakers.get(&id));
        captions.push(CaptionDoc {
            id: row.id,
            start_ms: row.start_ms,
            end_ms: row.end_ms,
            text,
            turn: Some(row.turn_id),
            speaker: speaker.map(|speaker| Speaker {
                id: speaker.person_id.map_or_else(|| speaker.id.to_string(), |person| person.to_string()),
                name: speaker.name.clone(),
            }),
            item: item_at(&spans, row.start_ms).and_then(|id| by_id.get(&id).cloned()),
        });
    }
    let start = meeting.local_start();
    Ok(Some(MeetingDocs {
        id,
        slug: meeting.slug,
        title: meeting.title,
        committee: Named { slug: meeting.committee_slug, name: meeting.committee_name },
        council: Named { slug: meeting.council_slug, name: meeting.council_name },
        start,
        captions,
    }))
}

fn names(meeting: &Meeting, speakers: &HashMap<SpeakerId, moothall_store::Speaker>) -> Vec<String> {
    let mut names = vec![meeting.council_name.clone(), meeting.committee_name.clone()];
    names.extend(speakers.values().map(|speaker| speaker.name.clone()));
    names
}

/// Of spans that overlap, the later start counts: an item taken within another.
fn item_at(spans: &[ItemSpan], at: MediaTime) -> Option<AgendaItemId> {
    spans
        .iter()
        .rev()
        .find(|span| span.start_ms <= at.ms() && span.end_ms.is_none_or(|end_ms| at.ms() < end_ms))
        .map(|span| span.item_id)
}
