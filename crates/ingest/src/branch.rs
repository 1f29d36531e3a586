//! One stream of a source on its way into the writer: parsed or transcoded, muxed, taken out in chunks.

use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicI64, Ordering},
    mpsc::Sender,
};

use gst::{glib, prelude::*};
use moothall_core::{Clock, MediaTime};

use crate::{
    intake::{self, Intake},
    journal::Rendition,
    lead::Rank,
    meter::Meter,
    record::RecordError,
    recording::Inner,
    timeline::Format,
    writer::TimeBase,
};

/// Pictures whose key frames come every second would overshoot a fragment of two seconds to three: a little
/// less makes exactly two.
const VIDEO_FRAGMENT_MS: u64 = 1_800;
const AUDIO_FRAGMENT_MS: u64 = 2_000;
/// What players that are close to what happens fetch at once.
const CHUNK_MS: u64 = 400;
/// How much a stream may be ahead of the other one in a badly interleaved file.
const QUEUE_MS: u64 = 5_000;
/// Media time and wall clock of a live source may drift apart by this much before the connection is given
/// up, so that the next one sets them right.
const MAX_DRIFT_US: i64 = 10_000_000;
/// By so much a frame may be shown before one that came earlier.
const MAX_REORDERED_US: i64 = 1_000_000;

/// FFmpeg's AAC encoder puts 1024 samples of silence before the sound and does not say so in its times.
const AAC_PRIMING_NS: i64 = 1_024 * 1_000_000_000 / 48_000;

const VIDEO_PARSED: &str = "queue name=in ! h264parse ! video/x-h264,stream-format=avc,alignment=au \
    ! cmafmux name=mux ! appsink name=out";
/// Matroska and RTP have no decode times.
const VIDEO_PARSED_UNTIMED: &str = "queue name=in ! h264parse ! h264timestamper \
    ! video/x-h264,stream-format=avc,alignment=au ! cmafmux name=mux ! appsink name=out";
const VIDEO_TRANSCODED: &str = "queue name=in ! decodebin ! videoconvert ! deinterlace ! video/x-raw,format=I420 \
    ! x264enc tune=zerolatency speed-preset=veryfast bitrate=2500 key-int-max=250 ! video/x-h264,profile=main \
    ! h264parse ! video/x-h264,stream-format=avc,alignment=au ! cmafmux name=mux ! appsink name=out";
const AUDIO_PARSED: &str = "queue name=in ! aacparse ! audio/mpeg,mpegversion=4,stream-format=raw \
    ! cmafmux name=mux ! appsink name=out";
const AUDIO_TRANSCODED: &str = "queue name=in ! decodebin ! audioconvert ! audioresample \
    ! audio/x-raw,rate=48000,channels=[1,2] ! avenc_aac name=encoder bitrate=128000 ! aacparse \
    ! audio/mpeg,mpegversion=4,stream-format=raw ! cmafmux name=mux ! appsink name=out";

/// What is known of a stream's times.
#[derive(Clone, Copy)]
pub(crate) enum Timing {
    File,
    FileWithoutDecodeTimes,
    Live,
    LiveWithoutDecodeTimes,
}

impl Timing {
    const fn is_live(self) -> bool {
        matches!(self, Self::Live | Self::LiveWithoutDecodeTimes)
    }

    const fn lacks_decode_times(self) -> bool {
        matches!(self, Self::FileWithoutDecodeTimes | Self::LiveWithoutDecodeTimes)
    }
}

/// What the threads of the pipeline tell the one that waits for it.
pub(crate) enum Event {
    /// An encoder asks to be let in; it may still be refused.
    Asked,
    Refused {
        remedy: String,
    },
    Connected,
    Stream {
        rendition: Rendition,
        codec: String,
        transcoded: bool,
    },
    Recorded {
        end: MediaTime,
    },
    /// Something came, while the other source is recorded.
    StandsBy,
    BranchEnded,
    /// Who sent has gone, and nothing more comes.
    Ended {
        warning: Option<String>,
    },
    /// Nothing here can decode a stream; it is left out.
    Unreadable {
        rendition: Rendition,
        codec: String,
    },
    /// Something is not as it should be, but the recording goes on.
    Notice {
        text: String,
    },
    Failed(RecordError),
}

