//! Who has the floor, put together from what several witnesses say (ADR 15).

use std::collections::HashMap;

use crate::{Evidence, PersonId, SpeakerId};

/// Where witnesses contradict each other for less than this, one of them was late: a clerk's hand, mostly.
const LAG_MS: i64 = 5_000;
/// By so much must a name be better supported than the next, or nobody is named.
const MARGIN: f64 = 0.3;
/// A voice is taken for somebody's once it was heard for so long while others named them,
const KNOWN_AFTER_MS: i64 = 10_000;
/// and so much of that time was theirs.
const KNOWN_SHARE: f64 = 0.8;
/// How sure a name is that a voice has only because others named it elsewhere, at most.
const KNOWN_STRENGTH: f64 = 0.7;

/// From this moment on a witness says that this speaker has the floor, until it says something else. Without a
/// speaker it says nothing more.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "sqlx", derive(sqlx::FromRow))]
pub struct SpeakerMark {
    pub at_ms: i64,
    pub speaker_id: Option<SpeakerId>,
    /// The witness.
    #[cfg_attr(feature = "sqlx", sqlx(try_from = "String"))]
    pub evidence: Evidence,
    /// How likely it is right, from 0 to 1.
    pub strength: f64,
}

/// Whom a speaker of a meeting stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Who {
    Person(PersonId),
    /// Somebody who is named in this meeting alone.
    Named(SpeakerId),
    /// A member of the public, whom nobody may guess.
    Public,
    /// A voice or a microphone of which nobody has said whose it is.
    Nameless,
}

/// From this moment on.
#[derive(Debug, Clone, PartialEq)]
pub struct Floor {
    pub at_ms: i64,
    pub speaker_id: Option<SpeakerId>,
    /// The strongest of those who say so.
    pub evidence: Evidence,
    /// How sure the name is, from 0 to 1; absent where there is none.
    pub confidence: Option<f64>,
    /// Strong witnesses name different people, so that nobody is named: a clerk has to say.
    pub contested: bool,
}

/// Puts together what all witnesses say; `who` tells whom the marks' speakers stand for.
///
/// - A correction counts, whatever others say.
/// - Witnesses who agree make a name surer: it is wrong only if all of them are.
/// - Where they differ the better supported name counts, if it is so by [`MARGIN`]; else nobody is named. For
///   less than [`LAG_MS`] the most exact of them is believed.
/// - Where a clerk or a microphone says that a member of the public speaks, nobody is inferred.
/// - Where nobody is named, a voice keeps its number. One that others named elsewhere is taken for theirs.
///
/// The result depends on the marks alone, not on the order in which they came.
pub fn floors(marks: &[SpeakerMark], who: &HashMap<SpeakerId, Who>) -> Vec<Floor> {
    let mut marks: Vec<&SpeakerMark> = marks.iter().collect();
    marks.sort_by_key(|mark| (mark.at_ms, rank(mark.evidence)));
    let stretches = stretches(&marks);
    let known = known_voices(&stretches, who);
    let mut floors: Vec<Floor> = Vec::with_capacity(stretches.len());
    for stretch in &stretches {
        let next = decide(stretch, who, &known);
        let goes_on = floors.last().is_some_and(|last| Floor { at_ms: last.at_ms, ..next.clone() } == *last);
        if !goes_on {
            floors.push(next);
        }
    }
    floors
}

/// The corrections of a meeting, once somebody has said who speaks from `from_ms` up to `to_ms`. What was corrected
/// before stays as it was outside of that.
pub fn correct(before: &[SpeakerMark], from_ms: i64, to_ms: i64, speaker: SpeakerId) -> Vec<SpeakerMark> {
    let mark =
        |at_ms, speaker_id| SpeakerMark { at_ms, speaker_id, evidence: Evidence::Correction, strength: 1.0 };
    let mut corrections: Vec<SpeakerMark> =
        before.iter().filter(|mark| mark.evidence == Evidence::Correction).cloned().collect();
    corrections.sort_by_key(|mark| mark.at_ms);
    let after = corrections.iter().rfind(|mark| mark.at_ms <= to_ms).and_then(|mark| mark.speaker_id);
    corrections.retain(|mark| mark.at_ms < from_ms || to_ms < mark.at_ms);
    corrections.extend([mark(from_ms, Some(speaker)), mark(to_ms, after)]);
    corrections.sort_by_key(|mark| mark.at_ms);
    corrections
}

/// Which witness is more exact about when somebody begins and ends: the first.
fn rank(evidence: Evidence) -> usize {
    match evidence {
        Evidence::Correction => 0,
        Evidence::Microphone => 1,
        Evidence::Voice => 2,
        Evidence::Clerk => 3,
        Evidence::Captions => 4,
        Evidence::Wording => 5,
        Evidence::None => 6,
    }
}

