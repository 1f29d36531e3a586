//! The places where an item may have been taken, each with its odds.

use super::{
    Line, Planned, cues,
    numbers::{Kind, Labels, Mention},
    path::Tree,
    titles::{self, Reading, Title},
    words::{Speech, Terms, Word},
};

/// A place where an item may have been taken.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Candidate {
    /// Index into the agenda.
    pub item: usize,
    /// The word with which it begins.
    pub start: usize,
    /// After the last word that speaks for it.
    pub end: usize,
    /// Its own number is said there.
    pub is_numbered: bool,
    /// Natural logarithm of the odds that it was taken there, by what is said there alone.
    pub odds: f64,
}

/// A title may follow its number after that many words: "6a, and I ask Ms Lee to read it, is …".
const TITLE_AFTER: usize = 20;
/// Or come shortly before: "minutes, that is item four".
const TITLE_BEFORE: usize = 6;
/// Numbers that are nearer than that are a list.
const LIST: usize = 4;
/// What is said again within that time, in ms, belongs to the same beginning: the chair calls the item, an
/// officer reads it out.
const SAME_BEGINNING_MS: i64 = 30_000;
/// Candidates below these odds are not weighed: one in fifty.
const LEAST_ODDS: f64 = -4.0;
/// A reader who gives each item that many words goes through a list.
const RUN: usize = 25;
/// How many other items make it a list.
const RUN_ITEMS: usize = 3;
/// What an item in a list loses if it comes up by itself later on.
const RUN_LOSS: f64 = 4.0;
/// "A motion to approve the minutes" may be said at once, but after a report as well.
const VOTE_LOSS: f64 = 2.0;
/// Who speaks of an item seldom begins it, but "now for item six" does.
const REFERENCE_LOSS: f64 = 2.0;
/// "Items four to nine" are dealt with together, or named as those that are to be.
const PLURAL_LOSS: f64 = 1.5;
/// Numbers in a list are seldom begun there.
const LIST_LOSS: f64 = 2.5;
/// Where it is said that an item is deleted, comes later or is over, it begins in one of thirty cases.
const AWAY_LOSS: f64 = 3.5;
/// What is read out after another item's number is that item, though titles are alike.
const OTHERS_LOSS: f64 = 3.0;
/// So many words after a number still belong to it.
const OWN: usize = 8;
/// A number without anything of the title is often somebody's who speaks about the item, or another's.
const UNTITLED_LOSS: f64 = 2.0;
/// What is said before an item from which on it is called and not only named; see [`cues::lead`].
const CALLED: f64 = 2.0;
/// Who says the number would say the title in any case, so that it tells less than alone.
const AFTER_NUMBER: f64 = 0.7;
/// What a title adds that is read as it is printed, to one whose words come as they like.
const AS_PRINTED: f64 = 1.5;
/// How much of that words have that come by chance.
const BY_CHANCE: f64 = 0.3;
/// No number takes more words: "agenda item number twenty one a c".
const MOST_NUMBER: usize = 8;
/// The best places of one item that are looked at further.
const MOST_PLACES: usize = 12;
/// Odds below which an item is named in passing if much is said for it soon after ("nine B, please").
const PASSING: f64 = 2.0;
/// No title and no number before it are longer, in words.
const MOST_WORDS: usize = 140;
/// What evidence can add at most, so that one title that was read word by word does not outweigh the order.
const MOST_EVIDENCE: f64 = 9.0;

/// All candidates in order of time, for each item at most a dozen or so.
pub fn candidates(items: &[Planned<'_>], tree: &Tree, lines: &[Line<'_>]) -> (Speech, Vec<Candidate>) {
    let mut terms = Terms::new();
    let titles = titles::titles(items, &mut terms);
    let speech = terms.listen(lines);
    let weights = titles::weights(&titles, &speech);
    let mentions = Labels::new(items).mentions(&speech.words);
    let mut by_item: Vec<Vec<Mention>> = vec![Vec::new(); items.len()];
    for mention in &mentions {
        by_item[mention.item].push(*mention);
    }
    let mut by_item: Vec<Vec<Candidate>> = titles
        .iter()
        .enumerate()
        .map(|(item, title)| of_item(item, title, &by_item[item], &mentions, &speech, &weights))
        .collect();
    compete(tree, &mut by_item);
    let likely = likely(&by_item);
    let mut all: Vec<Candidate> =
        by_item.iter().flat_map(|found| join(tree, found, &likely, &speech.words)).collect();
    all.sort_by_key(|candidate| (candidate.start, candidate.item));
    discount_lists(&mut all);
    (speech, all)
}

