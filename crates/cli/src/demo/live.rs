use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use chrono::{DateTime, TimeDelta, Utc};
use gst::{glib, prelude::*};
use moothall_core::Clock;

use super::{
    DemoError,
    elements::{chain, make, pad},
};

/// How long to wait before the listener is called again.
const RETRY_MS: u64 = 1_000;
/// How often the player looks whether it shall stop.
const TICK_MS: u64 = 100;

/// What is played, and to whom.
#[derive(Debug, Clone)]
pub struct Broadcast {
    /// MP4 with H.264 and AAC.
    pub media: PathBuf,
    /// Host and port of an SRT listener, as in `127.0.0.1:9000`.
    pub listener: String,
    /// 10 to 79 characters, as SRT demands.
    pub passphrase: String,
}

/// A player on its own thread; it stops when this is dropped.
#[derive(Debug)]
pub struct LivePlayer {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl LivePlayer {
    /// Plays the film to the listener in real time, again and again without a seam, and without encoding anew.
    ///
    /// A listener that is not there, or goes away, is called again every second; then the film starts from its
    /// beginning. `on_loop_start` gets the time at which the first frame of each round is sent.
    pub fn start(
        broadcast: Broadcast,
        clock: Clock,
        on_loop_start: impl FnMut(DateTime<Utc>) + Send + 'static,
    ) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let thread = thread::spawn({
            let stop = stop.clone();
            move || play_until(&stop, &broadcast, &clock, on_loop_start)
        });
        Self { stop, thread: Some(thread) }
    }
}

impl Drop for LivePlayer {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // A panic of the player was already reported by its thread.
            let _ = thread.join();
        }
    }
}

fn play_until(
    stop: &AtomicBool,
    broadcast: &Broadcast,
    clock: &Clock,
    mut on_loop_start: impl FnMut(DateTime<Utc>),
) {
    // The same complaint every second would fill the log.
    let mut complained = false;
    while !stop.load(Ordering::Relaxed) {
        let outcome = play(stop, broadcast, |ahead| {
            complained = false;
            on_loop_start(clock.now() + ahead);
        });
        if let Err(error) = outcome
            && !complained
        {
            complained = true;
            tracing::warn!(listener = broadcast.listener, %error, "the live demo waits for its listener");
        }
        for _ in 0..RETRY_MS / TICK_MS {
            if !stop.load(Ordering::Relaxed) {
                thread::sleep(Duration::from_millis(TICK_MS));
            }
        }
    }
}

/// Plays until told to stop, or until something fails. `on_loop_start` gets how far ahead the first frame of a
/// round is.
fn play(
    stop: &AtomicBool,
    broadcast: &Broadcast,
    on_loop_start: impl FnMut(TimeDelta),
) -> Result<(), DemoError> {
    let (turns, turned) = mpsc::channel();
    let pipeline = player(broadcast, &turns)?;
    let result = follow(stop, &pipeline, &turned, on_loop_start);
    // What failed is already known; a pipeline that cannot stop has nothing to add.
    let _ = pipeline.set_state(gst::State::Null);
    result
}

/// What the demuxer tells the player's thread.
enum Turn {
    /// A stream begins again at this running time.
    Starts(gst::ClockTime),
    /// A stream was read to its end.
    Ends,
}

fn follow(
    stop: &AtomicBool,
    pipeline: &gst::Pipeline,
    turned: &mpsc::Receiver<Turn>,
    mut on_loop_start: impl FnMut(TimeDelta),
) -> Result<(), DemoError> {
    let bus = pipeline.bus().ok_or_else(|| glib::bool_error!("the pipeline has no bus"))?;
    pipeline.set_state(gst::State::Playing)?;
    // Both streams of the film tell their turns: the first start and the last end count.
    let (mut started, mut ended) = (false, 0);
    while !stop.load(Ordering::Relaxed) {
        let wait = gst::ClockTime::from_mseconds(TICK_MS);
        if let Some(message) = bus.timed_pop_filtered(wait, &[gst::MessageType::Error])
            && let gst::MessageView::Error(error) = message.view()
        {
            return Err(DemoError::from_message(error));
        }
        if pipeline.current_state() != gst::State::Playing {
            continue;
        }
        for turn in turned.try_iter() {
            match turn {
                Turn::Ends => ended += 1,
                Turn::Starts(_) if started => {}
                Turn::Starts(at) => {
                    started = true;
                    time_until(pipeline, at).into_iter().for_each(&mut on_loop_start);
                }
            }
        }
        if ended == 2 {
            (started, ended) = (false, 0);
            // Without a flush, what was read is still played and time runs on: no seam.
            pipeline.seek_simple(gst::SeekFlags::empty(), gst::ClockTime::ZERO)?;
        }
    }
    Ok(())
}

