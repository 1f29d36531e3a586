//! From probabilities of a voice to the windows that Whisper decodes.
//!
//! Times are milliseconds since the start of the sound at hand.

use crate::vad::FRAME_MS;

/// A voice begins at this probability and ends below the second: Silero's own thresholds (`utils_vad.py`).
const VOICE_BEGINS: f32 = 0.5;
const VOICE_ENDS: f32 = 0.35;
/// Shorter sounds are coughs and clicks.
const SHORTEST_SPEECH_MS: i64 = 250;
/// Whisper stretches a line over a longer silence within a window, so that none is packed.
pub const LONGEST_GAP_MS: i64 = 2_000;

/// From `start_ms` up to `end_ms`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    pub start_ms: i64,
    pub end_ms: i64,
}

impl Span {
    pub const fn new(start_ms: i64, end_ms: i64) -> Self {
        Self { start_ms, end_ms }
    }

    pub const fn length_ms(self) -> i64 {
        self.end_ms - self.start_ms
    }

    /// How many milliseconds both have in common; negative by the distance between them.
    pub fn overlap_ms(self, other: Self) -> i64 {
        self.end_ms.min(other.end_ms) - self.start_ms.max(other.start_ms)
    }
}

/// How speech is put into windows.
#[derive(Debug, Clone, Copy)]
pub struct Packing {
    /// No window is longer, its padding included. Whisper hears at most 30 s.
    pub longest_ms: i64,
    /// Sound kept before and after speech, where there is room: Silero finds voices a little late.
    pub padding_ms: i64,
    /// A shorter pause does not end a stretch of speech.
    pub shortest_silence_ms: i64,
}

/// Speech of two languages is told apart in pieces of this length: long enough to be sure of most of them.
const PIECES: Packing = Packing { longest_ms: 6_000, padding_ms: 200, shortest_silence_ms: 300 };

/// What is decoded at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Window {
    /// What Whisper hears.
    pub sound: Span,
    /// Where the voice is in it, in order.
    pub speech: Vec<Span>,
}

impl Window {
    /// How long somebody speaks in it.
    pub fn voice_ms(&self) -> i64 {
        self.speech.iter().map(|span| span.length_ms()).sum()
    }

    /// The same sound in pieces of at most six seconds, cut at its pauses.
    pub fn pieces(&self, probabilities: &[f32]) -> Vec<Self> {
        let mut pieces = pack(&self.speech, probabilities, PIECES, self.sound.end_ms);
        if let Some(first) = pieces.first_mut() {
            first.sound.start_ms = self.sound.start_ms;
        }
        if let Some(last) = pieces.last_mut() {
            last.sound.end_ms = self.sound.end_ms;
        }
        pieces
    }

    /// Adds a window that follows.
    pub fn append(&mut self, next: &Self) {
        self.sound.end_ms = next.sound.end_ms;
        self.speech.extend_from_slice(&next.speech);
    }
}

/// The stretches of speech in frames of [`FRAME_MS`].
pub fn speech(probabilities: &[f32], shortest_silence_ms: i64) -> Vec<Span> {
    let mut found: Vec<Span> = Vec::new();
    let mut start: Option<i64> = None;
    for (frame, &probability) in probabilities.iter().chain([&0.0]).enumerate() {
        let at_ms = frame as i64 * FRAME_MS;
        match start {
            None if probability >= VOICE_BEGINS => start = Some(at_ms),
            Some(start_ms) if probability < VOICE_ENDS => {
                start = None;
                match found.last_mut() {
                    Some(last) if start_ms - last.end_ms < shortest_silence_ms => last.end_ms = at_ms,
                    _ => found.push(Span::new(start_ms, at_ms)),
                }
            }
            _ => {}
        }
    }
    found.retain(|span| span.length_ms() >= SHORTEST_SPEECH_MS);
    found
}

