//! Suggests when each item was taken from what was said, for meetings in which no clerk marked it.
//!
//! Three witnesses are heard: what chairs say when they call an item (`numbers`, `cues`), the likeness of
//! what is said to the titles (`titles`), and the order of the agenda, which is nearly always kept (`path`).

mod candidates;
mod cues;
mod numbers;
mod path;
mod titles;
mod words;

use moothall_core::MediaTime;

/// What is known of an item; they come in the order of the agenda.
#[derive(Debug, Clone, Copy)]
pub struct Planned<'a> {
    /// As printed: "6a", "IV", "5.1"; may be empty.
    pub number: &'a str,
    pub title: &'a str,
    /// 0 for an item, 1 for an item of an item, and so on.
    pub level: usize,
}

/// A line of transcript.
#[derive(Debug, Clone, Copy)]
pub struct Line<'a> {
    pub start_ms: MediaTime,
    pub end_ms: MediaTime,
    pub text: &'a str,
}

/// An item was probably taken.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Suggestion {
    /// Index into the agenda.
    pub item: usize,
    /// When the words begin with which it was called.
    pub start_ms: MediaTime,
    /// About the share of suggestions like this one that are right: from [`LEAST_CONFIDENCE`] to 0.98.
    pub confidence: f64,
}

/// What is less sure is not suggested: a wrong time costs a reader more than none.
pub const LEAST_CONFIDENCE: f64 = 0.6;
/// Of what seems sure one in fifty is wrong still: a pledge that is announced with the prayer before it.
const MOST_CONFIDENCE: f64 = 0.98;
/// More items are on no agenda; those after them get no suggestion, so that time stays bounded.
const MAX_ITEMS: usize = 500;
/// How fast the share of right suggestions grows with the odds; the odds are sums of witnesses that are not
/// wholly independent. A round number; over the meetings it was measured on it is a little too modest.
const STEEPNESS: f64 = 0.8;
/// Odds at which every second suggestion is right.
const EVEN: f64 = 0.5;

/// When each item was taken, in order of time; each item at most once, and none where nothing was said of it.
pub fn suggest(items: &[Planned<'_>], lines: &[Line<'_>]) -> Vec<Suggestion> {
    let items = &items[..items.len().min(MAX_ITEMS)];
    let tree = path::Tree::new(items);
    let (speech, candidates) = candidates::candidates(items, &tree, lines);
    let course = path::course(&tree, &candidates);
    let suggestions = course.into_iter().map(|candidate| Suggestion {
        item: candidate.item,
        start_ms: MediaTime::from_ms(speech.words[candidate.start].at_ms),
        confidence: confidence(candidate.odds),
    });
    suggestions.filter(|suggestion| suggestion.confidence >= LEAST_CONFIDENCE).collect()
}

fn confidence(odds: f64) -> f64 {
    (1.0 / (1.0 + (-STEEPNESS * (odds - EVEN)).exp())).min(MOST_CONFIDENCE)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn line(seconds: i64, text: &str) -> Line<'_> {
        let at = |seconds: i64| MediaTime::from_ms(1_000 * seconds);
        Line { start_ms: at(seconds), end_ms: at(seconds + 4), text }
    }

    fn planned<'a>(number: &'a str, title: &'a str) -> Planned<'a> {
        Planned { number, title, level: usize::from(number.len() > 1) }
    }

    #[test]
    fn nothing_said_or_nothing_planned_is_nothing_suggested() {
        let items = [planned("1", "Minutes"), planned("", ""), planned("2", "")];
        assert_eq!(suggest(&items, &[]), []);
        assert_eq!(suggest(&[], &[line(0, "item one, minutes")]), []);
        assert_eq!(suggest(&items, &[line(0, ""), line(5, "...")]), []);
        assert_eq!(suggest(&items, &[line(0, "the weather was fine"), line(5, "in the garden")]), []);
    }

    #[test]
    fn ten_hours_take_no_time() {
        let titles: Vec<String> = (0..200)
            .map(|index| {
                format!("Resolution {index} authorizing the Mayor to sign agreement {} on roads", index * 7)
            })
            .collect();
        let numbers: Vec<String> = (1..=200).map(|number| number.to_string()).collect();
        let items: Vec<_> =
            numbers.iter().zip(&titles).map(|(number, title)| Planned { number, title, level: 0 }).collect();
        let texts: Vec<String> = (0..9_000)
            .map(|index| {
                format!(
                    "item {} is a resolution authorizing the mayor on roads agreement {index}",
                    index % 200
                )
            })
            .collect();
        let lines: Vec<_> = texts.iter().zip(0..).map(|(text, index)| line(4 * index, text)).collect();
        let begun = std::time::Instant::now();
        assert!(!suggest(&items, &lines).is_empty());
        // A tenth of that is usual; machines that test are busy.
        assert!(begun.elapsed().as_secs() < 5, "{:?}", begun.elapsed());
    }

    #[test]
    fn monstrous_input_takes_bounded_time() {
        let long = "resolution item one ".repeat(5_000);
        let word = "x".repeat(100_000);
        let mut items = vec![Planned { number: "1", title: &long, level: 0 }; 1_000];
        items.push(Planned { number: &word, title: &word, level: usize::MAX });
        let lines = vec![line(0, &long); 50];
        let begun = std::time::Instant::now();
        let _ = suggest(&items, &lines);
        assert!(begun.elapsed().as_secs() < 20, "{:?}", begun.elapsed());
    }

    proptest! {
        #[test]
        fn suggestions_are_in_order_and_in_range(
            agenda in proptest::collection::vec(("[0-9]{0,2}[a-c]?", "([a-d]{1,3} ){0,4}", 0..3_usize), 0..12),
            said in proptest::collection::vec((0..100_000_i64, 0..9_000_i64, "((item|is|we|next|[0-9]|[a-d]{1,3})[ .]){0,9}"), 0..40),
        ) {
            let items: Vec<_> = agenda
                .iter()
                .map(|(number, title, level)| Planned { number, title, level: *level })
                .collect();
            let lines: Vec<_> = said
                .iter()
                .map(|(start, length, text)| Line {
                    start_ms: MediaTime::from_ms(*start),
                    end_ms: MediaTime::from_ms(start + length),
                    text,
                })
                .collect();
            let found = suggest(&items, &lines);
            prop_assert!(found.windows(2).all(|pair| pair[0].start_ms <= pair[1].start_ms));
            let mut taken: Vec<_> = found.iter().map(|suggestion| suggestion.item).collect();
            taken.sort_unstable();
            taken.dedup();
            prop_assert_eq!(taken.len(), found.len());
            for suggestion in &found {
                prop_assert!(suggestion.item < items.len());
                prop_assert!((LEAST_CONFIDENCE..=MOST_CONFIDENCE).contains(&suggestion.confidence));
                prop_assert!((0..109_000).contains(&suggestion.start_ms.ms()));
            }
            prop_assert_eq!(found, suggest(&items, &lines));
        }
    }
}
