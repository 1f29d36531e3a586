//! The coded frames of recorded segments, one by one, as they lie in the files.

use std::{
    cell::Cell,
    io::{self, Read},
};

use gst::{glib, prelude::*};

use crate::{
    journal::Rendition,
    timeline::{MediaFolder, Segment, Timeline},
};

/// Why recorded picture or sound cannot be taken out of its files, in GStreamer's words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("recorded media cannot be read: {0}")]
pub struct FramesError(pub(crate) String);

impl From<glib::BoolError> for FramesError {
    fn from(error: glib::BoolError) -> Self {
        Self(error.to_string())
    }
}

impl From<gst::StateChangeError> for FramesError {
    fn from(error: gst::StateChangeError) -> Self {
        Self(error.to_string())
    }
}

impl From<gst::FlowError> for FramesError {
    fn from(error: gst::FlowError) -> Self {
        Self(error.to_string())
    }
}

/// A frame of picture or sound as its encoder made it.
#[derive(Debug, Clone)]
pub(crate) struct Frame {
    /// Media time.
    pub pts_us: i64,
    /// When it is to be decoded, on the clock of media time; before `pts_us` where frames are reordered.
    pub dts_us: i64,
    pub duration_us: i64,
    pub is_key: bool,
    pub caps: gst::Caps,
    pub buffer: gst::Buffer,
}

/// Reading and decoding takes milliseconds; this is for an element that never answers.
pub(crate) const PATIENCE: gst::ClockTime = gst::ClockTime::from_seconds(30);
/// How soon it is noticed that an element gave up, for then it may be that the end never comes.
const LOOK_EVERY: gst::ClockTime = gst::ClockTime::from_mseconds(100);

/// Times in the journal and times in the files may differ by a rounding.
pub(crate) const ROUNDING_US: i64 = 1_000;

/// How much of each segment is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Extent {
    Whole,
    /// Its first chunk, which begins with a key frame.
    Head,
}

/// Stretches of segments that share an init file and a clock, so that one demuxer reads them.
pub(crate) fn stretches(segments: &[Segment]) -> impl Iterator<Item = &[Segment]> {
    segments.chunk_by(|a, b| a.init == b.init && a.offset_us == b.offset_us)
}

/// A pipeline `appsrc ! qtdemux ! appsink` over one stretch of segments; stopped when dropped.
pub(crate) struct Frames {
    pipeline: gst::Pipeline,
    sink: gst_app::AppSink,
    /// From the times in the files to media time.
    offset_us: i64,
    /// Where the first frame stands, where that has yet to settle the offset.
    first_us: Option<i64>,
    /// An element gave up: nothing comes any more.
    is_over: bool,
    error: Cell<Option<String>>,
}

impl Drop for Frames {
    fn drop(&mut self) {
        if let Err(error) = self.pipeline.set_state(gst::State::Null) {
            tracing::warn!(%error, "a pipeline does not stop");
        }
    }
}