/// A time in which no witness says anything new.
struct Stretch<'a> {
    at_ms: i64,
    /// [`i64::MAX`] for the last.
    end_ms: i64,
    /// What each says, the most exact first.
    claims: Vec<Claim<'a>>,
}

#[derive(Clone, Copy)]
struct Claim<'a> {
    speaker: SpeakerId,
    mark: &'a SpeakerMark,
}

fn stretches<'a>(marks: &[&'a SpeakerMark]) -> Vec<Stretch<'a>> {
    let mut in_force: [Option<&SpeakerMark>; 7] = [None; 7];
    let mut stretches: Vec<Stretch> = Vec::new();
    for (index, mark) in marks.iter().enumerate() {
        in_force[rank(mark.evidence)] = Some(mark);
        let end_ms = marks.get(index + 1).map_or(i64::MAX, |next| next.at_ms);
        if end_ms > mark.at_ms {
            let claim = |mark: &&'a SpeakerMark| Some(Claim { speaker: mark.speaker_id?, mark });
            let claims = in_force.iter().flatten().filter_map(claim).collect();
            stretches.push(Stretch { at_ms: mark.at_ms, end_ms, claims });
        }
    }
    stretches
}

impl Stretch<'_> {
    fn length_ms(&self) -> i64 {
        self.end_ms.saturating_sub(self.at_ms)
    }
}

/// Nameless voices that others have named, mutually: most of the voice is the person's, and no other voice is
/// more so.
fn known_voices(
    stretches: &[Stretch],
    who: &HashMap<SpeakerId, Who>,
) -> HashMap<SpeakerId, (SpeakerId, f64)> {
    let mut shared_ms: HashMap<(SpeakerId, Who), (SpeakerId, i64)> = HashMap::new();
    let mut named_ms: HashMap<SpeakerId, i64> = HashMap::new();
    // The last stretch has no end that could be counted.
    for stretch in stretches.iter().filter(|stretch| stretch.end_ms < i64::MAX) {
        let is_voice = |claim: &&Claim| claim.mark.evidence == Evidence::Voice && is_nameless(claim, who);
        let Some(voice) = stretch.claims.iter().find(is_voice) else { continue };
        let floor = decide(stretch, who, &HashMap::new());
        let Some(speaker) = floor.speaker_id.filter(|_| floor.confidence.is_some()) else { continue };
        let ms = stretch.length_ms();
        *named_ms.entry(voice.speaker).or_default() += ms;
        shared_ms.entry((voice.speaker, whom(speaker, who))).or_insert((speaker, 0)).1 += ms;
    }
    let most_of = |person: Who| {
        let of_person = shared_ms.iter().filter(|((_, of), _)| *of == person);
        of_person.map(|(_, (_, ms))| *ms).max().unwrap_or(0)
    };
    let known = |((voice, person), (speaker, ms)): (&(SpeakerId, Who), &(SpeakerId, i64))| {
        let share = *ms as f64 / named_ms[voice] as f64;
        let is_known = *person != Who::Public
            && *ms >= KNOWN_AFTER_MS
            && share >= KNOWN_SHARE
            && *ms == most_of(*person);
        is_known.then_some((*voice, (*speaker, share * KNOWN_STRENGTH)))
    };
    shared_ms.iter().filter_map(known).collect()
}

fn whom(speaker: SpeakerId, who: &HashMap<SpeakerId, Who>) -> Who {
    who.get(&speaker).copied().unwrap_or(Who::Nameless)
}

fn is_nameless(claim: &Claim, who: &HashMap<SpeakerId, Who>) -> bool {
    whom(claim.speaker, who) == Who::Nameless
}

/// One name, and what speaks for it.
struct Candidate<'a> {
    who: Who,
    strongest: Claim<'a>,
    /// How likely not all who say so are wrong.
    support: f64,
}