/// Puts speech into windows: as full as may be, ended at the longest pause of their second half, and never
/// across a silence of [`LONGEST_GAP_MS`]. Windows do not overlap.
pub fn pack(speech: &[Span], probabilities: &[f32], packing: Packing, duration_ms: i64) -> Vec<Window> {
    let longest_ms = packing.longest_ms - 2 * packing.padding_ms;
    let mut windows: Vec<Vec<Span>> = Vec::new();
    let mut open: Vec<Span> = Vec::new();
    for piece in speech.iter().flat_map(|&span| split(span, probabilities, longest_ms)) {
        while let (Some(first), Some(last)) = (open.first(), open.last()) {
            if piece.start_ms - last.end_ms > LONGEST_GAP_MS {
                windows.push(std::mem::take(&mut open));
            } else if piece.end_ms - first.start_ms > longest_ms {
                let rest = open.split_off(best_cut(&open, piece, longest_ms));
                windows.push(std::mem::replace(&mut open, rest));
            } else {
                break;
            }
        }
        open.push(piece);
    }
    windows.extend((!open.is_empty()).then_some(open));
    pad(windows, packing.padding_ms, duration_ms)
}

/// How many spans of a full window to keep: up to the longest pause after its middle, at least one.
fn best_cut(open: &[Span], next: Span, longest_ms: i64) -> usize {
    let pause_before = |index: usize| {
        let following = open.get(index).copied().unwrap_or(next);
        (following.start_ms - open[index - 1].end_ms, index)
    };
    let late = |&index: &usize| open[index - 1].end_ms - open[0].start_ms >= longest_ms / 2;
    (1..=open.len()).filter(late).map(pause_before).max().map_or(open.len(), |(_, index)| index)
}

/// Cuts speech without a pause where the voice is weakest, after the middle of what fits.
fn split(span: Span, probabilities: &[f32], longest_ms: i64) -> Vec<Span> {
    let mut pieces = Vec::new();
    let mut rest = span;
    while rest.length_ms() > longest_ms {
        let frame = |ms: i64| usize::try_from(ms / FRAME_MS).unwrap_or(0).min(probabilities.len());
        let (from, to) = (frame(rest.start_ms + longest_ms / 2), frame(rest.start_ms + longest_ms));
        // Five frames together, so that one quiet consonant is no pause.
        let weakest = probabilities[from..to]
            .windows(5)
            .map(|frames| frames.iter().sum::<f32>())
            .enumerate()
            .min_by(|a, b| a.1.total_cmp(&b.1))
            .map_or(to, |(index, _)| from + index + 2);
        let cut_ms = (weakest as i64 * FRAME_MS).clamp(rest.start_ms + 1, rest.start_ms + longest_ms);
        pieces.push(Span::new(rest.start_ms, cut_ms));
        rest.start_ms = cut_ms;
    }
    pieces.push(rest);
    pieces
}

