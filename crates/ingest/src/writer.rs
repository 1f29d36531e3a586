//! Where each chunk of a connection goes: run, file, place in the file, and media time.

use chrono::{DateTime, Utc};

use crate::{
    entry::{Entry, Head},
    journal::{Line, Rendition},
    record::RecordError,
    timeline::{Format, Timeline},
};

/// How the running time of a pipeline becomes media time.
#[derive(Debug, Clone, Copy)]
pub(crate) enum TimeBase {
    /// Of a file: both are the same, and the recording starts over.
    File { epoch: DateTime<Utc> },
    /// Of a live source: the first sample came at this wall-clock time with this running time.
    Live { wall: DateTime<Utc>, running_us: i64 },
}

/// A piece of a segment file as it comes from the muxer.
pub(crate) struct Chunk {
    pub running_us: i64,
    pub duration_us: i64,
    /// The muxer began a segment with it.
    pub starts_segment: bool,
    pub bytes: Vec<u8>,
}

/// Makes the entries of one run.
pub(crate) struct Writer {
    connected_at: DateTime<Utc>,
    run: u32,
    offset_us: i64,
    tracks: [Track; Rendition::ALL.len()],
}

#[derive(Default)]
struct Track {
    init: Option<String>,
    inits: u32,
    segments: u32,
    /// The file that is being written, and its bytes so far.
    open: Option<(String, u64)>,
    /// Media time of the end of what is recorded, over all runs.
    end_us: i64,
    discontinuity: bool,
}

impl Writer {
    /// Begins a run behind `before`, once something is there to be recorded.
    pub(crate) fn begin(
        before: Timeline,
        connected_at: DateTime<Utc>,
        base: TimeBase,
        now: DateTime<Utc>,
    ) -> (Self, Entry) {
        let (epoch, offset_us, starts_over) = match base {
            TimeBase::File { epoch } => (epoch, 0, true),
            TimeBase::Live { wall, running_us } => {
                let epoch = before.epoch().unwrap_or(wall);
                let since_epoch = wall.signed_duration_since(epoch).num_microseconds().unwrap_or(0);
                // A clock that was set back must not make media time run twice.
                (epoch, since_epoch.max(before.end_us()).saturating_sub(running_us), false)
            }
        };
        let run = before.run().saturating_add(1);
        let continues = !starts_over && before.run() > 0;
        let tracks = Rendition::ALL.map(|rendition| {
            let end_us = before.all_segments(rendition).last().map_or(0, |last| last.end_us());
            let end_us = if continues { end_us } else { 0 };
            Track { end_us, discontinuity: continues, ..Track::default() }
        });
        let writer = Self { connected_at, run, offset_us, tracks };
        let entry = writer.entry(now, Line::Run { run, epoch, offset_us, starts_over }, Vec::new());
        (writer, entry)
    }

    /// Media time of the end of what was made, in microseconds.
    pub(crate) fn end_us(&self) -> i64 {
        self.tracks.iter().map(|track| track.end_us).max().unwrap_or(0)
    }

    pub(crate) fn init(
        &mut self,
        now: DateTime<Utc>,
        rendition: Rendition,
        bytes: Vec<u8>,
        format: Format,
    ) -> Entry {
        let track = &mut self.tracks[rendition.index()];
        let file = format!("init-{}-{}.mp4", self.run, track.inits);
        track.inits += 1;
        track.open = None;
        track.init = Some(file.clone());
        let (width, height) = format.resolution.unzip();
        let line = Line::Init { rendition, file, codec: format.codec, width, height };
        self.entry(now, line, bytes)
    }

    /// Gives the entry, and the media time of its end in microseconds.
    pub(crate) fn chunk(
        &mut self,
        now: DateTime<Utc>,
        rendition: Rendition,
        chunk: Chunk,
    ) -> Result<(Entry, i64), RecordError> {
        let track = &mut self.tracks[rendition.index()];
        let init = track.init.clone().ok_or(RecordError::NotBegun)?;
        if chunk.starts_segment {
            track.open = None;
        }
        let (file, offset) = track.open.take().unwrap_or_else(|| {
            let name = format!("{}-{}.m4s", self.run, track.segments);
            track.segments += 1;
            (name, 0)
        });
        let length = chunk.bytes.len() as u64;
        let start_us = chunk.running_us.saturating_add(self.offset_us).max(track.end_us);
        track.open = Some((file.clone(), offset + length));
        track.end_us = start_us.saturating_add(chunk.duration_us);
        let end_us = track.end_us;
        let discontinuity = chunk.starts_segment && std::mem::take(&mut track.discontinuity);
        let line = Line::Chunk {
            rendition,
            file,
            offset,
            length,
            start_us,
            duration_us: chunk.duration_us,
            init,
            independent: chunk.starts_segment,
            discontinuity,
        };
        Ok((self.entry(now, line, chunk.bytes), end_us))
    }

    /// Ends the run in order.
    pub(crate) fn stop(self, now: DateTime<Utc>) -> Entry {
        self.entry(now, Line::Stopped { run: self.run }, Vec::new())
    }

    fn entry(&self, captured_at: DateTime<Utc>, line: Line, bytes: Vec<u8>) -> Entry {
        Entry { head: Head { captured_at, connected_at: self.connected_at, line }, bytes }
    }
}
