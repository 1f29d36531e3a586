//! What chairs say around an item: that it begins, that it comes later, that it is over.

use super::words::Word;

/// Words that may stand between "we move on to" and the item itself.
const BETWEEN: [&str; 50] = [
    "a", "an", "and", "any", "agenda", "another", "are", "couple", "eitem", "few", "first", "five", "four",
    "from", "have", "is", "item", "items", "last", "me", "my", "next", "no", "not", "now", "number", "of",
    "one", "our", "second", "several", "six", "so", "some", "ten", "that", "the", "then", "there", "these",
    "this", "three", "today", "tonight", "two", "under", "us", "well", "which", "with",
];
/// How many of them.
const MAX_BETWEEN: usize = 6;

/// What says that something begins, and by how much (a natural logarithm of odds).
///
/// Phrases that are said at nearly every item and seldom elsewhere count 2; those that chairs also say of
/// other things ("we have a cake") count 1.
const LEADS: [(&[&str], f64); 56] = [
    (&["have", "no"], 2.0),
    (&["are", "no"], 2.0),
    (&["so", "no"], 1.0),
    (&["motion", "to"], 1.0),
    (&["now", "open"], 2.0),
    (&["move", "on", "to"], 2.0),
    (&["move", "on"], 2.0),
    (&["moving", "on", "to"], 2.0),
    (&["moving", "on"], 2.0),
    (&["moves", "us", "to"], 2.0),
    (&["moves", "us", "on", "to"], 2.0),
    (&["will", "move", "to"], 2.0),
    (&["ll", "move", "to"], 2.0),
    (&["well", "move", "to"], 2.0),
    (&["now", "move", "to"], 2.0),
    (&["lets", "move", "to"], 2.0),
    (&["moving", "to"], 2.0),
    (&["go", "on", "to"], 2.0),
    (&["go", "on", "now", "with"], 2.0),
    (&["go", "on", "with"], 2.0),
    (&["go", "to"], 1.0),
    (&["going", "to"], 1.0),
    (&["brings", "us", "to"], 2.0),
    (&["brings", "us", "now", "to"], 2.0),
    (&["brings", "us", "on", "to"], 2.0),
    (&["brings", "me", "to"], 2.0),
    (&["bring", "us", "to"], 2.0),
    (&["takes", "us", "to"], 2.0),
    (&["takes", "us", "on", "to"], 2.0),
    (&["leads", "us", "to"], 2.0),
    (&["turn", "to"], 2.0),
    (&["turn", "now", "to"], 2.0),
    (&["turning", "to"], 2.0),
    (&["on", "to"], 1.5),
    (&["onto"], 1.5),
    (&["come", "to"], 2.0),
    (&["come", "now", "to"], 2.0),
    (&["coming", "to"], 2.0),
    (&["comes", "to"], 1.0),
    (&["proceed", "to"], 2.0),
    (&["proceed", "with"], 2.0),
    (&["begin", "by"], 1.5),
    (&["begin", "with"], 1.5),
    (&["start", "with"], 1.5),
    (&["starting", "with"], 1.5),
    (&["open", "with"], 1.5),
    (&["continue", "with"], 1.5),
    (&["next", "item"], 2.0),
    (&["next"], 1.5),
    (&["finally"], 1.0),
    (&["now", "have"], 1.5),
    (&["we", "have"], 1.0),
    (&["there", "are"], 1.0),
    (&["are", "there"], 1.0),
    (&["any"], 1.0),
    (&["now", "hear"], 1.0),
];

/// What says before an item that it is not this that is taken now.
const AWAY_BEFORE: [&[&str]; 38] = [
    &["followed", "by"],
    &["after"],
    &["before"],
    &["prior", "to"],
    &["until"],
    &["later"],
    &["earlier"],
    &["concludes"],
    &["conclude"],
    &["completes"],
    &["concluded"],
    &["closes"],
    &["ends"],
    &["during"],
    &["about"],
    &["regarding"],
    &["concerning"],
    &["speak", "on"],
    &["speaking", "on"],
    &["speak", "to"],
    &["comment", "on"],
    &["comments", "on"],
    &["commenting", "on"],
    &["remove"],
    &["removing"],
    &["delete"],
    &["deleting"],
    &["deleted"],
    &["withdraw"],
    &["pull"],
    &["pulling"],
    &["hold"],
    &["holding"],
    &["add"],
    &["adding"],
    &["under"],
    &["when", "we", "get", "to"],
    &["support", "of"],
];
/// The same after it.
const AWAY_AFTER: [&str; 19] = [
    "end",
    "later",
    "earlier",
    "deleted",
    "withdrawn",
    "removed",
    "pulled",
    "cancelled",
    "tabled",
    "deferred",
    "added",
    "separately",
    "closed",
    "become",
    "afterwards",
    "previously",
    "yesterday",
    "concluded",
    "ago",
];
/// Within how many words after the number of an item such a word is about the item.
const AFTER: usize = 7;

