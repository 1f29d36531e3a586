//! One browser's call: its offer is answered, it is asked for key frames, and the connection ends with it.

use std::{
    sync::{
        Arc,
        mpsc::{self, Sender},
    },
    time::{Duration, Instant},
};

use gst::{glib, prelude::*};
use gst_sdp::SDPMessage;
use gst_webrtc::{
    WebRTCICEGatheringState as Gathering, WebRTCPeerConnectionState as State, WebRTCSDPType,
    WebRTCSessionDescription,
};
use moothall_core::CallId;

use crate::{attendant::Ended, branch::Event, pipeline::tell, switchboard::Switchboard};

/// How often calls are looked for, and whether the caller has hung up.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// Browsers send a key frame when they are asked to, and hardly ever else. A segment begins with each.
const KEY_FRAME_EVERY: Duration = Duration::from_secs(2);
/// What happens on this machine takes milliseconds.
const NEGOTIATED_WITHIN: Duration = Duration::from_secs(5);
/// Browsers give up after about half a minute.
const CONNECTED_WITHIN: Duration = Duration::from_secs(20);

/// Waits for one browser, and looks after its connection.
pub(crate) struct Attending {
    pub webrtc: gst::Element,
    pub port: u16,
    pub key_sha256: String,
    pub switchboard: Arc<dyn Switchboard>,
    pub events: Sender<Event>,
}

/// The browser whose offer was answered.
struct Taken {
    call: CallId,
    answered_at: Instant,
    connected: bool,
    key_frame_at: Instant,
}

/// That the connection is over; with what somebody has to know.
struct Over(Option<String>);

impl Attending {
    pub(crate) fn run(&self, ended: &Ended) {
        let mut taken: Option<Taken> = None;
        let mut looked_at: Option<Instant> = None;
        let mut over = None;
        while over.is_none() && !ended.is_set() {
            if looked_at.is_none_or(|at| at.elapsed() >= LOOK_EVERY) {
                looked_at = Some(Instant::now());
                over = self.look(&mut taken).err();
            }
            self.keep_key_frames_coming(taken.as_mut());
            std::thread::sleep(Ended::LOOK_EVERY);
        }
        if let Some(taken) = taken {
            self.switchboard.hang_up(taken.call);
        }
        tell(&self.events, Event::Ended { warning: over.and_then(|Over(warning)| warning) });
    }

    /// Looks after who is connected, and answers who calls.
    fn look(&self, taken: &mut Option<Taken>) -> Result<(), Over> {
        if let Some(taken) = taken {
            self.look_after(taken)?;
        }
        let Some(call) = self.switchboard.next(&self.key_sha256) else { return Ok(()) };
        let refuse = |reason: &str| {
            self.switchboard.answer(call.id, Err(reason));
            format!("a browser called and was refused: {reason}")
        };
        if taken.is_some() {
            let remedy = refuse("another browser is being recorded in this room: stop that one first");
            tell(&self.events, Event::Refused { remedy });
            return Ok(());
        }
        let Some(offer) = read_offer(&call.offer) else {
            let remedy = refuse("what it offers is no SDP with a sound or a picture");
            tell(&self.events, Event::Refused { remedy });
            return Ok(());
        };
        // The element takes one offer in its life.
        let answer = self.negotiate(&offer).map_err(|reason| Over(Some(refuse(&reason))))?;
        self.switchboard.answer(call.id, Ok(&answer));
        let now = Instant::now();
        *taken = Some(Taken { call: call.id, answered_at: now, connected: false, key_frame_at: now });
        Ok(())
    }

    fn look_after(&self, taken: &mut Taken) -> Result<(), Over> {
        match self.webrtc.property::<State>("connection-state") {
            State::Failed | State::Closed if taken.connected => return Err(Over(None)),
            State::Connected => taken.connected = true,
            _ => {}
        }
        if !taken.connected && taken.answered_at.elapsed() > CONNECTED_WITHIN {
            return Err(Over(Some(format!(
                "a browser called and nothing of it arrived: let UDP to port {} of this machine through the firewall",
                self.port
            ))));
        }
        if self.switchboard.is_held(taken.call) { Ok(()) } else { Err(Over(None)) }
    }

