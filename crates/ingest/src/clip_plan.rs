//! Which stretches of media time make up a clip, and where each comes to stand in it.

use moothall_core::{MediaTime, formats::Cue};

use crate::timeline::Segment;

/// Segments further apart than this are not one piece.
const GAP_US: i64 = 100_000;

/// A stretch of the recording without a gap.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Piece {
    /// Media time.
    pub start_us: i64,
    pub end_us: i64,
    /// Where it begins in the clip.
    pub place_us: i64,
}

impl Piece {
    /// From media time to the time in the clip.
    pub(crate) const fn in_clip(&self, media_us: i64) -> i64 {
        media_us - self.start_us + self.place_us
    }
}

/// The pieces of the segments that reach into a range. `start` says, knowing the segments of the first piece,
/// where it begins; the others begin with their first segment, and so with a key frame.
pub(crate) fn plan<E>(
    segments: &[Segment],
    from_us: i64,
    to_us: i64,
    start: impl FnOnce(&[Segment]) -> Result<i64, E>,
) -> Result<Vec<Piece>, E> {
    let continues = |a: &Segment, b: &Segment| {
        !b.discontinuity && a.init == b.init && (b.start_us - a.end_us()).abs() < GAP_US
    };
    let mut start = Some(start);
    let mut place_us = 0;
    let mut pieces = Vec::new();
    for group in segments.chunk_by(continues) {
        let Some((first, last)) = group.first().zip(group.last()) else { continue };
        let start_us = match start.take() {
            Some(start) if first.start_us < from_us => start(group)?,
            _ => first.start_us,
        };
        let piece = Piece { start_us, end_us: last.end_us().min(to_us), place_us };
        if piece.end_us > piece.start_us {
            place_us += piece.end_us - piece.start_us;
            pieces.push(piece);
        }
    }
    Ok(pieces)
}

/// One line or two of text in a clip.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Text {
    pub start_us: i64,
    pub end_us: i64,
    pub text: String,
}

/// Text for every moment from the beginning of the clip to its last caption, empty where nothing is said:
/// players take a track of text for one that begins with the picture and has no holes.
pub(crate) fn texts<'a>(pieces: &[Piece], captions: impl IntoIterator<Item = Cue<'a>>) -> Vec<Text> {
    let us = |time: MediaTime| time.ms() * 1_000;
    let mut texts: Vec<Text> = Vec::new();
    let (mut upto_us, mut speaker) = (0, None);
    for caption in captions {
        for piece in pieces {
            let (start_us, end_us) =
                (us(caption.start_ms).max(piece.start_us), us(caption.end_ms).min(piece.end_us));
            // Captions do not overlap in what is shown; one that begins too early waits.
            let start_us = piece.in_clip(start_us).max(upto_us);
            let end_us = piece.in_clip(end_us);
            if start_us >= end_us {
                continue;
            }
            if start_us > upto_us {
                texts.push(Text { start_us: upto_us, end_us: start_us, text: String::new() });
            }
            let text = match caption.speaker.filter(|_| caption.speaker != speaker) {
                Some(name) => format!("{name}: {}", caption.text),
                None => caption.text.to_owned(),
            };
            texts.push(Text { start_us, end_us, text });
            (upto_us, speaker) = (end_us, caption.speaker);
        }
    }
    texts
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use proptest::prelude::*;

    use super::*;

    fn segment(run: u32, start_s: i64, discontinuity: bool) -> Segment {
        Segment {
            file: format!("{run}-0.m4s"),
            init: format!("init-{run}-0.mp4"),
            bytes: 1,
            run,
            discontinuity,
            discontinuity_sequence: run - 1,
            start_us: start_s * 1_000_000,
            duration_us: 2_000_000,
            offset_us: 0,
        }
    }

    fn pieces(from_us: i64, to_us: i64) -> Vec<Piece> {
        let segments =
            [segment(1, 0, false), segment(1, 2, false), segment(2, 34, true), segment(2, 36, false)];
        plan(&segments, from_us, to_us, |_| Ok::<_, Infallible>(from_us)).unwrap()
    }

    fn cue(start_ms: i64, end_ms: i64, text: &str) -> Cue<'_> {
        let (start_ms, end_ms) = (MediaTime::from_ms(start_ms), MediaTime::from_ms(end_ms));
        Cue { start_ms, end_ms, text, new_turn: false, speaker: Some("Cllr Amin"), language: None }
    }

    #[test]
    fn a_gap_is_left_out() {
        assert_eq!(
            pieces(1_000_000, 37_000_000),
            [
                Piece { start_us: 1_000_000, end_us: 4_000_000, place_us: 0 },
                Piece { start_us: 34_000_000, end_us: 37_000_000, place_us: 3_000_000 },
            ]
        );
    }

    #[test]
    fn captions_move_with_their_piece() {
        let pieces = pieces(1_000_000, 37_000_000);
        let captions =
            [cue(500, 1_500, "Before,"), cue(3_000, 3_500, "within"), cue(20_000, 35_000, "after.")];
        let told: Vec<_> = texts(&pieces, captions)
            .into_iter()
            .map(|text| (text.start_us / 1_000, text.end_us / 1_000, text.text))
            .collect();
        let expected = [
            (0, 500, "Cllr Amin: Before,"),
            (500, 2_000, ""),
            (2_000, 2_500, "within"),
            (2_500, 3_000, ""),
            (3_000, 4_000, "after."),
        ];
        assert_eq!(told, expected.map(|(start, end, text)| (start, end, text.to_owned())));
    }

    proptest! {
        #[test]
        fn texts_follow_one_another(times in proptest::collection::vec((0..40_000_i64, 0..5_000_i64), 0..20)) {
            let captions = times.iter().map(|&(start, length)| cue(start, start + length, "words"));
            let mut upto_us = 0;
            for text in texts(&pieces(500_000, 38_000_000), captions) {
                prop_assert_eq!(text.start_us, upto_us);
                prop_assert!(text.end_us > text.start_us && text.end_us <= 7_500_000);
                upto_us = text.end_us;
            }
        }
    }
}