/// What every branch of one connection shares.
pub(crate) struct Shared {
    pub clock: Clock,
    pub recording: Arc<Inner>,
    pub rank: Rank,
    /// See [`crate::entry::Head::connected_at`].
    pub connected_at: chrono::DateTime<chrono::Utc>,
    pub intake: Mutex<Intake>,
    pub events: Sender<Event>,
    pub base: Mutex<Base>,
    /// Whether the picture is wanted smaller as well.
    pub ladder: bool,
    pub meter: Option<Meter>,
}

/// How this connection's running time becomes media time.
pub(crate) enum Base {
    File(chrono::DateTime<chrono::Utc>),
    /// Nothing has come yet.
    Waiting(Clock),
    Live {
        base: TimeBase,
        clock: Clock,
    },
}

impl Shared {
    pub(crate) fn tell(&self, event: Event) {
        // Nobody listens any more once the recording has ended.
        let _ = self.events.send(event);
    }

    /// The first sample of a live connection ties running time to the wall clock, for all its streams.
    fn arrived(&self, running_us: i64) {
        let mut base = self.base.lock().unwrap_or_else(PoisonError::into_inner);
        if let Base::Waiting(clock) = &*base {
            let clock = clock.clone();
            *base = Base::Live { base: TimeBase::Live { wall: clock.now(), running_us }, clock };
        }
    }

    pub(crate) fn time_base(&self, running_us: i64) -> TimeBase {
        self.arrived(running_us);
        match &*self.base.lock().unwrap_or_else(PoisonError::into_inner) {
            Base::File(epoch) => TimeBase::File { epoch: *epoch },
            Base::Waiting(clock) => TimeBase::Live { wall: clock.now(), running_us },
            Base::Live { base, .. } => *base,
        }
    }

    /// By how much the source's own times have run away from the wall clock.
    pub(crate) fn check_drift(&self, running_us: i64) -> Result<(), RecordError> {
        let base = self.base.lock().unwrap_or_else(PoisonError::into_inner);
        let Base::Live { base: TimeBase::Live { wall, running_us: first_us }, clock } = &*base else {
            return Ok(());
        };
        let passed_us = clock.now().signed_duration_since(wall).num_microseconds().unwrap_or(0);
        let drift_us = running_us.saturating_sub(*first_us).saturating_sub(passed_us);
        if drift_us.abs() > MAX_DRIFT_US {
            return Err(RecordError::Drift { drift_s: drift_us / 1_000_000 });
        }
        if let Some(meter) = &self.meter {
            meter.drifts(drift_us, self.rank);
        }
        Ok(())
    }
}

/// Whether browsers play the stream as it is.
fn plays_as_it_is(rendition: Rendition, structure: &gst::StructureRef) -> bool {
    match rendition.is_picture() {
        true => {
            let profile = structure.get::<&str>("profile").unwrap_or("main");
            structure.name() == "video/x-h264"
                && !["4:2:2", "4:4:4", "high-10", "intra"]
                    .iter()
                    .any(|unplayable| profile.contains(unplayable))
        }
        false => {
            structure.name() == "audio/mpeg"
                && matches!(structure.get::<i32>("mpegversion"), Ok(2 | 4))
                && structure.get::<&str>("stream-format").is_ok_and(|format| matches!(format, "adts" | "raw"))
        }
    }
}

