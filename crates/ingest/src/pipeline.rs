//! The pipeline of one connection: a source that shows its streams one by one, and a branch for the first
//! picture and the first sound among them.

use std::{
    path::Path,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
        mpsc::Sender,
    },
};

use gst::{glib, prelude::*};

use crate::{
    attendant::Attendant,
    branch::{self, Event, Shared},
    journal::Rendition,
    ladder,
    reach::Reach,
    record::RecordError,
    source::Source,
    srt_desk::Seat,
    switchboard::Switchboard,
    tables::Tables,
};

/// Some seconds of a stream.
const WAITING_BYTES: u64 = 8 << 20;

pub(crate) type Branches = Arc<Mutex<Vec<Branch>>>;

/// What a stream goes through.
pub(crate) struct Branch {
    /// The one that the source brings; none of a branch that makes others from it.
    pub rendition: Option<Rendition>,
    /// Weak, since the pipeline's own callbacks hold this.
    pub entry: glib::WeakRef<gst::Pad>,
    /// How many ends it has.
    pub outputs: usize,
}

/// What a source begins with.
pub(crate) struct Input {
    /// Linked one after the other; the last one shows the streams.
    elements: Vec<gst::Element>,
    pub attendant: Option<Attendant>,
    /// Where it shares a port with others.
    pub seat: Option<Seat>,
}

impl Input {
    pub(crate) fn new<const N: usize>(elements: [gst::Element; N]) -> Self {
        Self { elements: elements.into(), attendant: None, seat: None }
    }

    fn of(
        source: &Source,
        reach: Reach,
        switchboard: Option<&Arc<dyn Switchboard>>,
        events: &Sender<Event>,
    ) -> Result<Self, RecordError> {
        match source {
            Source::File(path) => Ok(Self::new([file_source(path)?, make("parsebin")?])),
            Source::Srt(address) => address.input(reach, events),
            Source::Rtmp(address) => address.input(events),
            Source::Rtsp(address) => address.input(reach),
            Source::Udp(address) => address.input(events),
            Source::Hls(address) => address.input(reach, events),
            Source::Whip(address) => address.input(switchboard, events),
        }
    }
}

/// Stopped when dropped.
pub(crate) struct Connection {
    pub pipeline: gst::Pipeline,
    /// The first of the elements.
    pub source: Option<gst::Element>,
    branches: Branches,
    /// Dropped after the pipeline is stopped, which lets go of a thread that waits for room in it.
    _attendant: Option<Attendant>,
    _seat: Option<Seat>,
}

impl Drop for Connection {
    fn drop(&mut self) {
        if let Err(error) = self.pipeline.set_state(gst::State::Null) {
            tracing::warn!(%error, "a pipeline does not stop");
        }
    }
}

impl Connection {
    /// The source's own elements, and a branch for each stream that shows up behind them.
    pub(crate) fn new(
        source: &Source,
        reach: Reach,
        switchboard: Option<&Arc<dyn Switchboard>>,
        shared: &Arc<Shared>,
    ) -> Result<Self, RecordError> {
        let pipeline = gst::Pipeline::new();
        let Input { elements, attendant, seat } = Input::of(source, reach, switchboard, &shared.events)?;
        pipeline.add_many(&elements).map_err(RecordError::pipeline)?;
        gst::Element::link_many(&elements).map_err(RecordError::pipeline)?;
        let branches = Arc::new(Mutex::new(Vec::new()));
        let streams = Streams {
            pipeline: pipeline.downgrade(),
            pace: Pace::of(source),
            untimed: Arc::new(AtomicBool::new(matches!(source, Source::Rtsp(_) | Source::Whip(_)))),
            shared: Arc::clone(shared),
            branches: Arc::clone(&branches),
        };
        let untimed = Arc::clone(&streams.untimed);
        // Looking through the elements later would race with those that branches add meanwhile.
        pipeline.connect_deep_element_added(move |_, _, element| {
            // By its type: a bin from a description has no factory, and asking for its name crashes.
            if element.type_().name() == "GstMatroskaDemux" {
                untimed.store(true, Ordering::SeqCst);
            }
        });
        if let Some(splitter) = elements.last() {
            match source {
                Source::Rtsp(_) | Source::Hls(_) | Source::Whip(_) => streams.take_apart_from(splitter),
                _ => streams.take_from(splitter),
            }
        }
        let source = elements.into_iter().next();
        Ok(Self { pipeline, source, branches, _attendant: attendant, _seat: seat })
    }

