//! The file that a clip becomes, and the pipeline that writes it.

use std::{
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use gst::{glib, prelude::*};
use moothall_core::{MediaTime, formats::Cue};

use crate::{
    clip::{ClipError, ClipKind},
    clip_plan::{Piece, texts},
    frames::{Frame, FramesError},
    journal::Rendition,
};

/// Of sound that is encoded anew: enough for speech and the room it is spoken in.
const MP3_KBIT_S: i32 = 128;
/// As much may wait for the muxer before its feeder does.
const MOST_WAITING_BYTES: u64 = 16 << 20;
/// How often the feeder looks up while it waits.
const TICK: Duration = Duration::from_millis(2);
/// Times begin here, since frames that are reordered are decoded before the first is shown.
const LEAD_IN_US: i64 = 1_000_000;
/// What must be the same in all of a file.
const SETUP: [&str; 5] = ["codec_data", "width", "height", "rate", "channels"];

/// A pipeline that writes a clip; dropped before its end it leaves no file.
pub(crate) struct ClipFile {
    pipeline: gst::Pipeline,
    bus: gst::Bus,
    inputs: Vec<Input>,
    text: Option<gst_app::AppSrc>,
    path: PathBuf,
    /// Where the muxer keeps the media until it knows the index, which goes before them.
    aside: PathBuf,
    deadline: Instant,
    is_whole: bool,
}

struct Input {
    rendition: Rendition,
    source: gst_app::AppSrc,
    /// Of the first frame.
    setup: Option<gst::Structure>,
}

impl Drop for ClipFile {
    fn drop(&mut self) {
        if let Err(error) = self.pipeline.set_state(gst::State::Null) {
            tracing::warn!(%error, "a pipeline does not stop");
        }
        // It may not be there.
        let _ = fs::remove_file(&self.aside);
        if !self.is_whole {
            let _ = fs::remove_file(&self.path);
        }
    }
}

impl ClipFile {
    /// `appsrc… ! mp4mux ! filesink`, or `appsrc ! avdec_aac ! … ! lamemp3enc ! filesink`.
    pub(crate) fn create(
        path: &Path,
        kind: ClipKind,
        renditions: &[Rendition],
        deadline: Instant,
    ) -> Result<Self, ClipError> {
        let pipeline = gst::Pipeline::new();
        let bus = pipeline.bus().ok_or_else(|| glib::bool_error!("the pipeline has no bus"))?;
        let source = || gst_app::AppSrc::builder().format(gst::Format::Time).max_bytes(0).build();
        let sink = gst::ElementFactory::make("filesink").property("location", path).build()?;
        let inputs: Vec<Input> = renditions
            .iter()
            .map(|rendition| Input { rendition: *rendition, source: source(), setup: None })
            .collect();
        let mut file = Self {
            pipeline,
            bus,
            inputs,
            text: None,
            path: path.to_owned(),
            aside: path.with_extension("aside"),
            deadline,
            is_whole: false,
        };
        file.pipeline.add(&sink)?;
        for input in &file.inputs {
            file.pipeline.add(&input.source)?;
        }
        match kind {
            ClipKind::Mp4 => file.text = Some(file.mux(source(), &sink)?),
            ClipKind::Mp3 => file.encode(&sink)?,
        }
        file.pipeline.set_state(gst::State::Playing).map_err(FramesError::from)?;
        Ok(file)
    }

    fn mux(&self, text: gst_app::AppSrc, sink: &gst::Element) -> Result<gst_app::AppSrc, glib::BoolError> {
        let muxer = gst::ElementFactory::make("mp4mux")
            .property("faststart", true)
            .property("faststart-file", self.aside.as_path())
            .build()?;
        self.pipeline.add_many([&muxer, text.upcast_ref()])?;
        for input in &self.inputs {
            let pad = match input.rendition {
                rendition if rendition.is_picture() => "video_%u",
                _ => "audio_%u",
            };
            input.source.link_pads(None, &muxer, Some(pad))?;
        }
        text.set_caps(Some(&gst::Caps::builder("text/x-raw").field("format", "utf8").build()));
        text.link_pads(None, &muxer, Some("subtitle_%u"))?;
        muxer.link(sink)?;
        Ok(text)
    }

    fn encode(&self, sink: &gst::Element) -> Result<(), glib::BoolError> {
        let make = |name: &str| gst::ElementFactory::make(name).build();
        let encoder = gst::ElementFactory::make("lamemp3enc")
            .property_from_str("target", "bitrate")
            .property("cbr", true)
            .property("bitrate", MP3_KBIT_S)
            .build()?;
        let (decoder, convert, resample) =
            (make("avdec_aac")?, make("audioconvert")?, make("audioresample")?);
        self.pipeline.add_many([&decoder, &convert, &resample, &encoder])?;
        for input in &self.inputs {
            input.source.link(&decoder)?;
        }
        gst::Element::link_many([&decoder, &convert, &resample, &encoder, sink])
    }

    /// Gives the muxer all text at once: it would wait for the next caption with everything else.
    pub(crate) fn captions<'a>(
        &self,
        pieces: &[Piece],
        captions: impl IntoIterator<Item = Cue<'a>>,
    ) -> Result<(), ClipError> {
        let Some(source) = &self.text else { return Ok(()) };
        for text in texts(pieces, captions) {
            let mut buffer = gst::Buffer::from_slice(text.text.into_bytes());
            place(&mut buffer, text.start_us, text.start_us, text.end_us - text.start_us);
            source.push_buffer(buffer).map_err(|error| self.failed(&error))?;
        }
        source.end_of_stream().map_err(|error| self.failed(&error))?;
        Ok(())
    }

    /// Takes one frame, where there is a track for it.
    pub(crate) fn push(
        &mut self,
        rendition: Rendition,
        piece: &Piece,
        frame: Frame,
    ) -> Result<(), ClipError> {
        self.wait_for_room()?;
        let Some(input) = self.inputs.iter_mut().find(|input| input.rendition == rendition) else {
            return Ok(());
        };
        let setup = setup(&frame.caps);
        match &input.setup {
            Some(first) if *first != setup => {
                return Err(ClipError::FormatChange { at: MediaTime::from_ms(frame.pts_us / 1_000) });
            }
            Some(_) => {}
            None => {
                input.source.set_caps(Some(&frame.caps));
                input.setup = Some(setup);
            }
        }
        let mut buffer = frame.buffer;
        place(&mut buffer, piece.in_clip(frame.pts_us), piece.in_clip(frame.dts_us), frame.duration_us);
        let pushed = input.source.push_buffer(buffer);
        pushed.map(drop).map_err(|error| self.failed(&error))
    }

    /// Waits while a lot is queued of every track. Where one track has nothing the muxer waits for that one, and
    /// only more can help.
    fn wait_for_room(&self) -> Result<(), ClipError> {
        let levels = || self.inputs.iter().map(|input| input.source.current_level_bytes());
        while levels().sum::<u64>() > MOST_WAITING_BYTES && levels().all(|level| level > 0) {
            if let Some(message) = self.bus.pop_filtered(&[gst::MessageType::Error]) {
                return Err(told(&message));
            }
            if Instant::now() > self.deadline {
                return Err(ClipError::TooSlow { path: self.path.clone() });
            }
            std::thread::sleep(TICK);
        }
        Ok(())
    }

    /// Waits until all of it is written.
    pub(crate) fn finish(mut self) -> Result<(), ClipError> {
        for input in &self.inputs {
            input.source.end_of_stream().map_err(|error| self.failed(&error))?;
        }
        let left = self.deadline.saturating_duration_since(Instant::now());
        let left = gst::ClockTime::try_from(left).unwrap_or(gst::ClockTime::ZERO);
        let ends = [gst::MessageType::Eos, gst::MessageType::Error];
        match self.bus.timed_pop_filtered(left, &ends) {
            Some(message) if message.type_() == gst::MessageType::Eos => {
                self.is_whole = true;
                Ok(())
            }
            Some(message) => Err(told(&message)),
            None => Err(ClipError::TooSlow { path: self.path.clone() }),
        }
    }

    /// The pipeline takes no more; what it told on the way says why.
    fn failed(&self, error: &gst::FlowError) -> ClipError {
        match self.bus.pop_filtered(&[gst::MessageType::Error]) {
            Some(message) => told(&message),
            None => FramesError::from(*error).into(),
        }
    }
}

fn told(message: &gst::MessageRef) -> ClipError {
    let text = match message.view() {
        gst::MessageView::Error(error) => error.error().message().to_owned(),
        _ => "it stopped".to_owned(),
    };
    FramesError(text).into()
}

fn setup(caps: &gst::Caps) -> gst::Structure {
    let mut setup = gst::Structure::new_empty("setup");
    if let Some(structure) = caps.structure(0) {
        for field in SETUP {
            if let Ok(value) = structure.value(field) {
                setup.set_value(field, value.clone());
            }
        }
    }
    setup
}

/// Writes the times in the clip onto a buffer.
fn place(buffer: &mut gst::Buffer, pts_us: i64, dts_us: i64, duration_us: i64) {
    let time = |us: i64| gst::ClockTime::from_useconds((us + LEAD_IN_US).max(0).unsigned_abs());
    let buffer = buffer.make_mut();
    buffer.set_pts(time(pts_us));
    buffer.set_dts(time(dts_us));
    buffer.set_duration(gst::ClockTime::from_useconds(duration_us.max(0).unsigned_abs()));
}