/// Whether the stream can be recorded: as it is, or decoded and encoded anew.
pub(crate) fn can_read(rendition: Rendition, caps: &gst::Caps) -> bool {
    let Some(structure) = caps.structure(0) else { return false };
    plays_as_it_is(rendition, structure)
        || structure.name().ends_with("/x-raw")
        || gst::ElementFactory::factories_with_type(gst::ElementFactoryType::DECODER, gst::Rank::MARGINAL)
            .iter()
            .any(|factory| factory.can_sink_any_caps(caps))
}

/// Puts a branch behind `pad`, which gives a stream of the rendition's kind with these caps; gives the pad at its entry.
pub(crate) fn add(
    pipeline: &gst::Pipeline,
    pad: &gst::Pad,
    caps: &gst::Caps,
    rendition: Rendition,
    timing: Timing,
    shared: &Arc<Shared>,
) -> Result<gst::Pad, glib::BoolError> {
    let parsed = caps.structure(0).is_some_and(|structure| plays_as_it_is(rendition, structure));
    let description = match (rendition.is_picture(), parsed) {
        (true, true) if timing.lacks_decode_times() => VIDEO_PARSED_UNTIMED,
        (true, true) => VIDEO_PARSED,
        (true, false) => VIDEO_TRANSCODED,
        (false, true) => AUDIO_PARSED,
        (false, false) => AUDIO_TRANSCODED,
    };
    let bin =
        gst::parse::bin_from_description(description, false).map_err(|error| glib::bool_error!("{error}"))?;
    let part = |name: &str| bin.by_name(name).ok_or_else(|| glib::bool_error!("the branch has no {name}"));
    let (queue, mux, sink) = (part("in")?, part("mux")?, part("out")?);

    queue.set_property("max-size-time", QUEUE_MS * 1_000_000);
    queue.set_property("max-size-bytes", 0_u32);
    queue.set_property("max-size-buffers", 0_u32);
    let mux_pad = set_muxer(&mux, rendition, !parsed, timing.is_live())?;
    if let Some(pad) = bin.by_name("encoder").and_then(|encoder| encoder.static_pad("src")) {
        pad.set_offset(-AAC_PRIMING_NS);
    }

    if rendition == Rendition::Audio {
        mux_pad.add_probe(gst::PadProbeType::BUFFER, |pad, info| match running_time(pad, info) {
            // An encoder's priming comes before the beginning; the muxer would move it, and all after it.
            Some(running_us) if running_us < 0 => gst::PadProbeReturn::Handled,
            _ => gst::PadProbeReturn::Ok,
        });
    }
    if let Some(meter) = &shared.meter {
        meter.watch(&mux_pad, rendition, shared.rank);
    }
    take_out(sink, &mux_pad, rendition, !parsed, shared)?;

    let entry = queue.static_pad("sink").ok_or_else(|| glib::bool_error!("the queue has no sink pad"))?;
    let entry = gst::GhostPad::with_target(&entry)?;
    let arriving = Arc::clone(shared);
    let latest_us = AtomicI64::new(i64::MIN);
    entry.add_probe(gst::PadProbeType::BUFFER, move |pad, info| match running_time(pad, info) {
        Some(running_us) => {
            arriving.arrived(running_us);
            let latest_us = latest_us.fetch_max(running_us, Ordering::SeqCst);
            // The muxer would smooth a jump over, and what follows would be at the wrong time.
            let in_order = if timing.is_live() { check_order(latest_us, running_us) } else { Ok(()) };
            match in_order.and_then(|()| arriving.check_drift(running_us)) {
                Ok(()) => gst::PadProbeReturn::Ok,
                Err(error) => {
                    arriving.tell(Event::Failed(error));
                    gst::PadProbeReturn::Drop
                }
            }
        }
        None => gst::PadProbeReturn::Ok,
    });
    bin.add_pad(&entry)?;
    pipeline.add(&bin)?;
    bin.sync_state_with_parent()?;
    pad.link(&entry).map_err(|error| glib::bool_error!("{error}"))?;
    Ok(entry.upcast())
}

