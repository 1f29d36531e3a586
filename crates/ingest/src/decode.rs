//! Any sound to 16 kHz mono samples.

use std::path::PathBuf;

use gst::{glib, prelude::*};

/// Samples per second of all decoded sound.
pub const SAMPLE_RATE: u32 = 16_000;

/// Why sound cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum AudioError {
    #[error("cannot read {}: {source}", path.display())]
    Read { path: PathBuf, source: std::io::Error },
    #[error("{} cannot be decoded ({reason}): use MP4, MP3, WAV, FLAC or the like, whole", path.display())]
    NotMedia { path: PathBuf, reason: String },
    #[error("{} has no sound", path.display())]
    NoAudio { path: PathBuf },
    #[error("the pipeline failed: {0}")]
    Pipeline(String),
}

impl From<glib::BoolError> for AudioError {
    fn from(error: glib::BoolError) -> Self {
        Self::Pipeline(error.to_string())
    }
}

/// A pipeline `input ! decodebin ! audioconvert ! audioresample ! appsink`; stopped when dropped.
pub(crate) struct Decoder {
    pub pipeline: gst::Pipeline,
    pub bus: gst::Bus,
    sink: gst_app::AppSink,
}

impl Drop for Decoder {
    fn drop(&mut self) {
        if let Err(error) = self.pipeline.set_state(gst::State::Null) {
            tracing::warn!(%error, "a pipeline does not stop");
        }
    }
}

impl Decoder {
    pub(crate) fn new(input: &gst::Element) -> Result<Self, AudioError> {
        let pipeline = gst::Pipeline::new();
        // Streams of other kinds are not decoded, only thrown away.
        let decoder = gst::ElementFactory::make("decodebin")
            .property("caps", gst::Caps::new_empty_simple("audio/x-raw"))
            .property("expose-all-streams", false)
            .build()?;
        let convert = gst::ElementFactory::make("audioconvert").build()?;
        let resample = gst::ElementFactory::make("audioresample").build()?;
        let sink = gst_app::AppSink::builder()
            .sync(false)
            .max_buffers(64)
            .caps(
                &gst::Caps::builder("audio/x-raw")
                    .field("format", "F32LE")
                    .field("rate", SAMPLE_RATE as i32)
                    .field("channels", 1)
                    .field("layout", "interleaved")
                    .build(),
            )
            .build();
        pipeline.add_many([input, &decoder, &convert, &resample, sink.upcast_ref()])?;
        input.link(&decoder)?;
        gst::Element::link_many([&convert, &resample, sink.upcast_ref()])?;
        let entry = convert.static_pad("sink").ok_or_else(|| glib::bool_error!("no sink pad"))?;
        let weak_entry = entry.downgrade();
        decoder.connect_pad_added(move |_, pad| {
            if let Some(entry) = weak_entry.upgrade()
                && !entry.is_linked()
                && let Err(error) = pad.link(&entry)
            {
                tracing::warn!(%error, "a stream cannot be decoded");
            }
        });
        let bus = pipeline.bus().ok_or_else(|| AudioError::Pipeline("it has no bus".into()))?;
        Ok(Self { pipeline, bus, sink })
    }

    /// The next samples and the time at which they stand in the input, in microseconds; none at the end,
    /// or where the input breaks off.
    pub(crate) fn next(&self) -> Option<(i64, Vec<f32>)> {
        let sample = self.sink.pull_sample().ok()?;
        let buffer = sample.buffer()?;
        let data = buffer.map_readable().ok()?;
        let samples = data.as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
        Some((buffer.pts().map_or(0, |pts| pts.useconds() as i64), samples))
    }

    /// What went wrong, once [`Decoder::next`] has come to the end.
    pub(crate) fn error(&self) -> Option<String> {
        let message = self.bus.pop_filtered(&[gst::MessageType::Error])?;
        match message.view() {
            gst::MessageView::Error(error) => Some(error.error().message().to_owned()),
            _ => None,
        }
    }
}
