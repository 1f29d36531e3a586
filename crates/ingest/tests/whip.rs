//! What a browser sends by WebRTC, from a sender of GStreamer's.
#![expect(clippy::unwrap_used, reason = "a test")]

mod common;

use std::{
    collections::VecDeque,
    path::Path,
    sync::{Arc, Condvar, Mutex},
    time::Duration,
};

use common::*;
use gst::prelude::*;
use gst_webrtc::{WebRTCICEGatheringState, WebRTCSDPType, WebRTCSessionDescription};
use moothall_core::{CallId, Secret};
use moothall_ingest::*;

const KEY: &str = "correct-horse";
/// As browsers send it: key frames only when asked for.
const SENDER: &str = "videotestsrc is-live=true ! video/x-raw,format=I420,width=320,height=180,framerate=25/1 \
    ! x264enc tune=zerolatency speed-preset=ultrafast key-int-max=2500 ! video/x-h264,profile=constrained-baseline \
    ! rtph264pay aggregate-mode=zero-latency config-interval=-1 \
    ! application/x-rtp,media=video,encoding-name=H264,payload=96 ! webrtc. \
    audiotestsrc is-live=true ! audio/x-raw,rate=48000,channels=2 ! opusenc ! rtpopuspay \
    ! application/x-rtp,media=audio,encoding-name=OPUS,payload=97 ! webrtc. \
    webrtcbin name=webrtc bundle-policy=max-bundle";

/// Calls that wait, answers, and who has hung up.
#[derive(Default)]
struct Line {
    state: Mutex<LineState>,
    changed: Condvar,
}

#[derive(Default)]
struct LineState {
    calls: VecDeque<(String, Call)>,
    answers: Vec<(CallId, Result<String, String>)>,
    over: Vec<CallId>,
}

impl Line {
    fn call(&self, key: &str, offer: &str) -> CallId {
        let id = CallId::new();
        let call = Call { id, offer: offer.to_owned() };
        self.state.lock().unwrap().calls.push_back((Secret::new(key).sha256(), call));
        id
    }

    fn wait_for<T>(&self, what: &str, mut found: impl FnMut(&LineState) -> Option<T>) -> T {
        let state = self.state.lock().unwrap();
        let waiting = |state: &mut LineState| found(state).is_none();
        let (state, waited) =
            self.changed.wait_timeout_while(state, Duration::from_secs(60), waiting).unwrap();
        assert!(!waited.timed_out(), "waited in vain for {what}");
        found(&state).unwrap()
    }

    fn answer_to(&self, id: CallId) -> Result<String, String> {
        self.wait_for("an answer", |state| {
            state.answers.iter().find(|(call, _)| *call == id).map(|(_, answer)| answer.clone())
        })
    }

    fn wait_until_over(&self, id: CallId) {
        self.wait_for("the end of the call", |state| state.over.contains(&id).then_some(()));
    }
}

impl Switchboard for Line {
    fn next(&self, key_sha256: &str) -> Option<Call> {
        let mut state = self.state.lock().unwrap();
        let at = state.calls.iter().position(|(key, _)| key == key_sha256)?;
        state.calls.remove(at).map(|(_, call)| call)
    }

    fn answer(&self, call: CallId, answer: Result<&str, &str>) {
        let answer = answer.map(str::to_owned).map_err(str::to_owned);
        self.state.lock().unwrap().answers.push((call, answer));
        self.changed.notify_all();
    }

    fn is_held(&self, call: CallId) -> bool {
        !self.state.lock().unwrap().over.contains(&call)
    }

    fn hang_up(&self, call: CallId) {
        self.state.lock().unwrap().over.push(call);
        self.changed.notify_all();
    }
}

/// A browser's stand-in; what it sends ends with it.
struct Sender {
    pipeline: gst::Pipeline,
    webrtc: gst::Element,
}

impl Sender {
    fn new() -> Self {
        init().unwrap();
        let pipeline = gst::parse::launch(SENDER).unwrap().downcast::<gst::Pipeline>().unwrap();
        let webrtc = pipeline.by_name("webrtc").unwrap();
        let ice: gst::Object = webrtc.property("ice-agent");
        ice.emit_by_name::<bool>("add-local-ip-address", &[&"127.0.0.1"]);
        pipeline.set_state(gst::State::Playing).unwrap();
        Self { pipeline, webrtc }
    }