/// An encoder that begins anew counts its times from nought again. Frames that are reordered are earlier than
/// those before them by less.
fn check_order(latest_us: i64, running_us: i64) -> Result<(), RecordError> {
    if running_us < latest_us.saturating_sub(MAX_REORDERED_US) {
        return Err(RecordError::Restarted);
    }
    Ok(())
}

/// Gives the muxer's entry.
pub(crate) fn set_muxer(
    mux: &gst::Element,
    rendition: Rendition,
    transcoded: bool,
    is_live: bool,
) -> Result<gst::Pad, glib::BoolError> {
    let fragment_ms = if rendition.is_picture() { VIDEO_FRAGMENT_MS } else { AUDIO_FRAGMENT_MS };
    mux.set_property("fragment-duration", fragment_ms * 1_000_000);
    mux.set_property("chunk-duration", CHUNK_MS * 1_000_000);
    // Nobody can ask a stream that is passed on for a key frame.
    mux.set_property("send-force-keyunit", transcoded);
    mux.set_property_from_str("write-edts-mode", "never");
    // A resolution that changes gets an init file of its own.
    mux.set_property_from_str("header-update-mode", "caps");
    if is_live {
        mux.set_property("latency", 1_000_000_000_u64);
    }
    mux.static_pad("sink").ok_or_else(|| glib::bool_error!("the muxer has no sink pad"))
}

pub(crate) fn take_out(
    sink: gst::Element,
    mux_pad: &gst::Pad,
    rendition: Rendition,
    transcoded: bool,
    shared: &Arc<Shared>,
) -> Result<(), glib::BoolError> {
    let sink = sink.downcast::<gst_app::AppSink>().map_err(|_| glib::bool_error!("out is no appsink"))?;
    sink.set_buffer_list(true);
    sink.set_property("sync", false);
    // It is added while others run already; waiting for its first buffer could wait for ever.
    sink.set_property("async", false);
    let mux_pad = mux_pad.downgrade();
    let (writing, ending) = (Arc::clone(shared), Arc::clone(shared));
    sink.set_callbacks(
        gst_app::AppSinkCallbacks::builder()
            .new_sample(move |sink| {
                let sample = sink.pull_sample().map_err(|_| gst::FlowError::Eos)?;
                let format = mux_pad.upgrade().and_then(|pad| pad.current_caps()).map(|caps| format(&caps));
                intake::take_in(&writing, rendition, &sample, format, transcoded).map_err(|error| {
                    writing.tell(Event::Failed(error));
                    gst::FlowError::Error
                })?;
                Ok(gst::FlowSuccess::Ok)
            })
            .eos(move |_| ending.tell(Event::BranchEnded))
            .build(),
    );
    Ok(())
}

fn format(caps: &gst::CapsRef) -> Format {
    let size = |name| {
        let size = caps.structure(0).and_then(|structure| structure.get::<i32>(name).ok());
        size.and_then(|size| u32::try_from(size).ok())
    };
    Format {
        codec: gst_pbutils::codec_utils_caps_get_mime_codec(caps).map(Into::into).unwrap_or_default(),
        resolution: size("width").zip(size("height")),
    }
}

fn running_time<P: IsA<gst::Pad>>(pad: &P, info: &gst::PadProbeInfo<'_>) -> Option<i64> {
    let Some(gst::PadProbeData::Buffer(buffer)) = &info.data else { return None };
    let segment = pad.sticky_event::<gst::event::Segment>(0)?;
    running_us(segment.segment(), buffer)
}

pub(crate) fn running_us(segment: &gst::Segment, buffer: &gst::BufferRef) -> Option<i64> {
    let segment = segment.downcast_ref::<gst::ClockTime>()?;
    match segment.to_running_time_full(buffer.pts()?)? {
        gst::Signed::Positive(time) => i64::try_from(time.useconds()).ok(),
        gst::Signed::Negative(time) => i64::try_from(time.useconds()).ok().map(|time| -time),
    }
}
