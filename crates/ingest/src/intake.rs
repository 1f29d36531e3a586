//! What the muxers of one connection give, made into entries of the recording, if it is this connection that
//! is recorded.

use std::{collections::VecDeque, time::Instant};

use chrono::{DateTime, TimeDelta, Utc};
use moothall_core::MediaTime;

use crate::{
    branch::{Event, Shared, running_us},
    journal::Rendition,
    lead::Turn,
    record::RecordError,
    recording::lock,
    timeline::Format,
    writer::{Chunk, TimeBase, Writer},
};

/// So much is held while a connection stands by: as long as it takes to see that the other one has failed, and
/// a segment, since pictures begin with one.
const HELD_US: i64 = 6_000_000;

/// Times of one source are not further ahead than this, unless the machine's clock was set back: then what the
/// other one brings need not wait.
const MOST_AHEAD: TimeDelta = TimeDelta::seconds(15);

/// One connection's way into the recording.
#[derive(Default)]
pub(crate) struct Intake {
    /// None before the first piece, and while it stands by.
    pub writer: Option<Writer>,
    inits: [Option<Init>; Rendition::ALL.len()],
    /// The latest that came while it stood by.
    held: VecDeque<Held>,
}

struct Held {
    rendition: Rendition,
    chunk: Chunk,
    captured_at: DateTime<Utc>,
}

/// What each run begins with.
struct Init {
    bytes: Vec<u8>,
    format: Format,
    /// In this run.
    is_written: bool,
}

/// Takes in a buffer list of a muxer.
pub(crate) fn take_in(
    shared: &Shared,
    rendition: Rendition,
    sample: &gst::Sample,
    format: Option<Format>,
    transcoded: bool,
) -> Result<(), RecordError> {
    let (init, chunks) = unpack(sample)?;
    let Some(first) = chunks.first() else { return Ok(()) };
    shared.check_drift(first.running_us)?;
    let base = shared.time_base(first.running_us);
    let now = shared.clock.now();
    // Held until all is pushed: what two connections bring must not be mixed.
    let mut lead = lock(&shared.recording.lead);
    let mut intake = lock(&shared.intake);
    if let Some(bytes) = init {
        let format = format.ok_or(RecordError::Muxer("no caps"))?;
        shared.tell(Event::Stream { rendition, codec: format.codec.clone(), transcoded });
        intake.inits[rendition.index()] = Some(Init { bytes, format, is_written: false });
    }
    if !rendition.is_original() && (intake.writer.is_none() || !lead.is_held_by(shared.rank)) {
        // Smaller pictures follow the recording and decide nothing.
        return Ok(());
    }
    intake.held.extend(chunks.into_iter().map(|chunk| Held { rendition, chunk, captured_at: now }));
    let recorded_until = lead.recorded_until.filter(|until| *until < now + MOST_AHEAD);
    let begins_us = intake.begins_us(base, recorded_until);
    let turn = match rendition.is_original() {
        true => lead.turn(shared.rank, begins_us.is_some(), Instant::now()),
        false => Turn::Record,
    };
    match turn {
        Turn::Record => {}
        Turn::TakeOver => {
            intake.leave_run();
            intake.held.retain(|held| begins_us.is_some_and(|begins_us| held.chunk.running_us >= begins_us));
        }
        Turn::StandBy => {
            intake.leave_run();
            intake.hold_the_latest();
            shared.tell(Event::StandsBy);
            return Ok(());
        }
    }
    if let Some(meter) = &shared.meter {
        meter.follow(shared.rank);
    }
    while let Some(Held { rendition, chunk, captured_at }) = intake.held.pop_front() {
        let end = base.wall_clock(chunk.running_us.saturating_add(chunk.duration_us));
        intake.begin(shared, base.moved_to(chunk.running_us), captured_at)?;
        intake.write(shared, rendition, chunk, captured_at)?;
        lead.recorded_until = lead.recorded_until.max(end);
    }
    Ok(())
}

impl Intake {
    /// Where a run could begin: players begin with a whole picture, or with any sound where there is none, and
    /// what the other connection has recorded is not recorded again.
    fn begins_us(&self, base: TimeBase, recorded_until: Option<DateTime<Utc>>) -> Option<i64> {
        let has_picture = self.inits[Rendition::Video.index()].is_some();
        let begins = |held: &&Held| {
            (!has_picture || held.rendition == Rendition::Video && held.chunk.starts_segment)
                && base.wall_clock(held.chunk.running_us) >= recorded_until
        };
        Some(self.held.iter().find(begins)?.chunk.running_us)
    }