fn decide(
    stretch: &Stretch,
    who: &HashMap<SpeakerId, Who>,
    known: &HashMap<SpeakerId, (SpeakerId, f64)>,
) -> Floor {
    let floor = |speaker_id, evidence, confidence| Floor {
        at_ms: stretch.at_ms,
        speaker_id,
        evidence,
        confidence,
        contested: false,
    };
    if let Some(correction) =
        stretch.claims.first().filter(|first| first.mark.evidence == Evidence::Correction)
    {
        let confidence = (!is_nameless(correction, who)).then_some(1.0);
        return floor(Some(correction.speaker), Evidence::Clerk, confidence);
    }
    let (nameless, mut named): (Vec<Claim>, Vec<Claim>) =
        stretch.claims.iter().partition(|claim| is_nameless(claim, who));
    let is_inferred = |claim: &Claim| matches!(claim.mark.evidence, Evidence::Voice | Evidence::Wording);
    let says_public = |claim: &Claim| !is_inferred(claim) && whom(claim.speaker, who) == Who::Public;
    if named.iter().any(says_public) {
        named.retain(|claim| !is_inferred(claim));
    }
    let unnamed = || match nameless.first() {
        Some(claim) => floor(Some(claim.speaker), claim.mark.evidence, None),
        None => floor(None, Evidence::None, None),
    };
    let mut candidates = candidates(&named, who);
    candidates.sort_by(|a, b| b.support.total_cmp(&a.support));
    match candidates.as_slice() {
        [] => {
            let voice = nameless.iter().find_map(|claim| known.get(&claim.speaker));
            voice.map_or_else(unnamed, |(speaker, strength)| {
                floor(Some(*speaker), Evidence::Voice, Some(*strength))
            })
        }
        [only] => floor(Some(only.strongest.speaker), only.strongest.mark.evidence, Some(only.support)),
        [best, second, ..] if best.support - second.support >= MARGIN => {
            let confidence = best.support * (1.0 - second.support);
            floor(Some(best.strongest.speaker), best.strongest.mark.evidence, Some(confidence))
        }
        _ if stretch.length_ms() < LAG_MS => {
            let exact = named[0];
            floor(Some(exact.speaker), exact.mark.evidence, Some(exact.mark.strength))
        }
        _ => Floor { contested: true, ..unnamed() },
    }
}

