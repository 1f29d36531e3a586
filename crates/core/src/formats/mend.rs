//! Puts cues in order of time and lets none begin before its predecessor ends.

use super::{Warning, scan::RawCue};
use crate::MediaTime;

/// For how long a cue is shown whose end says nothing.
const UNKNOWN_DURATION_MS: i64 = 2_000;

/// Times that go backwards are sorted, ends that reach into the next cue are cut, and cues that begin
/// together share their time by the length of their texts. Every one of these is told.
pub(super) fn mend(mut cues: Vec<RawCue>, warnings: &mut Vec<Warning>) -> Vec<RawCue> {
    let mut warn = |cue: &RawCue, what: &str| {
        let message = format!("{} --> {} {what}", cue.start, cue.end);
        warnings.push(Warning { line: cue.line, message });
    };
    for cue in &mut cues {
        if cue.end <= cue.start {
            warn(cue, "does not end after it begins; its end is taken from what follows");
            cue.end = cue.start + UNKNOWN_DURATION_MS;
        }
    }
    let mut latest = MediaTime::ZERO;
    for cue in &cues {
        if cue.start < latest {
            warn(cue, "is earlier than the captions before it; it is put where it belongs");
        }
        latest = latest.max(cue.start);
    }
    cues.sort_by_key(|cue| cue.start);

    let mut at = 0;
    while at < cues.len() {
        let start = cues[at].start;
        let together = cues[at..].iter().take_while(|cue| cue.start == start).count();
        let next_start = cues.get(at + together).map_or(MediaTime::MAX, |next| next.start);
        let group = &mut cues[at..at + together];
        let end = group.iter().map(|cue| cue.end).max().unwrap_or(start);
        if together > 1 {
            warn(&group[1], "begins together with another caption; they share the time");
            let lengths: Vec<usize> = group.iter().map(|cue| cue.text.chars().count()).collect();
            for (cue, (from, to)) in group.iter_mut().zip(share(start, end.min(next_start), &lengths)) {
                (cue.start, cue.end) = (from, to);
            }
        } else if end > next_start {
            warn(&group[0], "reaches into the next caption; it is cut there");
            group[0].end = next_start;
        }
        at += together;
    }
    cues
}

/// Cuts a stretch of time in proportion to the lengths of the texts spoken in it.
pub(super) fn share(start: MediaTime, end: MediaTime, lengths: &[usize]) -> Vec<(MediaTime, MediaTime)> {
    let total: i64 = lengths.iter().map(|length| *length as i64).sum::<i64>().max(1);
    let mut before = 0_i64;
    lengths
        .iter()
        .map(|length| {
            let from = start + (end - start) * before / total;
            before += *length as i64;
            (from, start + (end - start) * before / total)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn cue(line: usize, start: i64, end: i64) -> RawCue {
        let (start, end) = (MediaTime::from_ms(start), MediaTime::from_ms(end));
        RawCue { line, start, end, text: "word".to_owned() }
    }

    fn mended(cues: &[(i64, i64)]) -> (Vec<(i64, i64)>, Vec<usize>) {
        let cues = cues.iter().enumerate().map(|(at, (start, end))| cue(at + 1, *start, *end)).collect();
        let mut warnings = Vec::new();
        let cues = mend(cues, &mut warnings);
        let times = cues.iter().map(|cue| (cue.start.ms(), cue.end.ms())).collect();
        (times, warnings.iter().map(|warning| warning.line).collect())
    }

    #[test]
    fn good_times_are_left_alone() {
        assert_eq!(mended(&[(0, 10), (10, 20), (25, 30)]), (vec![(0, 10), (10, 20), (25, 30)], vec![]));
    }

    #[test]
    fn overlapping_backward_and_equal_times_are_mended() {
        assert_eq!(mended(&[(0, 15), (10, 20)]), (vec![(0, 10), (10, 20)], vec![1]));
        assert_eq!(mended(&[(50, 60), (10, 20)]), (vec![(10, 20), (50, 60)], vec![2]));
        assert_eq!(mended(&[(0, 100), (0, 100)]), (vec![(0, 50), (50, 100)], vec![2]));
        assert_eq!(mended(&[(30, 10), (40, 50)]), (vec![(30, 40), (40, 50)], vec![1, 1]));
    }

    proptest! {
        #[test]
        fn mended_times_are_in_order_and_none_is_lost(
            times in proptest::collection::vec((0_i64..200, 0_i64..200), 0..30)
        ) {
            let (mended, _) = mended(&times);
            prop_assert_eq!(mended.len(), times.len());
            prop_assert!(mended.iter().all(|(start, end)| start <= end));
            prop_assert!(mended.windows(2).all(|pair| pair[0].1 <= pair[1].0));
            let mut before = MediaTime::ZERO;
            for (start, end) in share(MediaTime::ZERO, MediaTime::from_ms(999), &[3, 0, 5]) {
                prop_assert_eq!(start, before);
                before = end;
            }
            prop_assert_eq!(before.ms(), 999);
        }
    }
}