    fn hold_the_latest(&mut self) {
        let latest_us = self.held.iter().map(|held| held.chunk.running_us).max().unwrap_or(0);
        self.held.retain(|held| held.chunk.running_us > latest_us - HELD_US);
    }

    /// Another connection's run follows the one that this had begun.
    fn leave_run(&mut self) {
        self.writer = None;
        for init in self.inits.iter_mut().flatten() {
            init.is_written = false;
        }
    }

    fn begin(&mut self, shared: &Shared, base: TimeBase, now: DateTime<Utc>) -> Result<(), RecordError> {
        if self.writer.is_none() {
            let (writer, entry) = Writer::begin(shared.recording.timeline(), shared.connected_at, base, now);
            shared.recording.push(entry)?;
            self.writer = Some(writer);
        }
        Ok(())
    }

    fn write(
        &mut self,
        shared: &Shared,
        rendition: Rendition,
        mut chunk: Chunk,
        now: DateTime<Utc>,
    ) -> Result<(), RecordError> {
        let writer = self.writer.as_mut().ok_or(RecordError::NotBegun)?;
        let init = self.inits[rendition.index()].as_mut().ok_or(RecordError::NotBegun)?;
        if !init.is_written {
            // Where a run begins in the middle of a segment, sound can begin at once, pictures cannot.
            if rendition.is_picture() && !chunk.starts_segment {
                return Ok(());
            }
            chunk.starts_segment = true;
            shared.recording.push(writer.init(now, rendition, init.bytes.clone(), init.format.clone()))?;
            init.is_written = true;
        }
        let (entry, end_us) = writer.chunk(now, rendition, chunk)?;
        shared.recording.push(entry)?;
        shared.tell(Event::Recorded { end: MediaTime::from_ms(end_us / 1_000) });
        Ok(())
    }
}

impl TimeBase {
    /// None for a file, whose times are its own.
    fn wall_clock(self, later_us: i64) -> Option<DateTime<Utc>> {
        match self.moved_to(later_us) {
            Self::File { .. } => None,
            Self::Live { wall, .. } => Some(wall),
        }
    }

    /// The same relation, told of a later moment.
    fn moved_to(self, later_us: i64) -> Self {
        match self {
            Self::File { .. } => self,
            Self::Live { wall, running_us } => {
                let passed = TimeDelta::microseconds(later_us.saturating_sub(running_us));
                Self::Live { wall: wall.checked_add_signed(passed).unwrap_or(wall), running_us: later_us }
            }
        }
    }
}

/// Takes a buffer list of the muxer apart: an init file is DISCONT and HEADER, the head of a segment HEADER,
/// the head of a further chunk HEADER and DELTA_UNIT; what follows belongs to the chunk.
fn unpack(sample: &gst::Sample) -> Result<(Option<Vec<u8>>, Vec<Chunk>), RecordError> {
    let list = sample.buffer_list().ok_or(RecordError::Muxer("no buffer list"))?;
    let segment = sample.segment().ok_or(RecordError::Muxer("no segment"))?;
    let mut init = None;
    let mut chunks: Vec<Chunk> = Vec::new();
    for buffer in list.iter() {
        let data = buffer.map_readable().map_err(|_| RecordError::Muxer("an unreadable buffer"))?;
        let flags = buffer.flags();
        if flags.contains(gst::BufferFlags::DISCONT | gst::BufferFlags::HEADER) {
            init = Some(data.to_vec());
            continue;
        }
        if flags.contains(gst::BufferFlags::HEADER) {
            chunks.push(Chunk {
                running_us: running_us(segment, buffer).ok_or(RecordError::Muxer("a chunk without time"))?,
                duration_us: buffer.duration().map_or(0, |duration| duration.useconds() as i64),
                starts_segment: !flags.contains(gst::BufferFlags::DELTA_UNIT),
                bytes: Vec::with_capacity(list.calculate_size()),
            });
        }
        let chunk = chunks.last_mut().ok_or(RecordError::Muxer("samples without a head"))?;
        chunk.bytes.extend_from_slice(&data);
    }
    Ok((init, chunks))
}