fn of_item(
    item: usize,
    title: &Title,
    mentions: &[Mention],
    all_mentions: &[Mention],
    speech: &Speech,
    weights: &[f64],
) -> Vec<Candidate> {
    let words = &speech.words;
    let readings = titles::readings(title, speech, weights);
    let mut found = Vec::new();
    for mention in mentions {
        // What follows another number is read for that.
        let until = mention.end + TITLE_AFTER;
        let mut after = between(all_mentions, mention.end, until).iter();
        let until = after.find(|next| is_other(next, item)).map_or(until, |next| next.start);
        let near = readings
            .iter()
            .filter(|reading| (mention.start.saturating_sub(TITLE_BEFORE)..until).contains(&reading.start));
        let reading = near.max_by(|left, right| left.evidence.total_cmp(&right.evidence));
        if let Some(odds) = of_mention(mention, reading, words, all_mentions) {
            let end = reading.map_or(mention.end, |reading| reading.end.max(mention.end));
            found.push(Candidate { item, start: mention.start, end, is_numbered: true, odds });
        }
    }
    for reading in &readings {
        let odds = of_reading(item, reading, words, all_mentions);
        found.push(Candidate { item, start: reading.start, end: reading.end, is_numbered: false, odds });
    }
    found.retain(|candidate| candidate.odds > LEAST_ODDS);
    found.sort_by_key(|candidate| candidate.start);
    found
}

/// Of items that the same words speak for only the likeliest is taken there, but a section and its items may
/// be called in one breath.
fn compete(tree: &Tree, by_item: &mut [Vec<Candidate>]) {
    let all = likely(by_item);
    for candidate in by_item.iter_mut().flatten() {
        let first = all.partition_point(|other| other.start + MOST_WORDS < candidate.start);
        let rivals = all[first..].iter().take_while(|other| other.start < candidate.end);
        let strongest = rivals
            .filter(|other| {
                other.odds > candidate.odds
                    && !tree.is_related(other.item, candidate.item)
                    && shares_words(other, candidate)
                    // Whose number is said stands for itself, even where another title goes on.
                    && (!candidate.is_numbered || other.start.abs_diff(candidate.start) < LIST)
            })
            .map(|other| other.odds)
            .fold(0.0, f64::max);
        candidate.odds -= strongest;
    }
    for found in by_item {
        found.retain(|candidate| candidate.odds > LEAST_ODDS);
    }
}

/// What is likelier than not, in order of time.
fn likely(by_item: &[Vec<Candidate>]) -> Vec<Candidate> {
    let mut likely: Vec<Candidate> =
        by_item.iter().flatten().filter(|candidate| candidate.odds > 0.0).copied().collect();
    likely.sort_by_key(|candidate| (candidate.start, candidate.item));
    likely
}

/// Whether half of the words of either speak for both.
fn shares_words(left: &Candidate, right: &Candidate) -> bool {
    let shared = left.end.min(right.end).saturating_sub(left.start.max(right.start));
    let shorter = (left.end - left.start).min(right.end - right.start);
    shared > 0 && 2 * shared >= shorter
}

/// The mentions that begin between two words; they are in order of their beginning.
fn between(mentions: &[Mention], from: usize, until: usize) -> &[Mention] {
    let first = mentions.partition_point(|mention| mention.start < from);
    let after = mentions.partition_point(|mention| mention.start < until);
    &mentions[first..after.max(first)]
}

/// Whether another item is plainly named.
fn is_other(mention: &Mention, item: usize) -> bool {
    mention.item != item && matches!(mention.kind, Kind::Named | Kind::Compound)
}

/// Odds of a number that is said, with the title near it if that is said too.
fn of_mention(mention: &Mention, reading: Option<&Reading>, words: &[Word], all: &[Mention]) -> Option<f64> {
    let lead = cues::lead(words, mention.start);
    let opens = words[mention.start].opens;
    let says_is = words.get(mention.end).is_some_and(|word| matches!(word.text.as_str(), "is" | "are"));
    let evidence = reading.map_or(0.0, |reading| reading.evidence);
    let mut odds = match mention.kind {
        Kind::Named | Kind::Compound => 0.0,
        // A bare number says little, one that was misheard less: the title must be there too.
        Kind::Bare if evidence > 0.0 || lead >= CALLED => -1.0,
        Kind::Sound if evidence > 0.0 => -1.0,
        Kind::Bare | Kind::Sound => return None,
    };
    odds += lead;
    odds += f64::from(opens) + f64::from(says_is);
    odds += match evidence > 0.0 {
        true => (AFTER_NUMBER * evidence + 1.0).min(MOST_EVIDENCE),
        // "We move on to item two" needs no title.
        false if lead >= CALLED => 0.0,
        false => -UNTITLED_LOSS,
    };
    if words[mention.start].text == "items" {
        odds -= PLURAL_LOSS;
    }
    if cues::is_reference(words, mention.start) {
        odds -= REFERENCE_LOSS;
    }
    let near = between(all, mention.start.saturating_sub(LIST + MOST_NUMBER), mention.end + LIST);
    let mut others = near.iter().filter(|other| {
        is_other(other, mention.item) && mention.start < other.end + LIST && other.start != mention.start
    });
    // But "18, 18A is" are a section and its first item.
    if others.next().is_some() && !says_is {
        odds -= LIST_LOSS;
    }
    if cues::leads_away(words, mention.start) || cues::sent_away(words, mention.end, words.len()) {
        odds = away(odds);
    }
    Some(odds)
}