impl Frames {
    /// Of one of [`stretches`].
    pub(crate) fn open(
        timeline: &Timeline,
        rendition: Rendition,
        stretch: &[Segment],
        extent: Extent,
    ) -> Result<Self, FramesError> {
        let folder = timeline.folder(rendition);
        let init = stretch.first().map(|first| (first.init.clone(), u64::MAX, Extent::Whole));
        let segments: Vec<_> =
            stretch.iter().map(|segment| (segment.file.clone(), segment.bytes, extent)).collect();
        let mut files = init.into_iter().chain(segments);
        let feed = move |source: &gst_app::AppSrc, _| {
            let pushed = match files.next() {
                Some((name, bytes, extent)) => match read(&folder, &name, bytes, extent) {
                    Ok(data) => source.push_buffer(gst::Buffer::from_slice(data)),
                    Err(error) => {
                        gst::element_error!(
                            source,
                            gst::ResourceError::Read,
                            ("cannot read {}: {error}", folder.path(&name).display())
                        );
                        source.end_of_stream()
                    }
                },
                None => source.end_of_stream(),
            };
            // Refused only once nobody wants more.
            let _ = pushed;
        };
        let source = gst_app::AppSrc::builder()
            .format(gst::Format::Bytes)
            .callbacks(gst_app::AppSrcCallbacks::builder().need_data(feed).build())
            .build();
        let demuxer = gst::ElementFactory::make("qtdemux").build()?;
        let sink = gst_app::AppSink::builder().sync(false).max_buffers(64).build();
        let pipeline = gst::Pipeline::new();
        pipeline.add_many([source.upcast_ref(), &demuxer, sink.upcast_ref()])?;
        source.link(&demuxer)?;
        let entry = sink.static_pad("sink").ok_or_else(|| glib::bool_error!("no sink pad"))?;
        let weak_entry = entry.downgrade();
        demuxer.connect_pad_added(move |_, pad| {
            if let Some(entry) = weak_entry.upgrade()
                && !entry.is_linked()
                && let Err(error) = pad.link(&entry)
            {
                tracing::warn!(%error, "a recorded stream cannot be read");
            }
        });
        pipeline.set_state(gst::State::Playing)?;
        // Where frames are reordered, a muxer that may not write edit lists moves them all by a frame or two.
        // The journal says when the picture was shown.
        let first_us = stretch.first().map(|first| first.start_us).filter(|_| rendition == Rendition::Video);
        let offset_us = stretch.first().map_or(0, |first| first.offset_us);
        Ok(Self { pipeline, sink, offset_us, first_us, is_over: false, error: Cell::default() })
    }

    /// What went wrong, once the frames have come to their end; each fault is told once.
    pub(crate) fn error(&self) -> Option<String> {
        self.error.take().or_else(|| self.new_error())
    }

    fn new_error(&self) -> Option<String> {
        let message = self.pipeline.bus()?.pop_filtered(&[gst::MessageType::Error])?;
        match message.view() {
            gst::MessageView::Error(error) => Some(error.error().message().to_owned()),
            _ => None,
        }
    }

    fn pull(&mut self) -> Option<gst::Sample> {
        let mut waited = gst::ClockTime::ZERO;
        while !self.is_over && waited < PATIENCE {
            if let Some(sample) = self.sink.try_pull_sample(LOOK_EVERY) {
                return Some(sample);
            }
            let error = self.new_error();
            self.is_over = error.is_some() || self.sink.is_eos();
            self.error.set(error);
            waited += LOOK_EVERY;
        }
        None
    }
}

/// The frames in the order in which they are decoded; none at the end, or where they cannot be read.
impl Iterator for Frames {
    type Item = Frame;

    fn next(&mut self) -> Option<Frame> {
        let sample = self.pull()?;
        let (buffer, caps) = (sample.buffer_owned()?, sample.caps_owned()?);
        let us = |time: Option<gst::ClockTime>| time.and_then(|time| i64::try_from(time.useconds()).ok());
        let pts_us = us(buffer.pts().or(buffer.dts()))?;
        if let Some(first_us) = self.first_us.take() {
            self.offset_us = first_us - pts_us;
        }
        Some(Frame {
            pts_us: pts_us + self.offset_us,
            dts_us: us(buffer.dts()).unwrap_or(pts_us) + self.offset_us,
            duration_us: us(buffer.duration()).unwrap_or(0),
            is_key: !buffer.flags().contains(gst::BufferFlags::DELTA_UNIT),
            caps,
            buffer,
        })
    }
}

/// At most so many bytes: what the journal does not tell of is not there.
fn read(folder: &MediaFolder, name: &str, bytes: u64, extent: Extent) -> io::Result<Vec<u8>> {
    let mut file = folder.open(name)?.take(bytes);
    let mut data = Vec::new();
    if extent == Extent::Whole {
        file.read_to_end(&mut data)?;
        return Ok(data);
    }
    // Box after box (ISO/IEC 14496-12, section 4.2) until the first media data are in.
    let mut header = [0; 8];
    while file.read_exact(&mut header).is_ok() {
        data.extend_from_slice(&header);
        let [s0, s1, s2, s3, kind @ ..] = header;
        let body = u64::from(u32::from_be_bytes([s0, s1, s2, s3])).saturating_sub(8);
        (&mut file).take(body).read_to_end(&mut data)?;
        if &kind == b"mdat" {
            break;
        }
    }
    Ok(data)
}
