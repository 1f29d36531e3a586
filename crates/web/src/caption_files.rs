//! The captions of HLS: WebVTT files of the same stretches as the segments of the sound (RFC 8216bis, 3.1.4).

use axum::{
    extract::{Path, State},
    http::{HeaderValue, header},
    response::{IntoResponse, Response},
};
use moothall_core::{
    MediaTime, MeetingId,
    formats::{Cue, vtt},
};
use moothall_ingest::{CAPTIONS_END, Rendition, Segment, Timeline};
use moothall_store::CaptionRow;

use crate::{
    failure::{Failure, Result},
    media::{PLAYLIST_CACHE, watchable},
    record::Record,
    state::AppState,
};

const VTT_TYPE: HeaderValue = HeaderValue::from_static("text/vtt; charset=utf-8");
/// A correction is to be seen soon.
const CACHE: HeaderValue = HeaderValue::from_static("public, max-age=60");
/// Players ask for each file once, as soon as it is in the playlist, when the last words in it are not settled yet.
/// So close to now words come so much after their sound, as in broadcasting.
const LATE_MS: i64 = 5_000;
const CLOSE_MS: i64 = 20_000;
/// Of the clock that WebVTT files are tied to.
const TICKS_PER_MS: i64 = 90;

/// `/media/{meeting id}/t/{file}`
pub async fn show(
    State(state): State<AppState>,
    Path((meeting, name)): Path<(String, String)>,
) -> Result<Response> {
    let id = watchable(&state, &meeting).await?;
    let timeline = state.recordings.timeline(id).await?;
    let sound = name.strip_suffix(CAPTIONS_END).map(|stem| format!("{stem}.m4s")).ok_or(Failure::NotFound)?;
    let segments = timeline.segments(Rendition::Audio);
    let segment = segments.iter().rev().find(|segment| segment.file == sound).ok_or(Failure::NotFound)?;
    let late_ms = late_ms(&timeline, segment);
    let rows = captions(&state, id, segment.start() + -late_ms, segment.end() + -late_ms).await?;
    let cache = if timeline.is_finished() { CACHE } else { PLAYLIST_CACHE };
    let headers = [(header::CONTENT_TYPE, VTT_TYPE), (header::CACHE_CONTROL, cache)];
    Ok((headers, file(segment, &rows, late_ms)).into_response())
}

fn late_ms(timeline: &Timeline, segment: &Segment) -> i64 {
    if timeline.is_finished() || timeline.duration() - segment.end() > CLOSE_MS { 0 } else { LATE_MS }
}

async fn captions(
    state: &AppState,
    id: MeetingId,
    from: MediaTime,
    to: MediaTime,
) -> Result<Vec<CaptionRow>> {
    let meeting = state.db.meeting(id).await?.ok_or(Failure::NotFound)?;
    if !meeting.upper_case {
        return Ok(state.db.captions_at(id, from, to).await?);
    }
    // The letters of a sentence depend on what was said before.
    let mut rows = Record::load(&state.db, &meeting, MediaTime::ZERO).await?.captions;
    rows.retain(|row| row.start_ms < to && from < row.end_ms);
    Ok(rows)
}

/// Times in it are media times; its head ties them to those in the segments. It is the same for all of a run, or
/// else players would round the times of a caption that stands in two files differently, and show it twice.
fn file(segment: &Segment, rows: &[CaptionRow], late_ms: i64) -> String {
    let offset_ms = (segment.offset_us + 500).div_euclid(1_000);
    let (local, ticks) = (MediaTime::from_ms(offset_ms.max(0)), TICKS_PER_MS * (-offset_ms).max(0));
    let mut file = format!("WEBVTT\nX-TIMESTAMP-MAP=LOCAL:{local},MPEGTS:{ticks}\n");
    for row in rows {
        let (start_ms, end_ms, text) = match late_ms {
            // Whole, in each file that it stands in: players know that it is the same.
            0 => (row.start_ms, row.end_ms, row.text.clone()),
            // It has grown by the next file.
            _ => {
                let said = row.words.0.iter().take_while(|word| word.start_ms + late_ms < segment.end());
                let text = said.map(|word| word.text.as_str()).collect::<Vec<_>>().join(" ");
                let start_ms = (row.start_ms + late_ms).max(segment.start());
                (start_ms, (row.end_ms + late_ms).min(segment.end()), text)
            }
        };
        vtt::write_cue(
            &mut file,
            &Cue { start_ms, end_ms, text: &text, new_turn: false, speaker: None, language: None },
        );
    }
    file
}

#[cfg(test)]
mod tests {
    use moothall_core::{CaptionId, TurnId, Word};

    use super::*;

    fn segment() -> Segment {
        Segment {
            file: "2-4.m4s".to_owned(),
            init: "init-2-0.mp4".to_owned(),
            bytes: 1_000,
            run: 2,
            discontinuity: false,
            discontinuity_sequence: 1,
            start_us: 68_000_000,
            duration_us: 2_000_000,
            offset_us: 60_000_000,
        }
    }

    fn row(start_ms: i64) -> CaptionRow {
        let word = |(index, text): (i64, &str)| Word {
            start_ms: MediaTime::from_ms(start_ms + index * 1_000),
            end_ms: MediaTime::from_ms(start_ms + index * 1_000 + 900),
            text: text.to_owned(),
            confidence: 0.9,
        };
        let words: Vec<Word> = (0..).zip(["Two", "hands", "are", "up."]).map(word).collect();
        CaptionRow {
            id: CaptionId::new(),
            turn_id: TurnId::new(),
            start_ms: MediaTime::from_ms(start_ms),
            end_ms: MediaTime::from_ms(start_ms + 4_000),
            text: "Two hands\nare up.".to_owned(),
            words: words.into(),
            confidence: None,
            corrected: false,
            language: None,
        }
    }

    #[test]
    fn an_archived_caption_stands_whole_at_its_time() {
        let text = file(&segment(), &[row(67_000)], 0);
        let head = "WEBVTT\nX-TIMESTAMP-MAP=LOCAL:00:01:00.000,MPEGTS:0\n";
        assert_eq!(text, format!("{head}\n00:01:07.000 --> 00:01:11.000\nTwo hands\nare up.\n"));
    }

    #[test]
    fn a_live_caption_comes_late_and_grows_from_file_to_file() {
        let text = file(&segment(), &[row(63_500)], LATE_MS);
        assert!(text.ends_with("\n00:01:08.500 --> 00:01:10.000\nTwo hands\n"), "{text}");
    }
}
