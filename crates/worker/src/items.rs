//! Suggests when each item was taken, where nobody has noted it, from what was said.

use anyhow::Result;
use moothall_agenda::suggest::{Line, Planned, Suggestion, suggest as suggested};
use moothall_core::{Evidence, MediaTime, MeetingId, SpanId};
use moothall_store::{ItemSpan, Tx};

/// Makes suggestions anew, and says how many there are. Where a clerk noted times, or confirmed some that were suggested,
/// that stays as it is.
pub async fn suggest(tx: &mut Tx, meeting: MeetingId) -> Result<usize> {
    let before = tx.item_spans(meeting).await?;
    let is_of_people = |span: &ItemSpan| span.confirmed || span.source != Evidence::Wording;
    let items = tx.agenda_items(meeting).await?;
    if items.is_empty() || before.iter().any(is_of_people) {
        return Ok(0);
    }
    let captions = tx.captions(meeting).await?;
    let Some(end) = captions.iter().map(|caption| caption.end_ms).max() else { return Ok(0) };
    let spans: Vec<ItemSpan> = tokio::task::spawn_blocking(move || {
        let planned: Vec<Planned> = items
            .iter()
            .map(|item| Planned {
                number: &item.number,
                title: &item.title,
                level: usize::try_from(item.level).unwrap_or(0),
            })
            .collect();
        let lines: Vec<Line> = captions
            .iter()
            .map(|caption| Line { start_ms: caption.start_ms, end_ms: caption.end_ms, text: &caption.text })
            .collect();
        let found = suggested(&planned, &lines);
        let starts = found.iter().skip(1).map(|next| next.start_ms).chain([end]);
        let span = |(suggestion, end): (&Suggestion, MediaTime)| ItemSpan {
            id: SpanId::new(),
            item_id: items[suggestion.item].id,
            start_ms: suggestion.start_ms.ms(),
            end_ms: Some(end.ms()),
            source: Evidence::Wording,
            confidence: suggestion.confidence,
            confirmed: false,
        };
        found.iter().zip(starts).map(span).collect()
    })
    .await?;
    if !(before.is_empty() && spans.is_empty()) {
        tx.replace_item_spans(meeting, &spans).await?;
    }
    Ok(spans.len())
}

#[cfg(test)]
mod tests {
    use moothall_core::{AgendaItemId, Caption, MediaTime};
    use moothall_store::AgendaItem;
    use moothall_testkit::{Scene, TestDb};

    use super::*;
    use crate::turns::{Spoken, gather};

    const SAID: [(i64, &str); 6] = [
        (0, "Good evening everybody, and welcome."),
        (8, "Item one, apologies for absence."),
        (14, "I have apologies from Councillor Hale."),
        (30, "We move to item two, the Mill Lane footbridge."),
        (40, "The bridge has been closed since the flood."),
        (70, "Item three is the allotments at Church End."),
    ];

    #[tokio::test]
    async fn times_are_suggested_until_somebody_notes_them() {
        let test = TestDb::sqlite().await;
        let meeting = Scene::set(&test.db).await.meeting.id;
        let titles = ["Apologies for absence", "Mill Lane footbridge", "Allotments at Church End"];
        let item = |(number, title): (usize, &str)| AgendaItem {
            id: AgendaItemId::new(),
            parent_id: None,
            number: (number + 1).to_string(),
            title: title.to_owned(),
            level: 0,
            restricted: false,
        };
        let items: Vec<AgendaItem> = titles.into_iter().enumerate().map(item).collect();
        let caption = |(seconds, text): (i64, &str)| {
            Spoken::from(Caption {
                start_ms: MediaTime::from_ms(seconds * 1_000),
                end_ms: MediaTime::from_ms(seconds * 1_000 + 4_000),
                text: text.to_owned(),
                words: Vec::new(),
                confidence: None,
                speaker: None,
                language: None,
            })
        };
        let (turns, captions) = gather(None, &[], SAID.into_iter().map(caption).collect());
        let mut tx = test.db.begin().await.unwrap();
        tx.replace_agenda(meeting, &items).await.unwrap();
        assert_eq!(suggest(&mut tx, meeting).await.unwrap(), 0, "nothing was said yet");
        tx.append_transcript(meeting, &turns, &captions).await.unwrap();
        assert_eq!(suggest(&mut tx, meeting).await.unwrap(), 3);
        let spans = tx.item_spans(meeting).await.unwrap();
        let called_s = spans.iter().zip([8, 30, 70]);
        for (span, from_s) in called_s {
            assert!((from_s..from_s + 4).contains(&(span.start_ms / 1_000)), "{from_s}: {span:?}");
        }
        let ends: Vec<_> = spans.iter().map(|span| span.end_ms).collect();
        assert_eq!(ends, [Some(spans[1].start_ms), Some(spans[2].start_ms), Some(74_000)]);
        assert!(spans.iter().all(|span| !span.confirmed && span.source == Evidence::Wording), "{spans:?}");

        let noted = ItemSpan { confirmed: true, ..spans[1].clone() };
        tx.replace_item_spans(meeting, std::slice::from_ref(&noted)).await.unwrap();
        assert_eq!(suggest(&mut tx, meeting).await.unwrap(), 0);
        assert_eq!(tx.item_spans(meeting).await.unwrap(), [noted]);
    }
}
