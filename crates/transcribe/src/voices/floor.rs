//! Who has the floor: of voices that overlap, the one whose turn it is.

use moothall_core::MediaTime;

use super::Spoken;

/// Somebody who says less, while or between what another says, does not take the floor.
const SHORTEST_TURN_MS: i64 = 500;
/// Between two who are further apart the floor is nobody's.
const LONGEST_SILENCE_MS: i64 = 3_000;
/// Words begin a little before the voice is found, and end a little after.
const MARGIN_MS: i64 = 500;

/// From this moment on this voice has the floor; without a voice it is nobody's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Change {
    pub at: MediaTime,
    pub voice: Option<usize>,
}

/// `spoken` is in order of its starts. The changes come in order of time; each names another voice than the
/// one before.
pub fn floor(spoken: &[Spoken]) -> Vec<Change> {
    let mut turns: Vec<Spoken> = Vec::new();
    for &next in spoken {
        let Some(last) = turns.last_mut() else {
            turns.push(next);
            continue;
        };
        if next.voice == last.voice {
            last.end_ms = last.end_ms.max(next.end_ms);
        } else {
            // Whoever speaks already goes on to have the floor.
            let start_ms = next.start_ms.max(last.end_ms);
            if next.end_ms - start_ms >= SHORTEST_TURN_MS {
                turns.push(Spoken { start_ms, ..next });
            }
        }
    }
    changes(&turns)
}

fn changes(turns: &[Spoken]) -> Vec<Change> {
    let mut changes: Vec<Change> = Vec::new();
    let mut before: Option<&Spoken> = None;
    for turn in turns {
        let silence_ms = before.map_or(i64::MAX, |before| turn.start_ms - before.end_ms);
        let at = match before {
            Some(before) if silence_ms <= LONGEST_SILENCE_MS => before.end_ms + silence_ms / 2,
            Some(before) => {
                changes.push(Change { at: before.end_ms + MARGIN_MS, voice: None });
                turn.start_ms + -MARGIN_MS
            }
            None => (turn.start_ms + -MARGIN_MS).max(MediaTime::ZERO),
        };
        changes.push(Change { at, voice: Some(turn.voice) });
        before = Some(turn);
    }
    changes.extend(before.map(|last| Change { at: last.end_ms + MARGIN_MS, voice: None }));
    changes
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn spoken(voice: usize, start_ms: i64, end_ms: i64) -> Spoken {
        Spoken { start_ms: MediaTime::from_ms(start_ms), end_ms: MediaTime::from_ms(end_ms), voice }
    }

    fn heard(spoken: &[Spoken]) -> Vec<(i64, Option<usize>)> {
        floor(spoken).into_iter().map(|change| (change.at.ms(), change.voice)).collect()
    }

    #[test]
    fn the_floor_passes_in_the_middle_of_a_pause() {
        let turns = [spoken(0, 1_000, 4_000), spoken(1, 5_000, 9_000), spoken(0, 20_000, 22_000)];
        assert_eq!(
            heard(&turns),
            [(500, Some(0)), (4_500, Some(1)), (9_500, None), (19_500, Some(0)), (22_500, None)]
        );
    }

    #[test]
    fn who_says_yes_meanwhile_does_not_take_the_floor() {
        let turns = [spoken(0, 0, 10_000), spoken(1, 4_000, 5_500), spoken(1, 9_700, 10_200)];
        assert_eq!(heard(&turns), [(0, Some(0)), (10_500, None)]);
        let turns = [spoken(0, 0, 10_000), spoken(1, 9_000, 15_000)];
        assert_eq!(heard(&turns), [(0, Some(0)), (10_000, Some(1)), (15_500, None)]);
    }

    proptest! {
        #[test]
        fn changes_are_in_order_and_are_changes(
            turns in prop::collection::vec((0_usize..4, 0_i64..3_000, 1_i64..8_000), 0..40),
        ) {
            let mut start_ms = 0;
            let spoken: Vec<Spoken> = turns.iter().map(|&(voice, after_ms, length_ms)| {
                start_ms += after_ms;
                spoken(voice, start_ms, start_ms + length_ms)
            }).collect();
            for pair in floor(&spoken).windows(2) {
                prop_assert!(pair[0].at < pair[1].at, "{pair:?}");
                prop_assert_ne!(pair[0].voice, pair[1].voice);
            }
        }
    }
}
