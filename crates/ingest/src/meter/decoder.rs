use std::sync::{Arc, Mutex, PoisonError};

use gst::{glib, prelude::*};

/// A decoder that works in the thread that feeds it: no pipeline, no queue and no thread of its own.
pub(super) struct Decoder {
    element: gst::Element,
    entry: gst::Pad,
    /// Where it lets go what it has decoded.
    exit: gst::Pad,
    decoded: Arc<Mutex<Vec<gst::Buffer>>>,
}

impl Drop for Decoder {
    fn drop(&mut self) {
        if let Err(error) = self.element.set_state(gst::State::Null) {
            tracing::warn!(%error, "a decoder does not stop");
        }
    }
}

impl Decoder {
    /// For frames with these caps.
    pub(super) fn new(element: gst::Element, caps: &gst::Caps) -> Result<Self, glib::BoolError> {
        let pad = |name: &str| {
            element.static_pad(name).ok_or_else(|| glib::bool_error!("{} has no {name} pad", element.name()))
        };
        let decoded = Arc::<Mutex<Vec<gst::Buffer>>>::default();
        let taken = Arc::clone(&decoded);
        let entry = gst::Pad::builder(gst::PadDirection::Src).build();
        let exit = gst::Pad::builder(gst::PadDirection::Sink)
            .chain_function(move |_, _, buffer| {
                taken.lock().unwrap_or_else(PoisonError::into_inner).push(buffer);
                Ok(gst::FlowSuccess::Ok)
            })
            // The pad itself keeps those that matter.
            .event_function(|_, _, _| true)
            .build();
        entry.link(&pad("sink")?).map_err(|error| glib::bool_error!("{error}"))?;
        pad("src")?.link(&exit).map_err(|error| glib::bool_error!("{error}"))?;
        exit.set_active(true)?;
        entry.set_active(true)?;
        element.set_state(gst::State::Playing).map_err(|error| glib::bool_error!("{error}"))?;
        entry.push_event(gst::event::StreamStart::new("meter"));
        entry.push_event(gst::event::Caps::new(caps));
        entry.push_event(gst::event::Segment::new(&gst::FormattedSegment::<gst::ClockTime>::new()));
        Ok(Self { element, entry, exit, decoded })
    }

    pub(super) fn push(&self, buffer: gst::Buffer) -> Result<(), gst::FlowError> {
        self.entry.push(buffer).map(drop)
    }

    /// Nothing more comes: what it holds is given.
    pub(super) fn end(&self) {
        self.entry.push_event(gst::event::Eos::new());
    }

    /// What it has decoded since it was last asked, and its caps.
    pub(super) fn take(&self) -> (Vec<gst::Buffer>, Option<gst::Caps>) {
        let decoded = std::mem::take(&mut *self.decoded.lock().unwrap_or_else(PoisonError::into_inner));
        (decoded, self.exit.current_caps())
    }
}
