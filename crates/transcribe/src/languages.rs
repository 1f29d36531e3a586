//! Which language is spoken when.
//!
//! Whisper tells for each stretch of sound how likely each language is. A single one of a few seconds is often
//! wrong: English with odd names in it is taken for Latin, a short "Aye" for Hungarian. So the languages of a
//! recording are chosen together: the sequence that fits all stretches best, where each change has its cost (the
//! algorithm is Viterbi's, "Error bounds for convolutional codes", 1967).
//!
//! Languages are Whisper's numbers of them here.

/// A change of language must explain what is heard so much better, in natural logarithms of odds: a passage
/// between two others costs it twice. It takes about four seconds of clear speech to pay that, and English
/// names and accents stayed below half of it.
const CHANGE_COST: f32 = 1.25;
/// Speech from which on a stretch counts in full. A shorter one counts for less, in proportion.
const FULL_VOICE_MS: i64 = 10_000;
/// Nothing is more certain than that something is not so unlikely.
const LEAST_ODDS: f32 = 0.001;
/// A language is considered only if some stretch is so surely in it, and so long.
const SURE_ODDS: f32 = 0.75;
const SURE_VOICE_MS: i64 = 4_000;
/// A stretch may hold two languages from this probability of the other one on: of any, and of one that is
/// spoken nearby. Of English with unusual names, one window in seven leaves such a doubt; of other English, none.
const DOUBTFUL_ODDS: f32 = 0.25;
const DOUBTFUL_ODDS_NEARBY: f32 = 0.05;

/// How likely each language is, from 0 to 1, in sum 1. Empty if the model knows but one.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Odds(Vec<f32>);

impl Odds {
    /// From the weights that the model gives the languages (softmax).
    pub fn from_logits(logits: &[f32]) -> Self {
        let highest = logits.iter().copied().fold(f32::MIN, f32::max);
        let weights: Vec<f32> = logits.iter().map(|logit| (logit - highest).exp()).collect();
        let sum: f32 = weights.iter().sum();
        Self(weights.into_iter().map(|weight| weight / sum).collect())
    }

    pub fn of(&self, language: usize) -> f32 {
        self.0.get(language).copied().unwrap_or(0.0)
    }

    /// The likeliest language, and how likely it is.
    pub fn best(&self) -> Option<(usize, f32)> {
        self.0.iter().copied().enumerate().max_by(|one, two| one.1.total_cmp(&two.1))
    }

    /// Whether there may be another language than this one in the stretch as well. Those in `nearby` are spoken
    /// not far from it.
    pub fn leaves_doubt(&self, language: usize, nearby: &[usize]) -> bool {
        let least = |other: &usize| match nearby.contains(other) {
            true => DOUBTFUL_ODDS_NEARBY,
            false => DOUBTFUL_ODDS,
        };
        self.0.iter().enumerate().any(|(other, odds)| other != language && *odds >= least(&other))
    }
}

/// What was heard in a stretch of sound.
#[derive(Debug, Clone, Copy)]
pub struct Stretch<'a> {
    pub odds: &'a Odds,
    /// How long somebody speaks in it.
    pub voice_ms: i64,
}

impl Stretch<'_> {
    fn gain(self, language: usize) -> f32 {
        let share = self.voice_ms.clamp(0, FULL_VOICE_MS) as f32 / FULL_VOICE_MS as f32;
        share * self.odds.of(language).max(LEAST_ODDS).ln()
    }

    fn sure(self) -> Option<usize> {
        let (language, odds) = self.odds.best()?;
        (odds >= SURE_ODDS && self.voice_ms >= SURE_VOICE_MS).then_some(language)
    }
}