    fn offer(&self) -> String {
        // Its streams are known once each has brought something.
        let deadline = std::time::Instant::now() + Duration::from_secs(30);
        while self.webrtc.sink_pads().iter().any(|pad| pad.current_caps().is_none()) {
            assert!(std::time::Instant::now() < deadline, "the sender does not begin");
            std::thread::yield_now();
        }
        let promise = gst::Promise::new();
        self.webrtc.emit_by_name::<()>("create-offer", &[&None::<gst::Structure>, &promise]);
        promise.wait();
        let offer: WebRTCSessionDescription = promise.get_reply().unwrap().get("offer").unwrap();
        let promise = gst::Promise::new();
        self.webrtc.emit_by_name::<()>("set-local-description", &[&offer, &promise]);
        promise.wait();
        while self.webrtc.property::<WebRTCICEGatheringState>("ice-gathering-state")
            != WebRTCICEGatheringState::Complete
        {
            assert!(std::time::Instant::now() < deadline, "the sender finds no address");
            std::thread::yield_now();
        }
        let offer: WebRTCSessionDescription = self.webrtc.property("local-description");
        offer.sdp().as_text().unwrap()
    }

    fn take(&self, answer: &str) {
        let answer = gst_sdp::SDPMessage::parse_buffer(answer.as_bytes()).unwrap();
        let answer = WebRTCSessionDescription::new(WebRTCSDPType::Answer, answer);
        let promise = gst::Promise::new();
        self.webrtc.emit_by_name::<()>("set-remote-description", &[&answer, &promise]);
        promise.wait();
    }
}

impl Drop for Sender {
    fn drop(&mut self) {
        let _ = self.pipeline.set_state(gst::State::Null);
    }
}

fn recorder(port: u16, dir: &Path, line: &Arc<Line>) -> Recorder {
    let (source, _) = Source::apart(&format!("whip://127.0.0.1:{port}")).unwrap();
    let source = source.with_key_sha256(&Secret::new(KEY).sha256());
    let switchboard: Arc<dyn Switchboard> = Arc::clone(line) as _;
    let options = RecordOptions { switchboard: Some(switchboard), ..options() };
    let recording = Recording::open(dir, &options.clock, None).map(Arc::new);
    Recorder::start_from(recording, source, options)
}

#[test]
fn a_browser_with_the_key_is_recorded_until_it_hangs_up() {
    let temp = tempfile::tempdir().unwrap();
    let (port, line) = (free_port(), Arc::new(Line::default()));
    let first = recorder(port, temp.path(), &line);
    first.wait_until_listening();
    let stranger = line.call("battery-staple", "v=0");
    let nonsense = line.call(KEY, "good evening");
    assert!(line.answer_to(nonsense).unwrap_err().contains("SDP"));
    assert!(first.refusal().contains("SDP"));

    let sender = Sender::new();
    let call = line.call(KEY, &sender.offer());
    sender.take(&line.answer_to(call).unwrap());
    first.wait_until_recorded(1_000);
    let second = line.call(KEY, "v=0");
    assert!(line.answer_to(second).unwrap_err().contains("another"));
    assert!(first.refusal().contains("another"));
    first.wait_until_recorded(8_000);
    line.hang_up(call);
    let summary = first.end().unwrap();
    assert_eq!((summary.ending, summary.warnings), (Ending::SourceEnded, vec![]));
    drop(sender);

    // It calls again, and is recorded until the recorder is stopped, which ends the call.
    let again = recorder(port, temp.path(), &line);
    again.wait_until_listening();
    let sender = Sender::new();
    let call = line.call(KEY, &sender.offer());
    sender.take(&line.answer_to(call).unwrap());
    again.wait_until_recorded(summary.end.ms() + 6_000);
    assert_eq!(again.stop().ending, Ending::Stopped);
    line.wait_until_over(call);
    let timeline = assert_recorded(temp.path(), 2);
    // Segments begin with key frames, which nobody sends unasked.
    for segment in timeline.segments(Rendition::Video) {
        assert!(segment.duration_us < 4_000_000, "{} us", segment.duration_us);
    }
    assert!(line.state.lock().unwrap().answers.iter().all(|(call, _)| *call != stranger));
}

#[test]
fn a_browser_whose_packets_do_not_arrive_is_given_up_with_the_remedy() {
    let temp = tempfile::tempdir().unwrap();
    let (port, line) = (free_port(), Arc::new(Line::default()));
    let recorder = recorder(port, temp.path(), &line);
    recorder.wait_until_listening();
    let sender = Sender::new();
    let call = line.call(KEY, &sender.offer());
    // It never hears the answer.
    line.answer_to(call).unwrap();
    line.wait_until_over(call);
    let summary = recorder.end().unwrap();
    assert_eq!(summary.ending, Ending::SourceEnded);
    assert!(
        summary.warnings[0].contains("firewall") && summary.warnings[0].contains(&port.to_string()),
        "{summary:?}"
    );
}