    /// Tells every branch that nothing more comes, so that the muxers give what they hold; gives how many
    /// ends there are.
    pub(crate) fn end_branches(&self) -> usize {
        let entries: Vec<(gst::Pad, usize)> = {
            let branches = self.branches.lock().unwrap_or_else(PoisonError::into_inner);
            branches.iter().filter_map(|branch| Some((branch.entry.upgrade()?, branch.outputs))).collect()
        };
        for (pad, _) in &entries {
            // A branch that has already ended refuses it.
            let _ = pad.send_event(gst::event::Eos::new());
        }
        entries.iter().map(|(_, outputs)| outputs).sum()
    }
}

/// How fast a source gives what it has.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Pace {
    /// As fast as it is taken.
    File,
    /// As fast as time passes.
    Live,
    /// It follows a live event, but hands over some seconds at a time.
    Bursts,
}

impl Pace {
    const fn of(source: &Source) -> Self {
        match source {
            Source::File(_) => Self::File,
            Source::Hls(_) => Self::Bursts,
            Source::Srt(_) | Source::Rtmp(_) | Source::Rtsp(_) | Source::Udp(_) | Source::Whip(_) => {
                Self::Live
            }
        }
    }
}

/// What becomes of the streams that a source shows.
#[derive(Clone)]
struct Streams {
    pipeline: glib::WeakRef<gst::Pipeline>,
    pace: Pace,
    /// Streams have presentation times only, as from Matroska and RTP.
    untimed: Arc<AtomicBool>,
    shared: Arc<Shared>,
    branches: Branches,
}

impl Streams {
    /// Puts a branch behind each pad that `splitter` shows.
    fn take_from(self, splitter: &gst::Element) {
        if self.pace != Pace::File {
            // An encoder that is set anew brings other streams in the place of those that are being recorded,
            // and their times begin anew too. While a pipeline is stopped nobody hears of it.
            let shared = Arc::clone(&self.shared);
            splitter.connect_pad_removed(move |_, _| shared.tell(Event::Failed(RecordError::Restarted)));
        }
        splitter.connect_pad_added(move |_, pad| {
            let Some(pipeline) = self.pipeline.upgrade() else { return };
            if self.pace != Pace::File {
                self.shared.tell(Event::Connected);
            }
            if let Err(error) = self.take(&pipeline, pad) {
                self.shared.tell(Event::Failed(RecordError::pipeline(error)));
            }
        });
    }

    /// The same where pads give packets or files: each goes through a `parsebin` of its own first.
    fn take_apart_from(self, splitter: &gst::Element) {
        splitter.connect_pad_added(move |_, pad| {
            let Some(pipeline) = self.pipeline.upgrade() else { return };
            let taken = gst::ElementFactory::make("parsebin").build().and_then(|unpacker| {
                pipeline.add(&unpacker)?;
                self.clone().take_from(&unpacker);
                unpacker.sync_state_with_parent()?;
                link(pad, &unpacker)
            });
            if let Err(error) = taken {
                self.shared.tell(Event::Failed(RecordError::pipeline(error)));
            }
        });
    }