fn candidates<'a>(named: &[Claim<'a>], who: &HashMap<SpeakerId, Who>) -> Vec<Candidate<'a>> {
    let mut candidates: Vec<Candidate> = Vec::new();
    for &claim in named {
        let (person, strength) = (whom(claim.speaker, who), claim.mark.strength);
        match candidates.iter_mut().find(|candidate| candidate.who == person) {
            Some(candidate) => {
                candidate.support = 1.0 - (1.0 - candidate.support) * (1.0 - strength);
                if strength > candidate.strongest.mark.strength {
                    candidate.strongest = claim;
                }
            }
            None => candidates.push(Candidate { who: person, strongest: claim, support: strength }),
        }
    }
    candidates
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Anna and Ben are members, Carl is a resident, and two voices were told apart.
    struct Chamber {
        who: HashMap<SpeakerId, Who>,
        anna: SpeakerId,
        ben: SpeakerId,
        resident: SpeakerId,
        voices: [SpeakerId; 2],
    }

    fn chamber() -> Chamber {
        let [anna, ben, resident, one, two] = std::array::from_fn(|_| SpeakerId::new());
        let who = HashMap::from([
            (anna, Who::Person(PersonId::new())),
            (ben, Who::Person(PersonId::new())),
            (resident, Who::Public),
            (one, Who::Nameless),
            (two, Who::Nameless),
        ]);
        Chamber { who, anna, ben, resident, voices: [one, two] }
    }

    fn mark(seconds: i64, speaker: Option<SpeakerId>, evidence: Evidence, strength: f64) -> SpeakerMark {
        SpeakerMark { at_ms: seconds * 1_000, speaker_id: speaker, evidence, strength }
    }

    fn said(floors: &[Floor]) -> Vec<(i64, Option<SpeakerId>, Evidence)> {
        floors.iter().map(|floor| (floor.at_ms / 1_000, floor.speaker_id, floor.evidence)).collect()
    }

    #[test]
    fn agreement_makes_a_name_surer() {
        let Chamber { who, anna, .. } = chamber();
        let marks =
            [mark(0, Some(anna), Evidence::Clerk, 0.9), mark(1, Some(anna), Evidence::Microphone, 0.9)];
        let floors = floors(&marks, &who);
        assert_eq!(said(&floors), [(0, Some(anna), Evidence::Clerk), (1, Some(anna), Evidence::Microphone)]);
        assert!(floors[0].confidence.unwrap() < 0.95 && floors[1].confidence.unwrap() > 0.98, "{floors:?}");
    }

    #[test]
    fn a_late_hand_is_no_contradiction_and_a_lasting_one_names_nobody() {
        let Chamber { who, anna, ben, voices, .. } = chamber();
        let (microphone, clerk) = (Evidence::Microphone, Evidence::Clerk);
        let marks = [
            mark(0, Some(anna), microphone, 0.9),
            mark(0, Some(anna), clerk, 0.9),
            mark(0, Some(voices[0]), Evidence::Voice, 0.8),
            mark(20, Some(ben), microphone, 0.9),
            mark(24, Some(ben), clerk, 0.9),
            mark(40, Some(anna), microphone, 0.9),
            mark(60, Some(ben), microphone, 0.9),
        ];
        let floors = floors(&marks, &who);
        let expected = [
            (0, Some(anna), microphone),
            (20, Some(ben), microphone),
            (24, Some(ben), microphone),
            (40, Some(voices[0]), Evidence::Voice),
            (60, Some(ben), microphone),
        ];
        assert_eq!(said(&floors), expected);
        assert_eq!(
            floors.iter().map(|floor| floor.contested).collect::<Vec<_>>(),
            [false, false, false, true, false]
        );
        assert_eq!(floors[3].confidence, None);
    }

    #[test]
    fn a_correction_counts_whatever_others_say() {
        let Chamber { who, anna, ben, .. } = chamber();
        let marks = [
            mark(0, Some(anna), Evidence::Microphone, 0.9),
            mark(0, Some(anna), Evidence::Clerk, 1.0),
            mark(10, Some(ben), Evidence::Correction, 1.0),
            mark(20, None, Evidence::Correction, 1.0),
        ];
        let floors = floors(&marks, &who);
        assert_eq!(said(&floors)[1..], [(10, Some(ben), Evidence::Clerk), (20, Some(anna), Evidence::Clerk)]);
    }

    #[test]
    fn a_correction_ends_where_it_ends() {
        let [anna, ben] = std::array::from_fn(|_| SpeakerId::new());
        let once = correct(&[], 10_000, 20_000, anna);
        let twice = correct(&once, 12_000, 15_000, ben);
        let said: Vec<_> = twice.iter().map(|mark| (mark.at_ms / 1_000, mark.speaker_id)).collect();
        assert_eq!(said, [(10, Some(anna)), (12, Some(ben)), (15, Some(anna)), (20, None)]);
        let over = correct(&twice, 10_000, 20_000, ben);
        assert_eq!(over.iter().map(|mark| mark.speaker_id).collect::<Vec<_>>(), [Some(ben), None]);
    }

    #[test]
    fn a_resident_is_never_inferred() {
        let Chamber { who, anna, resident, .. } = chamber();
        let marks = [
            mark(0, Some(resident), Evidence::Clerk, 0.4),
            mark(0, Some(anna), Evidence::Voice, 0.99),
            mark(0, Some(anna), Evidence::Wording, 0.99),
        ];
        assert_eq!(said(&floors(&marks, &who)), [(0, Some(resident), Evidence::Clerk)]);
    }

    #[test]
    fn a_voice_that_others_named_is_known_again() {
        let Chamber { who, anna, ben, resident, voices: [one, two] } = chamber();
        let voice = |seconds, voice| mark(seconds, Some(voice), Evidence::Voice, 0.8);
        let mut marks = vec![
            voice(0, one),
            mark(0, Some(anna), Evidence::Microphone, 0.9),
            voice(30, two),
            mark(30, Some(ben), Evidence::Microphone, 0.9),
            mark(36, None, Evidence::Microphone, 0.9),
            voice(60, one),
        ];
        let found = floors(&marks, &who);
        assert_eq!(
            said(&found)[2..],
            [(36, Some(two), Evidence::Voice), (60, Some(anna), Evidence::Voice)],
            "six seconds are too few to know Ben by, thirty are enough for Anna"
        );
        assert!(found[3].confidence.unwrap() < 0.8, "it is told as not certain");

        marks[1].speaker_id = Some(resident);
        assert_eq!(said(&floors(&marks, &who)).last(), Some(&(60, Some(one), Evidence::Voice)));
    }

    #[test]
    fn without_marks_nobody_has_the_floor() {
        assert_eq!(floors(&[], &HashMap::new()), []);
    }

    proptest! {
        #[test]
        fn the_order_of_the_marks_does_not_matter(
            seed in prop::collection::vec((0_i64..60, 0_usize..6, 0_usize..4), 0..40),
            turned in any::<prop::sample::Index>(),
        ) {
            let Chamber { who, anna, ben, resident, voices } = chamber();
            let speakers = [Some(anna), Some(ben), Some(resident), Some(voices[0]), Some(voices[1]), None];
            let kinds = [Evidence::Microphone, Evidence::Clerk, Evidence::Voice, Evidence::Wording];
            let mut marks: Vec<SpeakerMark> = seed
                .iter()
                .map(|&(at, speaker, kind)| mark(at, speakers[speaker], kinds[kind], 0.5 + 0.1 * kind as f64))
                .collect();
            // One witness says one thing at a time.
            marks.sort_by_key(|mark| (mark.at_ms, mark.evidence.as_str()));
            marks.dedup_by_key(|mark| (mark.at_ms, mark.evidence));
            let found = floors(&marks, &who);
            if !marks.is_empty() {
                let middle = turned.index(marks.len());
                marks.rotate_left(middle);
            }
            prop_assert_eq!(&floors(&marks, &who), &found);
            for pair in found.windows(2) {
                prop_assert!(pair[0].at_ms < pair[1].at_ms);
            }
            for floor in &found {
                prop_assert!(floor.confidence.is_none_or(|confidence| (0.0..=1.0).contains(&confidence)));
                prop_assert!(!floor.contested || floor.confidence.is_none());
            }
        }
    }
}