/// Odds where it is said that the item is not taken now: that its title is read out does not help.
fn away(odds: f64) -> f64 {
    odds.min(1.0) - AWAY_LOSS
}

/// Odds of a title that is said.
fn of_reading(item: usize, reading: &Reading, words: &[Word], mentions: &[Mention]) -> f64 {
    let mut odds = reading.evidence.min(MOST_EVIDENCE) - reading.chance;
    let lead = cues::lead(words, reading.start);
    odds += lead + AS_PRINTED * (reading.in_order * reading.share - BY_CHANCE);
    // In the middle of a sentence that leads to nothing.
    if lead == 0.0 && !words[reading.start].opens {
        odds -= 1.0;
    }
    if cues::is_vote(words, reading.start) {
        odds -= VOTE_LOSS;
    }
    let after = mentions.partition_point(|mention| mention.start < reading.end);
    let until = mentions.get(after).map_or(words.len(), |mention| mention.start);
    if cues::leads_away(words, reading.start) || cues::sent_away(words, reading.end, until) {
        odds = away(odds);
    }
    // The number before it is another item's.
    let is_before = |mention: &Mention| {
        matches!(mention.kind, Kind::Named | Kind::Compound)
            && mention.end <= reading.start + 2
            && reading.start < mention.end + OWN
    };
    let before = between(mentions, reading.start.saturating_sub(OWN + MOST_NUMBER), reading.start + 3);
    if before.iter().any(|mention| is_before(mention) && mention.item != item)
        && !before.iter().any(|mention| is_before(mention) && mention.item == item)
    {
        odds -= OTHERS_LOSS;
    }
    odds
}

/// Makes one candidate of those that belong to one beginning, with no other item between: the first that is
/// not said in passing, with the best odds.
fn join(tree: &Tree, found: &[Candidate], likely: &[Candidate], words: &[Word]) -> Vec<Candidate> {
    let mut joined: Vec<Candidate> = Vec::new();
    for candidate in found {
        let last = joined.last_mut().filter(|last| {
            let first = likely.partition_point(|other| other.start <= last.start);
            let mut between = likely[first..].iter().take_while(|other| other.start < candidate.start);
            words[candidate.start].at_ms - words[last.start].at_ms < SAME_BEGINNING_MS
                && !between.any(|other| other.odds > PASSING && !tree.is_related(other.item, candidate.item))
        });
        match last {
            Some(last) if last.odds < PASSING && candidate.odds > last.odds + PASSING => *last = *candidate,
            Some(last) => last.odds = last.odds.max(candidate.odds),
            None => joined.push(*candidate),
        }
    }
    joined.sort_by(|left, right| right.odds.total_cmp(&left.odds).then(left.start.cmp(&right.start)));
    joined.truncate(MOST_PLACES);
    joined
}

/// Lists of items are read out when an agenda is adopted: there an item counts less if it also comes up apart.
fn discount_lists(all: &mut [Candidate]) {
    let likely: Vec<Candidate> = all.iter().filter(|candidate| candidate.odds > 0.0).copied().collect();
    let in_list: Vec<bool> = (0..likely.len())
        .map(|index| {
            let low = index.saturating_sub(RUN_ITEMS);
            let near = |window: &[Candidate]| {
                window.len() > RUN_ITEMS
                    && window
                        .windows(2)
                        .all(|pair| pair[1].start - pair[0].start <= RUN && pair[0].item != pair[1].item)
            };
            (low..=index).any(|from| likely.get(from..=from + RUN_ITEMS).is_some_and(near))
        })
        .collect();
    // Soon after and with nothing between it is no other place but the same, said again.
    let apart = |listed: &Candidate| {
        let first = likely.partition_point(|candidate| candidate.start <= listed.start);
        likely.iter().zip(&in_list).enumerate().skip(first).any(|(index, (candidate, in_list))| {
            candidate.item == listed.item
                && !in_list
                && (index > first || candidate.start > listed.start + MOST_WORDS)
        })
    };
    let lost: Vec<(usize, usize)> = likely
        .iter()
        .zip(&in_list)
        .filter(|(candidate, in_list)| **in_list && apart(candidate))
        .map(|(candidate, _)| (candidate.start, candidate.item))
        .collect();
    for candidate in all.iter_mut() {
        if lost.binary_search(&(candidate.start, candidate.item)).is_ok() {
            candidate.odds -= RUN_LOSS;
        }
    }
}
