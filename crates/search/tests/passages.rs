//! What is found together, and found once, wherever a turn is cut into passages.

mod made_up;

use made_up::{filled, found, meeting, planning, said, search, words};
use moothall_search::{CaptionDoc, FacetValue};

#[test]
fn passages_end_with_the_turn_the_item_and_after_half_a_minute() {
    let long = (0..60).map(|number| words(&format!("word{number} and"))).collect();
    let filled = filled(&[planning(), meeting("long", "Council", "2026-01-01T10:00:00Z", long)]);
    assert_eq!(found(&filled.index, "word0 word15"), 1);
    assert_eq!(found(&filled.index, "word0 word25"), 0, "fifty seconds apart");
    assert_eq!(found(&filled.index, "county application"), 0, "another speaker");
    assert_eq!(found(&filled.index, "refused café"), 0, "another item");
}

/// One turn of 120 words, word0 to word119, in captions of three: four passages.
fn long_turn() -> Vec<CaptionDoc> {
    let caption = |number: usize| {
        let text =
            (number * 3..number * 3 + 3).map(|word| format!("word{word}")).collect::<Vec<_>>().join(" ");
        said("Ann Lee", None, &text)
    };
    (0..40).map(caption).collect()
}

#[test]
fn a_phrase_is_found_once_wherever_its_turn_is_cut_into_passages() {
    let filled = filled(&[meeting("m", "Council", "2026-01-01T10:00:00Z", long_turn())]);
    let passages = found(&filled.index, "speaker:lee");
    assert!(passages >= 2, "a turn of 80 seconds in {passages} passages");
    for length in [2, 5, 40] {
        for first in 0..=120 - length {
            let words: Vec<_> = (first..first + length).map(|word| format!("word{word}")).collect();
            let results = search(&filled.index, &format!("\"{}\"", words.join(" ")));
            let hit = (results.total, &results.facets.speaker[..]);
            assert!(matches!(hit, (1, [FacetValue { count: 1, .. }])), "{words:?}: {hit:?}");
            // The caption of its first word, and all of it shown.
            let hit = &results.hits[0];
            assert_eq!(hit.t.ms(), (first as i64 / 3 + 1) * 2_000, "{words:?}");
            let marked = hit.snippet.contains(&format!("<mark>{}</mark>", words.join(" ")));
            assert!(marked || length > 30, "{}", hit.snippet);
        }
    }
    assert_eq!(found(&filled.index, "\"word38 word40\""), 0);
    let prefixes = (0..119).map(|word| found(&filled.index, &format!("\"word{word} word{}*\"", word + 1)));
    assert_eq!(prefixes.collect::<Vec<_>>(), [1; 119]);
    let without =
        (0..119).map(|word| found(&filled.index, &format!("speaker:lee -\"word{word} word{}\"", word + 1)));
    assert_eq!(without.collect::<Vec<_>>(), vec![passages - 1; 119]);
}

#[test]
fn a_phrase_does_not_go_on_with_another_turn() {
    let mut captions = long_turn();
    captions[20].speaker = said("Tom Lee", None, "").speaker;
    let filled = filled(&[meeting("m", "Council", "2026-01-01T10:00:00Z", captions)]);
    assert_eq!(found(&filled.index, "\"word58 word59\""), 1);
    assert_eq!(found(&filled.index, "\"word59 word60\""), 0);
}

#[test]
fn what_is_said_next_finds_nothing_by_itself() {
    let filled = filled(&[meeting("m", "Council", "2026-01-01T10:00:00Z", long_turn())]);
    for word in 0..120 {
        for text in [format!("word{word}"), format!("\"word{word}\""), format!("\"word{word}*\" -zebra")] {
            let hits = search(&filled.index, &text).hits;
            assert!(hits.iter().any(|hit| hit.t.ms() == (word / 3 + 1) * 2_000), "{text}: {hits:?}");
            assert!(text.contains('*') || hits.len() == 1, "{text}: {hits:?}");
        }
    }
}

#[test]
fn a_long_passage_is_cut_around_the_words_found() {
    let mut captions: Vec<_> = (0..15).map(|_| words("a long way to go, everybody, before")).collect();
    captions.push(words("the swimming pool is mentioned"));
    let id = captions[15].id;
    let filled = filled(&[meeting("m", "Council", "2026-01-01T10:00:00Z", captions)]);
    let hit = search(&filled.index, "pools").hits.remove(0);
    assert_eq!((hit.caption_id, hit.t.ms()), (id, 32_000));
    assert!(hit.text.starts_with('…') && hit.text.ends_with("mentioned"), "{}", hit.text);
    assert!(hit.text.len() < 120, "{}", hit.text);
}