/// By how much what is said before `start` says that something begins there, 0 to 2.
pub fn lead(words: &[Word], start: usize) -> f64 {
    let mut end = start;
    let mut best = 0.0_f64;
    for _ in 0..=MAX_BETWEEN {
        let leads = LEADS.iter().filter(|(phrase, _)| ends_with(&words[..end], phrase));
        best = leads.map(|(_, weight)| *weight).fold(best, f64::max);
        match end.checked_sub(1) {
            Some(before) if BETWEEN.contains(&words[before].text.as_str()) => end = before,
            _ => break,
        }
    }
    best
}

/// Whether what is said before `start` says that it is not taken there.
pub fn leads_away(words: &[Word], start: usize) -> bool {
    let mut end = start;
    for _ in 0..=MAX_BETWEEN {
        if AWAY_BEFORE.iter().any(|phrase| ends_with(&words[..end], phrase)) {
            return true;
        }
        match end.checked_sub(1) {
            // A new sentence is about something else.
            Some(before)
                if !words[end.min(words.len() - 1)].opens
                    && BETWEEN.contains(&words[before].text.as_str()) =>
            {
                end = before;
            }
            _ => return false,
        }
    }
    false
}

/// Whether an item is only spoken of: "context for item two", "I move approval of item 12".
pub fn is_reference(words: &[Word], start: usize) -> bool {
    const BEFORE: [&str; 10] =
        ["on", "for", "of", "in", "from", "to", "approve", "approving", "adopt", "approval"];
    let Some(before) = start.checked_sub(1) else { return false };
    // "Move on to item two" leads to it.
    BEFORE.contains(&words[before].text.as_str()) && !words[start].opens && lead(words, start) < 1.5
}

/// Whether an item is put to the vote: that is how items end.
pub fn is_vote(words: &[Word], start: usize) -> bool {
    const VOTES: [&str; 6] = ["approve", "approving", "adopt", "accept", "postpone", "table"];
    const MOTIONS: [&[&str]; 3] = [&["motion", "to"], &["move", "to"], &["motion", "for"]];
    VOTES.contains(&words[start].text.as_str())
        && MOTIONS.iter().any(|phrase| ends_with(&words[..start], phrase))
}

/// Whether what is said from `end` on, and before `until`, says that it is not taken there.
pub fn sent_away(words: &[Word], end: usize, until: usize) -> bool {
    let after = words.get(end..until).unwrap_or_default();
    after
        .iter()
        .take(AFTER)
        .take_while(|word| !word.opens)
        .any(|word| AWAY_AFTER.contains(&word.text.as_str()))
}

fn ends_with(words: &[Word], phrase: &[&str]) -> bool {
    words.len() >= phrase.len()
        && words[words.len() - phrase.len()..].iter().zip(phrase).all(|(word, text)| word.text == *text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::suggest::words::split;

    fn words(said: &str) -> Vec<Word> {
        let mut opens = true;
        split(said)
            .map(|(text, ends)| Word { text, at_ms: 0, opens: std::mem::replace(&mut opens, ends) })
            .collect()
    }

    /// What is said before `*`.
    fn at(said: &str) -> (Vec<Word>, usize) {
        let place = split(said.split('*').next().unwrap_or_default()).count();
        (words(said), place)
    }

    #[test]
    fn beginnings_are_heard() {
        for (said, weight) in [
            ("That brings us to * public hearings", 2.0),
            ("we will now move on to agenda item * six", 2.0),
            ("we have no * utility items", 2.0),
            ("we have a * cake", 1.0),
            ("I was at the * public hearings", 0.0),
            ("* minutes", 0.0),
        ] {
            let (words, place) = at(said);
            assert_eq!(lead(&words, place), weight, "{said}");
        }
    }

    #[test]
    fn what_is_not_taken_now_is_known() {
        for (said, away) in [
            ("I want to speak on item * six", true),
            ("That concludes our * public hearings", true),
            ("We spoke about that. Now * public hearings", false),
            ("followed by the * pledge", true),
            ("* minutes", false),
        ] {
            let (words, place) = at(said);
            assert_eq!(leads_away(&words, place), away, "{said}");
        }
        let said = words("9A has been deleted. 9B is later");
        assert!(sent_away(&said, 1, said.len()));
        assert!(!sent_away(&said, 1, 3));
        assert!(!sent_away(&said, 4, said.len()));
        assert!(!sent_away(&said, 99, 7));
    }

    #[test]
    fn references_are_known() {
        for (said, reference) in [
            ("some context for * item two", true),
            ("I move approval of * item 12", true),
            ("let us move on to * item two", false),
            ("that is what it is for. * Item two", false),
            ("* item two", false),
        ] {
            let (words, place) = at(said);
            assert_eq!(is_reference(&words, place), reference, "{said}");
        }
    }

    #[test]
    fn votes_are_known() {
        let (words, place) = at("is there a motion to * approve the minutes");
        assert!(is_vote(&words, place));
        let (words, place) = at("is there a motion to * adjourn");
        assert!(!is_vote(&words, place));
        assert!(!is_vote(&words, 0));
    }
}