/// Widens each window, at most to the middle of the pause between it and its neighbour.
fn pad(windows: Vec<Vec<Span>>, padding_ms: i64, duration_ms: i64) -> Vec<Window> {
    let edges: Vec<Span> =
        windows.iter().map(|speech| Span::new(speech[0].start_ms, speech[speech.len() - 1].end_ms)).collect();
    let widened = |(index, speech): (usize, Vec<Span>)| {
        let edge = edges[index];
        let floor_ms = if index == 0 { 0 } else { (edges[index - 1].end_ms + edge.start_ms).div_euclid(2) };
        let ceiling_ms =
            edges.get(index + 1).map_or(duration_ms, |next| (edge.end_ms + next.start_ms).div_euclid(2));
        let sound = Span::new(
            (edge.start_ms - padding_ms).max(floor_ms),
            (edge.end_ms + padding_ms).min(ceiling_ms).max(edge.start_ms),
        );
        Window { sound, speech }
    };
    windows.into_iter().enumerate().map(widened).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const PACKING: Packing = Packing { longest_ms: 15_000, padding_ms: 200, shortest_silence_ms: 300 };

    /// Alternating silence and voice, each so many frames long.
    fn frames(lengths: &[usize]) -> Vec<f32> {
        let level = |(index, &length): (usize, &usize)| vec![if index % 2 == 0 { 0.02 } else { 0.9 }; length];
        lengths.iter().enumerate().flat_map(level).collect()
    }

    fn windows(probabilities: &[f32]) -> Vec<Window> {
        let speech = speech(probabilities, PACKING.shortest_silence_ms);
        pack(&speech, probabilities, PACKING, probabilities.len() as i64 * FRAME_MS)
    }

    #[test]
    fn silence_and_clicks_are_no_speech() {
        assert_eq!(windows(&frames(&[1_000])), []);
        assert_eq!(windows(&frames(&[100, 5, 100])), []);
    }

    #[test]
    fn short_pauses_are_kept_and_long_ones_are_not() {
        // 3 s of voice, 1 s of silence, 3 s of voice; then 4 s of silence before another 3 s.
        let found = windows(&frames(&[100, 94, 31, 94, 125, 94, 100]));
        let spans: Vec<usize> = found.iter().map(|window| window.speech.len()).collect();
        assert_eq!(spans, [2, 1]);
        assert_eq!(found[0].sound, Span::new(100 * FRAME_MS - 200, 319 * FRAME_MS + 200));
    }

    #[test]
    fn a_full_window_ends_at_its_longest_pause() {
        // Voices of 4 s; the pause after the second is the longest.
        let found = windows(&frames(&[10, 125, 15, 125, 30, 125, 15, 125, 10]));
        let spans: Vec<usize> = found.iter().map(|window| window.speech.len()).collect();
        assert_eq!(spans, [2, 2]);
    }

    #[test]
    fn speech_without_a_pause_is_cut_where_it_is_weakest() {
        let mut probabilities = frames(&[10, 900, 10]);
        probabilities[400..405].fill(0.6);
        let found = windows(&probabilities);
        assert_eq!(found[0].speech[0].end_ms, 402 * FRAME_MS);
    }

    #[test]
    fn a_window_is_taken_to_pieces_and_put_together_again() {
        // One voice of 4 s, and one that is longer than a piece.
        let probabilities = frames(&[10, 125, 15, 260, 10]);
        let window = windows(&probabilities).remove(0);
        let pieces = window.pieces(&probabilities);
        assert_eq!(pieces.len(), 3, "{pieces:?}");
        assert!(pieces.iter().all(|piece| piece.sound.length_ms() <= PIECES.longest_ms));
        let mut whole = pieces[0].clone();
        pieces[1..].iter().for_each(|piece| whole.append(piece));
        assert_eq!((whole.sound, whole.voice_ms()), (window.sound, window.voice_ms()));
    }

    proptest! {
        #[test]
        fn windows_hold_all_speech_once(lengths in prop::collection::vec(1_usize..700, 1..30)) {
            let probabilities = frames(&lengths);
            let duration_ms = probabilities.len() as i64 * FRAME_MS;
            let speech = speech(&probabilities, PACKING.shortest_silence_ms);
            let windows = windows(&probabilities);
            let packed: i64 = windows.iter().flat_map(|window| &window.speech).map(|span| span.length_ms()).sum();
            prop_assert_eq!(packed, speech.iter().map(|span| span.length_ms()).sum::<i64>());
            for window in &windows {
                prop_assert!(window.sound.length_ms() <= PACKING.longest_ms);
                prop_assert!(window.sound.start_ms >= 0 && window.sound.end_ms <= duration_ms);
                for pair in window.speech.windows(2) {
                    prop_assert!(pair[1].start_ms - pair[0].end_ms <= LONGEST_GAP_MS);
                }
                for span in &window.speech {
                    prop_assert!(window.sound.start_ms <= span.start_ms && span.end_ms <= window.sound.end_ms);
                }
            }
            for pair in windows.windows(2) {
                prop_assert!(pair[0].sound.end_ms <= pair[1].sound.start_ms);
            }
        }
    }
}