/// The language of each of the stretches, which follow one another. `before` is the one that was spoken before
/// them, if any was.
///
/// Where nothing was before and nothing is sure, all are in the one language that fits them best. A stretch that
/// says little has the language of its neighbours.
pub fn follow(stretches: &[Stretch<'_>], before: Option<usize>) -> Vec<usize> {
    let mut candidates: Vec<usize> =
        before.into_iter().chain(stretches.iter().filter_map(|stretch| stretch.sure())).collect();
    if candidates.is_empty() {
        candidates.extend(likeliest(stretches));
    }
    candidates.sort_unstable();
    candidates.dedup();
    cheapest(stretches, &candidates, before)
}

/// The language that fits all stretches best.
fn likeliest(stretches: &[Stretch<'_>]) -> Option<usize> {
    let known = stretches.iter().map(|stretch| stretch.odds.0.len()).max()?;
    let fit = |language: usize| stretches.iter().map(|stretch| stretch.gain(language)).sum::<f32>();
    // Of equals the first, which is English.
    (0..known).rev().max_by(|&one, &two| fit(one).total_cmp(&fit(two)))
}

fn cheapest(stretches: &[Stretch<'_>], candidates: &[usize], before: Option<usize>) -> Vec<usize> {
    // Of each candidate: how well the best sequence up to here fits that ends in it.
    let mut fits: Vec<f32> = candidates
        .iter()
        .map(|candidate| if before.is_none_or(|before| before == *candidate) { 0.0 } else { -CHANGE_COST })
        .collect();
    let mut origins: Vec<Vec<usize>> = Vec::with_capacity(stretches.len());
    for (index, stretch) in stretches.iter().enumerate() {
        // The first stretch has no change before it other than the one from `before`.
        let from = |candidate: usize| {
            let stays = (candidate, fits[candidate]);
            let best = (0..fits.len()).map(|other| (other, fits[other] - CHANGE_COST));
            best.filter(|_| index > 0)
                .fold(stays, |best, change| if change.1 > best.1 { change } else { best })
        };
        let best: Vec<(usize, f32)> = (0..candidates.len()).map(from).collect();
        fits =
            candidates.iter().zip(&best).map(|(&language, best)| best.1 + stretch.gain(language)).collect();
        origins.push(best.into_iter().map(|best| best.0).collect());
    }
    let last = (0..fits.len()).rev().max_by(|&one, &two| fits[one].total_cmp(&fits[two]));
    let Some(mut at) = last else { return Vec::new() };
    let mut languages: Vec<usize> = Vec::with_capacity(stretches.len());
    for origin in origins.iter().rev() {
        languages.push(candidates[at]);
        at = origin[at];
    }
    languages.reverse();
    languages
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ENGLISH: usize = 0;
    const FRENCH: usize = 1;
    const LATIN: usize = 2;

    /// Stretches of so many milliseconds, each with a language and how likely it is. The rest is English's, and
    /// where that is the language French's.
    fn languages(heard: &[(i64, usize, f32)], before: Option<usize>) -> Vec<usize> {
        let odds: Vec<Odds> = heard
            .iter()
            .map(|&(_, language, likely)| {
                let mut odds = vec![0.0; 3];
                odds[if language == ENGLISH { FRENCH } else { ENGLISH }] = 1.0 - likely;
                odds[language] = likely;
                Odds(odds)
            })
            .collect();
        let lengths = heard.iter().map(|heard| heard.0);
        let stretches: Vec<Stretch<'_>> =
            lengths.zip(&odds).map(|(voice_ms, odds)| Stretch { odds, voice_ms }).collect();
        follow(&stretches, before)
    }

    #[test]
    fn odds_are_shares_of_one() {
        let odds = Odds::from_logits(&[10.0, 12.0, 8.0]);
        assert!((odds.0.iter().sum::<f32>() - 1.0).abs() < 1e-6);
        assert_eq!(odds.best().map(|best| best.0), Some(FRENCH));
        assert!(odds.of(ENGLISH) > odds.of(LATIN));
        assert_eq!(odds.of(99), 0.0);
        assert_eq!(Odds::from_logits(&[]), Odds::default());
        assert_eq!(Odds::default().best(), None);
    }

    #[test]
    fn each_passage_keeps_its_language() {
        let heard =
            [(12_000, ENGLISH, 0.9), (9_000, FRENCH, 0.99), (5_000, FRENCH, 0.6), (14_000, ENGLISH, 0.95)];
        assert_eq!(languages(&heard, None), [ENGLISH, FRENCH, FRENCH, ENGLISH]);
        assert_eq!(languages(&heard[..2], Some(ENGLISH)), [ENGLISH, FRENCH]);
        // A change in the last window, and at once.
        assert_eq!(languages(&[(5_000, FRENCH, 0.99)], Some(ENGLISH)), [FRENCH]);
    }

    /// Figures as measured on English speech full of names.
    #[test]
    fn a_short_or_unclear_stretch_has_the_language_of_its_neighbours() {
        let names =
            [(10_848, LATIN, 0.56), (9_536, ENGLISH, 0.57), (3_936, LATIN, 0.94), (2_528, LATIN, 0.99)];
        assert_eq!(languages(&names, Some(ENGLISH)), [ENGLISH; 4]);
        let aye = [(13_000, FRENCH, 0.9), (800, LATIN, 0.99), (13_000, FRENCH, 0.9)];
        assert_eq!(languages(&aye, None), [FRENCH; 3]);
        // At the edges there is but one neighbour.
        assert_eq!(languages(&aye[1..], None), [FRENCH; 2]);
        assert_eq!(languages(&aye[..2], None), [FRENCH; 2]);
        assert_eq!(languages(&aye[1..2], Some(ENGLISH)), [ENGLISH]);
    }

    #[test]
    fn what_is_known_of_nothing_is_the_likeliest() {
        assert!(languages(&[], None).is_empty());
        assert!(languages(&[], Some(FRENCH)).is_empty());
        assert_eq!(languages(&[(1_000, FRENCH, 0.9)], None), [FRENCH]);
        assert_eq!(languages(&[(3_000, FRENCH, 0.6), (2_000, LATIN, 0.6)], None), [ENGLISH; 2]);
        let silent = Stretch { odds: &Odds::default(), voice_ms: 5_000 };
        assert_eq!(follow(&[silent], Some(FRENCH)), [FRENCH]);
    }

    #[test]
    fn two_languages_in_one_stretch_leave_a_doubt() {
        let odds = Odds(vec![0.7, 0.2, 0.1]);
        assert!(!odds.leaves_doubt(ENGLISH, &[ENGLISH]));
        assert!(odds.leaves_doubt(ENGLISH, &[ENGLISH, LATIN]));
        assert!(odds.leaves_doubt(FRENCH, &[]));
        assert!(!Odds::default().leaves_doubt(ENGLISH, &[]));
    }

    proptest! {
        #[test]
        fn every_stretch_has_a_language_that_was_heard_surely_or_before(
            heard in prop::collection::vec((0_i64..16_000, 0_usize..3, 0.5_f32..1.0), 1..20),
            before in prop::option::of(0_usize..3),
        ) {
            let languages = languages(&heard, before);
            prop_assert_eq!(languages.len(), heard.len());
            let is_sure = |language: usize| {
                let sure = |heard: &(i64, usize, f32)| heard.0 >= SURE_VOICE_MS && heard.1 == language && heard.2 >= SURE_ODDS;
                heard.iter().any(sure) || before == Some(language)
            };
            let one = languages.iter().all(|language| *language == languages[0]);
            prop_assert!(one || languages.iter().all(|&language| is_sure(language)));
        }
    }
}