/// From now until a running time of the pipeline; none while it has no clock.
fn time_until(pipeline: &gst::Pipeline, running_time: gst::ClockTime) -> Option<TimeDelta> {
    let at = pipeline.base_time()? + running_time;
    let now = pipeline.clock()?.time();
    Some(TimeDelta::nanoseconds(at.nseconds() as i64 - now.nseconds() as i64))
}

/// `filesrc ! qtdemux`, each stream through a queue and its parser into `mpegtsmux ! srtsink`, which keeps to the
/// clock.
fn player(broadcast: &Broadcast, turns: &mpsc::Sender<Turn>) -> Result<gst::Pipeline, DemoError> {
    let pipeline = gst::Pipeline::new();
    let file = make("filesrc")?;
    file.set_property("location", &broadcast.media);
    let demuxer = make("qtdemux")?;
    pipeline.add(&demuxer)?;
    chain(&pipeline, &[file], &demuxer)?;

    let sink = make("srtsink")?;
    sink.set_property("uri", format!("srt://{}", broadcast.listener));
    sink.set_property_from_str("mode", "caller");
    sink.set_property("passphrase", &broadcast.passphrase);
    sink.set_property_from_str("pbkeylen", "16");
    // Left to itself it would swallow the loss of its listener, and the film would go on unseen.
    sink.set_property("auto-reconnect", false);
    let muxer = make("mpegtsmux")?;
    // Seven packets of 188 bytes fill one SRT packet.
    muxer.set_property("alignment", 7);
    pipeline.add(&sink)?;
    chain(&pipeline, std::slice::from_ref(&muxer), &sink)?;

    let video_parser = make("h264parse")?;
    // A listener that comes late needs the parameter sets with every keyframe.
    video_parser.set_property("config-interval", -1);
    let (video, audio) = (make("queue")?, make("queue")?);
    chain(&pipeline, &[video.clone(), video_parser], &muxer)?;
    chain(&pipeline, &[audio.clone(), make("aacparse")?], &muxer)?;

    let (video_pad, audio_pad) = (pad(&video, "sink")?, pad(&audio, "sink")?);
    report_turns(&video_pad, turns.clone());
    report_turns(&audio_pad, turns.clone());
    demuxer.connect_pad_added(move |_, source| {
        let target = if source.name().starts_with("video") { &video_pad } else { &audio_pad };
        // A third stream finds its place taken; an unfit one makes the demuxer report an error.
        let _ = source.link(target);
    });
    Ok(pipeline)
}

/// Tells where a stream begins again, and keeps its end from what follows, so that the broadcast goes on.
fn report_turns(pad: &gst::Pad, turns: mpsc::Sender<Turn>) {
    pad.add_probe(gst::PadProbeType::EVENT_DOWNSTREAM, move |_, info| {
        let turn = match info.event().map(|event| event.view()) {
            Some(gst::EventView::Segment(segment)) => {
                let segment = segment.segment().downcast_ref::<gst::ClockTime>();
                Turn::Starts(segment.and_then(|segment| segment.base()).unwrap_or_default())
            }
            Some(gst::EventView::Eos(_)) => Turn::Ends,
            _ => return gst::PadProbeReturn::Ok,
        };
        let is_end = matches!(turn, Turn::Ends);
        // Nobody listens any more once the player stops.
        let _ = turns.send(turn);
        if is_end { gst::PadProbeReturn::Drop } else { gst::PadProbeReturn::Ok }
    });
}
