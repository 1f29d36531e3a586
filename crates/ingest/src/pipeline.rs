//! The pipeline of one connection: a source that shows its streams one by one, and a branch for the first
//! picture and the first sound among them.

use std::{
    path::Path,
    sync::{Arc, Mutex, PoisonError},
};

use gst::{glib, prelude::*};

use crate::{
    branch::{self, Event, Shared},
    journal::Rendition,
    record::RecordError,
    source::{Source, SrtAddress},
};

/// Weak, since the pipeline's own callbacks hold this.
type Branches = Arc<Mutex<Vec<(Rendition, gst::glib::WeakRef<gst::Pad>)>>>;

/// Stopped when dropped.
pub(crate) struct Connection {
    pub pipeline: gst::Pipeline,
    branches: Branches,
}

impl Drop for Connection {
    fn drop(&mut self) {
        if let Err(error) = self.pipeline.set_state(gst::State::Null) {
            tracing::warn!(%error, "a pipeline does not stop");
        }
    }
}

impl Connection {
    /// `srtsrc ! tsdemux` or `filesrc ! parsebin`, and a branch for each stream that shows up.
    pub(crate) fn new(source: &Source, shared: &Arc<Shared>) -> Result<Self, RecordError> {
        let pipeline = gst::Pipeline::new();
        let (input, splitter) = match source {
            Source::File(path) => (file_source(path)?, make("parsebin")?),
            Source::Srt(address) => {
                let demuxer = make("tsdemux")?;
                // With the sender's clock reference, frames of a live stream jitter by tens of milliseconds.
                demuxer.set_property("ignore-pcr", true);
                (srt_source(address, shared)?, demuxer)
            }
        };
        pipeline.add_many([&input, &splitter]).map_err(RecordError::pipeline)?;
        input.link(&splitter).map_err(RecordError::pipeline)?;
        let branches = Arc::new(Mutex::new(Vec::new()));
        let (weak, shared, known, live) =
            (pipeline.downgrade(), Arc::clone(shared), Arc::clone(&branches), source.is_live());
        splitter.connect_pad_added(move |_, pad| {
            let Some(pipeline) = weak.upgrade() else { return };
            if let Err(error) = take(&pipeline, pad, live, &shared, &known) {
                shared.tell(Event::Failed(RecordError::pipeline(error)));
            }
        });
        Ok(Self { pipeline, branches })
    }

    /// Tells every branch that nothing more comes, so that the muxers give what they hold; gives how many
    /// branches there are.
    pub(crate) fn end_branches(&self) -> usize {
        let pads: Vec<gst::Pad> = {
            let branches = self.branches.lock().unwrap_or_else(PoisonError::into_inner);
            branches.iter().filter_map(|(_, pad)| pad.upgrade()).collect()
        };
        for pad in &pads {
            // A branch that has already ended refuses it.
            let _ = pad.send_event(gst::event::Eos::new());
        }
        pads.len()
    }
}

/// Takes the first stream of each kind; the others are thrown away, or their unlinked pads would stop all.
fn take(
    pipeline: &gst::Pipeline,
    pad: &gst::Pad,
    live: bool,
    shared: &Arc<Shared>,
    branches: &Mutex<Vec<(Rendition, glib::WeakRef<gst::Pad>)>>,
) -> Result<(), glib::BoolError> {
    let caps = pad.current_caps().unwrap_or_else(|| pad.query_caps(None));
    let name = caps.structure(0).map_or("", |structure| structure.name().as_str());
    let rendition = match name.split_once('/') {
        Some(("video", _)) => Some(Rendition::Video),
        Some(("audio", _)) => Some(Rendition::Audio),
        _ => None,
    };
    let mut branches = branches.lock().unwrap_or_else(PoisonError::into_inner);
    match rendition.filter(|rendition| !branches.iter().any(|(taken, _)| taken == rendition)) {
        Some(rendition) => {
            let entry = branch::add(pipeline, pad, rendition, live, shared)?;
            branches.push((rendition, entry.downgrade()));
        }
        None => {
            let sink = gst::ElementFactory::make("fakesink")
                .property("sync", false)
                .property("async", false)
                .build()?;
            pipeline.add(&sink)?;
            sink.sync_state_with_parent()?;
            let entry =
                sink.static_pad("sink").ok_or_else(|| glib::bool_error!("fakesink has no sink pad"))?;
            pad.link(&entry).map_err(|error| glib::bool_error!("{error}"))?;
        }
    }
    Ok(())
}

fn make(element: &str) -> Result<gst::Element, RecordError> {
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

fn srt_source(address: &SrtAddress, shared: &Arc<Shared>) -> Result<gst::Element, RecordError> {
    let source = make("srtsrc")?;
    source.set_property("uri", address.uri());
    // Whoever calls us decides when to try again.
    source.set_property("auto-reconnect", false);
    if let Some(passphrase) = &address.passphrase {
        source.set_property("passphrase", passphrase);
    }
    if let Some(latency_ms) = address.latency_ms {
        source.set_property("latency", i32::from(latency_ms));
    }
    if let Some(stream_id) = &address.stream_id {
        source.set_property("streamid", stream_id);
    }
    source.set_property("authentication", true);
    let asked = Arc::clone(shared);
    // Comes before the passphrase is compared; a caller that passes is then also "added".
    source.connect("caller-connecting", false, move |_| {
        asked.tell(Event::Asked);
        Some(true.to_value())
    });
    let added = Arc::clone(shared);
    source.connect("caller-added", false, move |_| {
        added.tell(Event::Connected);
        None
    });
    // In caller mode no signal tells of the connection, but the first bytes do.
    if let Some(pad) = source.static_pad("src") {
        let first = Arc::clone(shared);
        pad.add_probe(gst::PadProbeType::BUFFER, move |_, _| {
            first.tell(Event::Connected);
            gst::PadProbeReturn::Remove
        });
    }
    Ok(source)
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;
    use crate::{branch::Base, recording::Recording, writer::Writer};

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
        let writer = Mutex::new(Writer::new(recording.inner.timeline(), clock.now()));
        let base = Mutex::new(Base::File(chrono::DateTime::UNIX_EPOCH));
        let recording = Arc::clone(&recording.inner);
        let shared = Arc::new(Shared { clock, recording, writer, events, base });
        let connection = Connection::new(&Source::File(file), &shared).unwrap();
        connection.pipeline.set_state(gst::State::Playing).unwrap();
        connection.pipeline.bus().unwrap().timed_pop_filtered(wait, &ends).unwrap();
        let pipeline = connection.pipeline.downgrade();
        drop(connection);
        assert!(pipeline.upgrade().is_none(), "a closure holds the pipeline");
        assert_eq!(Arc::strong_count(&shared), 1, "a closure holds the writer");
    }
}
