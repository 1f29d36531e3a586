//! Captions give way to better ones of the same words, and links to them keep leading there.

use moothall_core::{Caption, CaptionId};
use moothall_store::{CaptionRow, FormerCaption};

use crate::{floor::parts, turns::Spoken};

/// What takes the place of captions that were there before.
#[derive(Debug, Default)]
pub struct Succession {
    /// In order of time, with those that a person has corrected: they stay as they are.
    pub captions: Vec<Spoken>,
    pub former: Vec<FormerCaption>,
}

/// Lets captions give way to `new` ones. Of those that are heard at the same time, the first to share most time
/// with a new one leaves it its id; to the others, and to those that had given way before, it is the successor.
pub fn succeed(before: Vec<CaptionRow>, former: &[FormerCaption], new: Vec<Caption>) -> Succession {
    let (kept, gone): (Vec<CaptionRow>, Vec<CaptionRow>) = before.into_iter().partition(|row| row.corrected);
    let mut captions: Vec<Spoken> =
        new.into_iter().flat_map(|caption| beside(caption, &kept)).map(Spoken::from).collect();
    captions.extend(kept.into_iter().map(Spoken::from));
    captions.sort_by_key(|caption| caption.start_ms);
    let heirs: Vec<Option<usize>> = gone.iter().map(|row| heir(row, &captions)).collect();
    for (index, caption) in captions.iter_mut().enumerate().filter(|(_, caption)| !caption.corrected) {
        let ancestors = gone.iter().zip(&heirs).filter(|(_, heir)| **heir == Some(index));
        let shared = |(row, _): &(&CaptionRow, _)| std::cmp::Reverse(shared_ms(row, caption));
        if let Some((row, _)) = ancestors.min_by_key(shared) {
            caption.id = row.id;
        }
    }
    let successor = |id: CaptionId| {
        let heir = gone.iter().zip(&heirs).find(|(row, _)| row.id == id).and_then(|(_, heir)| *heir);
        heir.map(|index| captions[index].id)
    };
    let ids =
        gone.iter().map(|row| (row.id, row.id)).chain(former.iter().map(|row| (row.id, row.caption_id)));
    let former = ids
        .filter_map(|(id, of)| Some(FormerCaption { id, caption_id: successor(of)? }))
        .filter(|row| row.id != row.caption_id)
        .collect();
    Succession { captions, former }
}

/// What of a caption is not said in those that stay.
fn beside(caption: Caption, kept: &[CaptionRow]) -> Vec<Caption> {
    let near = |row: &&CaptionRow| row.start_ms < caption.end_ms && caption.start_ms < row.end_ms;
    let kept: Vec<&CaptionRow> = kept.iter().filter(near).collect();
    if kept.is_empty() {
        return vec![caption];
    }
    let edges: Vec<_> = kept.iter().flat_map(|row| [row.start_ms, row.end_ms]).collect();
    let cut = parts(&caption.words, caption.end_ms, caption.language.as_deref(), &edges);
    let is_new = |part: &Caption| {
        let middle_ms = i64::midpoint(part.start_ms.ms(), part.end_ms.ms());
        kept.iter().all(|row| middle_ms < row.start_ms.ms() || row.end_ms.ms() <= middle_ms)
    };
    let parts = if cut.is_empty() { vec![caption] } else { cut };
    parts.into_iter().filter(is_new).collect()
}

/// Which of the captions says most of what this one did; where none does, the one that is nearest.
fn heir(row: &CaptionRow, captions: &[Spoken]) -> Option<usize> {
    (0..captions.len()).rev().max_by_key(|&index| shared_ms(row, &captions[index]))
}

/// Negative by the distance between them.
fn shared_ms(row: &CaptionRow, caption: &Spoken) -> i64 {
    row.end_ms.min(caption.end_ms) - row.start_ms.max(caption.start_ms)
}

#[cfg(test)]
mod tests {
    use moothall_core::{MediaTime, TurnId, Word};

    use super::*;

    fn caption(start_ms: i64, text: &str) -> Caption {
        let words: Vec<Word> = (0..)
            .zip(text.split(' '))
            .map(|(index, text)| Word {
                start_ms: MediaTime::from_ms(start_ms + index * 500),
                end_ms: MediaTime::from_ms(start_ms + index * 500 + 400),
                text: text.to_owned(),
                confidence: 0.9,
            })
            .collect();
        let end_ms = words[words.len() - 1].end_ms;
        let start_ms = words[0].start_ms;
        Caption {
            start_ms,
            end_ms,
            text: text.to_owned(),
            words,
            confidence: None,
            speaker: None,
            language: None,
        }
    }

    fn row(start_ms: i64, text: &str) -> CaptionRow {
        let Caption { start_ms, end_ms, text, words, .. } = caption(start_ms, text);
        let (id, turn_id, words) = (CaptionId::new(), TurnId::new(), sqlx::types::Json(words));
        CaptionRow {
            id,
            turn_id,
            start_ms,
            end_ms,
            text,
            words,
            confidence: None,
            corrected: false,
            language: None,
        }
    }

    #[test]
    fn each_caption_that_goes_leads_to_the_one_with_its_words() {
        let before = vec![row(0, "If called to"), row(1_500, "a case"), row(5_000, "of poisoning")];
        let ids: Vec<CaptionId> = before.iter().map(|row| row.id).collect();
        let older = FormerCaption { id: CaptionId::new(), caption_id: ids[1] };
        let new = vec![caption(0, "If called to a case,"), caption(5_200, "of poisoning,")];
        let Succession { captions, former } = succeed(before, &[older], new);
        assert_eq!(captions.iter().map(|caption| caption.id).collect::<Vec<_>>(), [ids[0], ids[2]]);
        let leads = |id| FormerCaption { id, caption_id: ids[0] };
        assert_eq!(former, [leads(ids[1]), leads(older.id)]);
    }

    #[test]
    fn what_a_person_corrected_stays_and_is_not_said_twice() {
        let mut corrected = row(1_000, "Councillor Smyth moves");
        corrected.corrected = true;
        let new = vec![caption(0, "So then counsellor Smith moves it.")];
        let captions = succeed(vec![corrected.clone()], &[], new).captions;
        let texts: Vec<&str> = captions.iter().map(|caption| caption.text.as_str()).collect();
        assert_eq!(texts, ["So then", "Councillor Smyth moves", "it."]);
        assert!(captions[1].id == corrected.id && captions[1].corrected);
    }

    #[test]
    fn a_caption_whose_words_are_in_a_corrected_one_leads_there() {
        let mut corrected = row(1_000, "Councillor Smyth moves");
        corrected.corrected = true;
        let gone = row(1_400, "Smith moves");
        let former = succeed(vec![corrected.clone(), gone.clone()], &[], Vec::new()).former;
        assert_eq!(former, [FormerCaption { id: gone.id, caption_id: corrected.id }]);
    }

    #[test]
    fn what_was_never_said_leads_nowhere() {
        let Succession { captions, former } = succeed(vec![row(0, "Thank you.")], &[], Vec::new());
        assert!(captions.is_empty() && former.is_empty());
    }
}