    fn keep_key_frames_coming(&self, taken: Option<&mut Taken>) {
        if let Some(taken) = taken.filter(|taken| taken.connected)
            && taken.key_frame_at.elapsed() >= KEY_FRAME_EVERY
        {
            taken.key_frame_at = Instant::now();
            self.ask_for_key_frame();
        }
    }

    fn ask_for_key_frame(&self) {
        for pad in self.webrtc.src_pads() {
            // Of sound it is not understood, and does no harm.
            let structure = gst::Structure::builder("GstForceKeyUnit").field("all-headers", true).build();
            pad.send_event(gst::event::CustomUpstream::new(structure));
        }
    }

    /// Gives the answer, with all addresses at which we can be reached: nothing is added to it later.
    fn negotiate(&self, offer: &WebRTCSessionDescription) -> Result<String, String> {
        let refused = |reason: &str| format!("what it offers cannot be taken ({reason})");
        self.ask("set-remote-description", &[offer], None).map_err(|reason| refused(&reason))?;
        let answer = self
            .ask("create-answer", &[&None::<gst::Structure>], Some("answer"))
            .and_then(|answer| answer.ok_or_else(|| "no answer was made".to_owned()))
            .map_err(|reason| refused(&reason))?;
        self.ask("set-local-description", &[&answer], None).map_err(|reason| refused(&reason))?;
        let deadline = Instant::now() + NEGOTIATED_WITHIN;
        while self.webrtc.property::<Gathering>("ice-gathering-state") != Gathering::Complete {
            if Instant::now() > deadline {
                return Err(refused("this machine's own addresses were not found in time"));
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        let answer: WebRTCSessionDescription = self.webrtc.property("local-description");
        let answer = answer.sdp().as_text().map_err(|_| refused("the answer cannot be written"))?;
        if !answer.contains("a=candidate:") {
            return Err(format!(
                "nobody could listen at UDP port {}: is it used by another program?",
                self.port
            ));
        }
        Ok(answer)
    }

    /// Has an action of the element done, and waits for it; gives what is `wanted` of its reply.
    fn ask(
        &self,
        action: &str,
        about: &[&dyn ToValue],
        wanted: Option<&'static str>,
    ) -> Result<Option<WebRTCSessionDescription>, String> {
        let (done, reply) = mpsc::channel();
        let promise = gst::Promise::with_change_func(move |reply| {
            // Who asked may have stopped waiting.
            let _ = done.send(read_reply(reply, wanted));
        });
        let promise: &dyn ToValue = &promise;
        let values: Vec<glib::Value> =
            about.iter().copied().chain([promise]).map(ToValue::to_value).collect();
        self.webrtc.emit_by_name_with_values(action, &values);
        reply.recv_timeout(NEGOTIATED_WITHIN).map_err(|_| "it took too long".to_owned())?
    }
}

/// GStreamer takes any text for SDP.
fn read_offer(text: &str) -> Option<WebRTCSessionDescription> {
    let offer = SDPMessage::parse_buffer(text.as_bytes()).ok()?;
    let has_media = offer.medias().any(|media| matches!(media.media(), Some("audio" | "video")));
    (text.starts_with("v=0") && has_media).then(|| WebRTCSessionDescription::new(WebRTCSDPType::Offer, offer))
}

fn read_reply(
    reply: Result<Option<&gst::StructureRef>, gst::PromiseError>,
    wanted: Option<&str>,
) -> Result<Option<WebRTCSessionDescription>, String> {
    let reply = reply.map_err(|_| "it was given up".to_owned())?;
    let Some(reply) = reply else { return Ok(None) };
    if let Ok(error) = reply.get::<glib::Error>("error") {
        return Err(error.message().to_owned());
    }
    Ok(wanted.and_then(|name| reply.get(name).ok()))
}
