//! What the muxers of one connection give, made into entries of the recording, if it is this connection that
//! is recorded.

use std::time::Instant;

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

/// One connection's way into the recording.
#[derive(Default)]
pub(crate) struct Intake {
    /// None before the first piece, and while it stands by.
    pub writer: Option<Writer>,
    inits: [Option<Init>; 2],
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
    let base = shared.time_base(first.running_us).moved_to(first.running_us);
    let now = shared.clock.now();
    // Held until all is pushed: what two connections bring must not be mixed.
    let mut lead = lock(&shared.recording.lead);
    let mut intake = lock(&shared.intake);
    if let Some(bytes) = init {
        let format = format.ok_or(RecordError::Muxer("no caps"))?;
        shared.tell(Event::Stream { rendition, codec: format.codec.clone(), transcoded });
        intake.inits[rendition.index()] = Some(Init { bytes, format, is_written: false });
    }
    let leads = rendition == Rendition::Video || intake.inits[Rendition::Video.index()].is_none();
    match lead.turn(shared.rank, first.starts_segment && leads, Instant::now()) {
        Turn::Record => {}
        Turn::TakeOver => intake.leave_run(),
        Turn::StandBy => {
            intake.leave_run();
            shared.tell(Event::StandsBy);
            return Ok(());
        }
    }
    intake.begin(shared, base, now)?;
    for chunk in chunks {
        intake.write(shared, rendition, chunk, now)?;
    }
    Ok(())
}

impl Intake {
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
            // Where it takes over in the middle of a segment, sound can begin at once, pictures cannot.
            if rendition == Rendition::Video && !chunk.starts_segment {
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
                bytes: Vec::new(),
            });
        }
        let chunk = chunks.last_mut().ok_or(RecordError::Muxer("samples without a head"))?;
        chunk.bytes.extend_from_slice(&data);
    }
    Ok((init, chunks))
}
