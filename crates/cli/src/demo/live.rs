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
const SINK: &str = "broadcast";

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
    let (starts, started) = mpsc::channel();
    let pipeline = player(broadcast, starts)?;
    let result = follow(stop, &pipeline, &started, on_loop_start);
    // What failed is already known; a pipeline that cannot stop has nothing to add.
    let _ = pipeline.set_state(gst::State::Null);
    result
}

/// `started` gets the running time at which each round begins.
fn follow(
    stop: &AtomicBool,
    pipeline: &gst::Pipeline,
    started: &mpsc::Receiver<gst::ClockTime>,
    mut on_loop_start: impl FnMut(TimeDelta),
) -> Result<(), DemoError> {
    let bus = pipeline.bus().ok_or_else(|| glib::bool_error!("the pipeline has no bus"))?;
    pipeline.set_state(gst::State::Playing)?;
    let mut looping = false;
    while !stop.load(Ordering::Relaxed) {
        let wait = gst::ClockTime::from_mseconds(TICK_MS);
        let message = bus.timed_pop_filtered(wait, &[gst::MessageType::Error, gst::MessageType::SegmentDone]);
        match message.as_ref().map(|message| message.view()) {
            Some(gst::MessageView::Error(error)) => return Err(DemoError::from_message(error)),
            Some(gst::MessageView::SegmentDone(_)) => rewind(pipeline)?,
            _ => {}
        }
        if !looping && is_sending(pipeline) {
            looping = true;
            // Only what was reached by a seek can end without closing the stream. The second or so that was read
            // until here is played twice; it is the silence before the debate.
            started.try_iter().for_each(drop);
            rewind(pipeline)?;
        }
        if looping {
            started.try_iter().filter_map(|at| time_until(pipeline, at)).for_each(&mut on_loop_start);
        }
    }
    Ok(())
}

/// Back to the beginning. It does not flush: what was read is still played, and time runs on without a seam.
/// (A flush would also make srtsink 1.22 hang up.)
fn rewind(pipeline: &gst::Pipeline) -> Result<(), glib::BoolError> {
    pipeline.seek_simple(gst::SeekFlags::SEGMENT, gst::ClockTime::ZERO)
}

/// Whether the listener has answered and got something: before that, nothing has begun.
fn is_sending(pipeline: &gst::Pipeline) -> bool {
    let stats = pipeline.by_name(SINK).map(|sink| sink.property::<gst::Structure>("stats"));
    stats.and_then(|stats| stats.get::<u64>("bytes-sent-total").ok()).is_some_and(|bytes| bytes > 0)
}

/// From now until a running time of the pipeline; none while it has no clock.
fn time_until(pipeline: &gst::Pipeline, running_time: gst::ClockTime) -> Option<TimeDelta> {
    let at = pipeline.base_time()? + running_time;
    let now = pipeline.clock()?.time();
    Some(TimeDelta::nanoseconds(at.nseconds() as i64 - now.nseconds() as i64))
}

/// `filesrc ! qtdemux`, each stream through a queue and its parser into `mpegtsmux ! srtsink`, which keeps to the
/// clock. `starts` gets the running time of every beginning.
fn player(broadcast: &Broadcast, starts: mpsc::Sender<gst::ClockTime>) -> Result<gst::Pipeline, DemoError> {
    let pipeline = gst::Pipeline::new();
    let file = make("filesrc")?;
    file.set_property("location", &broadcast.media);
    let demuxer = make("qtdemux")?;
    pipeline.add(&demuxer)?;
    chain(&pipeline, &[file], &demuxer)?;

    let sink = make("srtsink")?;
    sink.set_property("name", SINK);
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
    video_pad.add_probe(gst::PadProbeType::EVENT_DOWNSTREAM, move |_, info| {
        if let Some(event) = info.event()
            && let gst::EventView::Segment(segment) = event.view()
            && let Some(segment) = segment.segment().downcast_ref::<gst::ClockTime>()
        {
            // Nobody listens any more once the player stops.
            let _ = starts.send(segment.base().unwrap_or_default());
        }
        gst::PadProbeReturn::Ok
    });
    skip_first_after_seam(&audio_pad);
    demuxer.connect_pad_added(move |_, source| {
        let target = if source.name().starts_with("video") { &video_pad } else { &audio_pad };
        // A third stream finds its place taken; an unfit one makes the demuxer report an error.
        let _ = source.link(target);
    });
    Ok(pipeline)
}

/// Time runs on from where the last packet began, so the first packet of the next round would come at the same
/// time. It is silent, and left out.
fn skip_first_after_seam(pad: &gst::Pad) {
    let at_seam = AtomicBool::new(false);
    let kinds = gst::PadProbeType::EVENT_DOWNSTREAM | gst::PadProbeType::BUFFER;
    pad.add_probe(kinds, move |_, info| {
        if info.event().is_some_and(|event| event.type_() == gst::EventType::Segment) {
            at_seam.store(true, Ordering::Relaxed);
        } else if info.buffer().is_some() && at_seam.swap(false, Ordering::Relaxed) {
            drop(info.take_buffer());
            return gst::PadProbeReturn::Handled;
        }
        gst::PadProbeReturn::Ok
    });
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::{super::studio::tests::short_debate, *};

    const PASSPHRASE: &str = "larkbridge-test";

    /// Listens until `wanted` bytes came, at most half a minute; returns how many did.
    fn listen(port: u16, wanted: usize) -> usize {
        let pipeline = gst::Pipeline::new();
        let source = gst::ElementFactory::make("srtsrc").build().unwrap();
        source.set_property("uri", format!("srt://127.0.0.1:{port}?mode=listener&passphrase={PASSPHRASE}"));
        let (bytes, count) = mpsc::channel();
        let sink = gst::ElementFactory::make("fakesink").build().unwrap();
        sink.static_pad("sink").unwrap().add_probe(gst::PadProbeType::BUFFER, move |_, info| {
            let _ = bytes.send(info.buffer().map_or(0, |buffer| buffer.size()));
            gst::PadProbeReturn::Ok
        });
        pipeline.add_many([&source, &sink]).unwrap();
        source.link(&sink).unwrap();
        pipeline.set_state(gst::State::Playing).unwrap();
        let deadline = Instant::now() + Duration::from_secs(30);
        let mut got = 0;
        while got < wanted
            && let Ok(size) = count.recv_timeout(deadline.saturating_duration_since(Instant::now()))
        {
            got += size;
        }
        pipeline.set_state(gst::State::Null).unwrap();
        got
    }

    #[test]
    fn plays_in_a_loop_and_calls_a_listener_again() {
        gst::init().unwrap();
        let Some((_dir, debate)) = short_debate() else { return };
        let port = std::net::UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let (rounds, starts) = mpsc::channel();
        let broadcast = Broadcast {
            media: debate.media.clone(),
            listener: format!("127.0.0.1:{port}"),
            passphrase: PASSPHRASE.to_owned(),
        };
        let player = LivePlayer::start(broadcast, Clock::System, move |at| {
            let _ = rounds.send(at);
        });
        // Two films' worth is more than one round.
        let film = std::fs::metadata(&debate.media).unwrap().len() as usize;
        assert!(listen(port, film * 2) >= film * 2);
        let begun: Vec<DateTime<Utc>> = starts.try_iter().collect();
        assert!(begun.len() >= 2, "{begun:?}");
        let round_ms = (begun[1] - begun[0]).num_milliseconds();
        assert!((round_ms - debate.duration.ms()).abs() < 200, "{round_ms} for {}", debate.duration);
        assert!(listen(port, film / 2) >= film / 2);
        drop(player);
    }
}
