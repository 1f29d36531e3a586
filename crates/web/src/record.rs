//! What was said at one meeting, read from the store as it is shown: in sentence case, with the agenda
//! item and the speaker of every caption at hand.

use std::collections::HashMap;

use moothall_core::{CaptionId, MediaTime, SpeakerId, TurnId, formats::SentenceCase};
use moothall_store::{AgendaItem, CaptionRow, Db, ItemSpan, Meeting, Speaker, StoreError, Turn};

#[derive(Debug)]
pub struct Record {
    pub items: Vec<AgendaItem>,
    pub spans: Vec<ItemSpan>,
    /// In the order in which they were first heard of.
    pub speakers: Vec<Speaker>,
    pub turns: Vec<Turn>,
    pub captions: Vec<CaptionRow>,
    /// Of a caption, those that gave way to it: links to them lead to it.
    former: HashMap<CaptionId, Vec<CaptionId>>,
}

impl Record {
    /// All but what was said: agenda and, where the state of the meeting is public, when its items were
    /// taken and who was heard.
    pub async fn outline(db: &Db, meeting: &Meeting) -> Result<Self, StoreError> {
        let mut record = Self {
            items: db.agenda_items(meeting.id).await?,
            spans: Vec::new(),
            speakers: Vec::new(),
            turns: Vec::new(),
            captions: Vec::new(),
            former: HashMap::new(),
        };
        if meeting.state.is_public() {
            record.spans = db.item_spans(meeting.id).await?;
            record.speakers = db.speakers(meeting.id).await?;
        }
        Ok(record)
    }

    /// With the captions that start at or after `from`, where the state of the meeting is public.
    pub async fn load(db: &Db, meeting: &Meeting, from: MediaTime) -> Result<Self, StoreError> {
        let mut record = Self::outline(db, meeting).await?;
        if !meeting.state.is_public() {
            return Ok(record);
        }
        // In capitals, a sentence may have begun before the part that was asked for.
        let read_from = if meeting.upper_case { MediaTime::ZERO } else { from };
        record.turns = db.turns(meeting.id, from).await?;
        record.captions = db.captions(meeting.id, read_from).await?;
        for row in db.former_captions(meeting.id).await? {
            record.former.entry(row.caption_id).or_default().push(row.id);
        }
        if meeting.upper_case {
            record.write_in_sentence_case(meeting);
            record.captions.retain(|caption| caption.start_ms >= from);
        }
        Ok(record)
    }

    fn write_in_sentence_case(&mut self, meeting: &Meeting) {
        let names: Vec<&str> = self
            .speakers
            .iter()
            .map(|speaker| speaker.name.as_str())
            .chain([meeting.committee_name.as_str(), meeting.council_name.as_str()])
            .collect();
        let mut case = SentenceCase::new(&names);
        let mut turn = None;
        for caption in &mut self.captions {
            if turn.replace(caption.turn_id).is_some_and(|before| before != caption.turn_id) {
                case.new_turn();
            }
            caption.text = case.next(&caption.text);
        }
    }

    /// The item that was being taken; of an item and the one above it, that which began last.
    pub fn item_at(&self, time: MediaTime) -> Option<&AgendaItem> {
        let here = |span: &&ItemSpan| {
            span.start_ms <= time.ms() && span.end_ms.is_none_or(|end_ms| time.ms() < end_ms)
        };
        let span = self.spans.iter().filter(here).max_by_key(|span| span.start_ms)?;
        self.items.iter().find(|item| item.id == span.item_id)
    }

    /// Captions that gave way to this one.
    pub fn former(&self, caption: CaptionId) -> &[CaptionId] {
        self.former.get(&caption).map_or(&[], Vec::as_slice)
    }

    pub fn turns_by_id(&self) -> HashMap<TurnId, &Turn> {
        self.turns.iter().map(|turn| (turn.id, turn)).collect()
    }

    pub fn speakers_by_id(&self) -> HashMap<SpeakerId, &Speaker> {
        self.speakers.iter().map(|speaker| (speaker.id, speaker)).collect()
    }
}