    /// Takes the first stream of each kind; the others are thrown away, or their unlinked pads would stop all.
    fn take(&self, pipeline: &gst::Pipeline, pad: &gst::Pad) -> Result<(), glib::BoolError> {
        let caps = pad.current_caps().unwrap_or_else(|| pad.query_caps(None));
        let name = caps.structure(0).map_or("", |structure| structure.name().as_str());
        let rendition = match name.split_once('/') {
            Some(("video", _)) => Some(Rendition::Video),
            Some(("audio", _)) => Some(Rendition::Audio),
            _ => None,
        };
        let mut branches = self.branches.lock().unwrap_or_else(PoisonError::into_inner);
        let wanted =
            rendition.filter(|rendition| !branches.iter().any(|branch| branch.rendition == Some(*rendition)));
        let Some(rendition) = wanted else { return throw_away(pipeline, pad) };
        if !branch::can_read(rendition, &caps) {
            let codec = gst_pbutils::pb_utils_get_codec_description(&caps).to_string();
            self.shared.tell(Event::Unreadable { rendition, codec });
            return throw_away(pipeline, pad);
        }
        let untimed = self.untimed.load(Ordering::SeqCst);
        let timing = match self.pace {
            Pace::File if untimed => branch::Timing::FileWithoutDecodeTimes,
            Pace::File => branch::Timing::File,
            Pace::Live | Pace::Bursts if untimed => branch::Timing::LiveWithoutDecodeTimes,
            Pace::Live | Pace::Bursts => branch::Timing::Live,
        };
        let is_live = self.pace != Pace::File;
        let laddered = (rendition == Rendition::Video && self.shared.ladder)
            .then(|| ladder::add(pipeline, pad, is_live, &self.shared, &self.branches))
            .transpose()?;
        let pad = laddered.as_ref().unwrap_or(pad);
        let entry = if self.pace == Pace::Bursts {
            let brake = gst::ElementFactory::make("clocksync").build()?;
            pipeline.add(&brake)?;
            brake.sync_state_with_parent()?;
            let paced =
                brake.static_pad("src").ok_or_else(|| glib::bool_error!("clocksync has no source pad"))?;
            let entry = branch::add(pipeline, &paced, &caps, rendition, timing, &self.shared)?;
            link(pad, &brake)?;
            entry
        } else {
            branch::add(pipeline, pad, &caps, rendition, timing, &self.shared)?
        };
        branches.push(Branch { rendition: Some(rendition), entry: entry.downgrade(), outputs: 1 });
        Ok(())
    }
}

pub(crate) fn throw_away(pipeline: &gst::Pipeline, pad: &gst::Pad) -> Result<(), glib::BoolError> {
    let sink =
        gst::ElementFactory::make("fakesink").property("sync", false).property("async", false).build()?;
    pipeline.add(&sink)?;
    sink.sync_state_with_parent()?;
    link(pad, &sink)
}

fn link(pad: &gst::Pad, element: &gst::Element) -> Result<(), glib::BoolError> {
    let entry =
        element.static_pad("sink").ok_or_else(|| glib::bool_error!("{} has no sink pad", element.name()))?;
    pad.link(&entry).map(|_| ()).map_err(|error| glib::bool_error!("{error}"))
}

pub(crate) fn tell(events: &Sender<Event>, event: Event) {
    // Nobody listens any more once the recording has ended.
    let _ = events.send(event);
}

pub(crate) fn make(element: &str) -> Result<gst::Element, RecordError> {
    gst::ElementFactory::make(element).build().map_err(RecordError::pipeline)
}

fn file_source(path: &Path) -> Result<gst::Element, RecordError> {
    let unreadable = |source| RecordError::File { path: path.to_owned(), source };
    let metadata = std::fs::File::open(path).and_then(|file| file.metadata()).map_err(unreadable)?;
    if metadata.is_dir() {
        return Err(unreadable(std::io::ErrorKind::IsADirectory.into()));
    }
    let source = make("filesrc")?;
    source.set_property("location", path);
    Ok(source)
}

/// For bytes that do not come from an element. Whoever pushes waits while the pipeline has no room.
pub(crate) fn byte_source() -> Result<gst_app::AppSrc, RecordError> {
    let source = make("appsrc")?
        .downcast::<gst_app::AppSrc>()
        .map_err(|_| RecordError::Pipeline("appsrc is no appsrc".into()))?;
    source.set_block(true);
    source.set_max_bytes(WAITING_BYTES);
    Ok(source)
}

pub(crate) fn transport_stream() -> Result<gst::Element, RecordError> {
    let demuxer = make("tsdemux")?;
    // With the sender's clock reference, frames of a live stream jitter by tens of milliseconds.
    demuxer.set_property("ignore-pcr", true);
    let entry = demuxer
        .static_pad("sink")
        .ok_or_else(|| RecordError::Pipeline("the demuxer has no entry".to_owned()))?;
    let tables = Mutex::new(Tables::default());
    entry.add_probe(gst::PadProbeType::BUFFER, move |_, info| {
        if let Some(buffer) = info.buffer_mut().map(gst::Buffer::make_mut) {
            // For the same reason: `srtsrc` sets it where packets were lost for good.
            buffer.unset_flags(gst::BufferFlags::DISCONT);
            if let Ok(mut bytes) = buffer.map_writable() {
                tables.lock().unwrap_or_else(PoisonError::into_inner).count_on(&mut bytes);
            }
        }
        gst::PadProbeReturn::Ok
    });
    Ok(demuxer)
}

/// Whoever sends bytes is connected, even if they turn out to be no media.
pub(crate) fn tell_of_first_bytes(source: &impl IsA<gst::Element>, events: &Sender<Event>) {
    if let Some(pad) = source.static_pad("src") {
        let first = events.clone();
        pad.add_probe(gst::PadProbeType::BUFFER, move |_, _| {
            tell(&first, Event::Connected);
            gst::PadProbeReturn::Remove
        });
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;
    use crate::{branch::Base, lead::Rank, recording::Recording};

    #[test]
    fn nothing_holds_the_pipeline_once_its_connection_is_gone() {
        crate::init().unwrap();
        let temp = tempfile::tempdir().unwrap();
        let file = temp.path().join("in.webm");
        let description = format!(
            "audiotestsrc num-buffers=200 ! opusenc ! webmmux ! filesink location={}",
            file.to_str().unwrap()
        );
        let maker = gst::parse::launch(&description).unwrap();
        maker.set_state(gst::State::Playing).unwrap();
        let ends = [gst::MessageType::Eos, gst::MessageType::Error];
        let wait = gst::ClockTime::from_seconds(60);
        maker.bus().unwrap().timed_pop_filtered(wait, &ends).unwrap();
        maker.set_state(gst::State::Null).unwrap();

        let (events, _received) = mpsc::channel();
        let clock = moothall_core::Clock::System;
        let recording = Recording::open(&temp.path().join("recording"), &clock, None).unwrap();
        let connected_at = clock.now();
        let base = Mutex::new(Base::File(chrono::DateTime::UNIX_EPOCH));
        let recording = Arc::clone(&recording.inner);
        let (rank, intake) = (Rank::Main, Mutex::default());
        let shared = Arc::new(Shared {
            clock,
            recording,
            rank,
            connected_at,
            intake,
            events,
            base,
            ladder: false,
            meter: None,
        });
        let connection = Connection::new(&Source::File(file), Reach::Public, None, &shared).unwrap();
        connection.pipeline.set_state(gst::State::Playing).unwrap();
        connection.pipeline.bus().unwrap().timed_pop_filtered(wait, &ends).unwrap();
        let pipeline = connection.pipeline.downgrade();
        drop(connection);
        assert!(pipeline.upgrade().is_none(), "a closure holds the pipeline");
        assert_eq!(Arc::strong_count(&shared), 1, "a closure holds the writer");
    }
}
