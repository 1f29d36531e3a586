//! The ladder: the picture once more, smaller, for telephones and slow lines.
//!
//! It hangs on the picture's stream by a queue that leaks: a processor that is too slow for it costs pieces of
//! the smaller pictures, and nothing of the recording.

use std::sync::Arc;

use gst::{glib, prelude::*};

use crate::{
    branch::{self, Event, Shared},
    journal::Rendition,
    pipeline::{Branch, Branches, throw_away},
    recording::lock,
};

/// Height in lines, and kilobits per second.
const RUNGS: [(Rendition, i32, u32); 2] =
    [(Rendition::Video720, 720, 1_800), (Rendition::Video360, 360, 500)];
/// How much the encoders may be behind before pieces are left out.
const QUEUE_MS: u64 = 5_000;

/// Puts the ladder beside what takes the picture from `pad`; gives the pad that the latter takes it from now.
pub(crate) fn add(
    pipeline: &gst::Pipeline,
    pad: &gst::Pad,
    is_live: bool,
    shared: &Arc<Shared>,
    branches: &Branches,
) -> Result<gst::Pad, glib::BoolError> {
    let tee = gst::ElementFactory::make("tee").build()?;
    let queue = gst::ElementFactory::make("queue")
        .property("max-size-time", QUEUE_MS * 1_000_000)
        .property("max-size-bytes", 0_u32)
        .property("max-size-buffers", 0_u32)
        .property_from_str("leaky", if is_live { "downstream" } else { "no" })
        .build()?;
    let decoder = gst::ElementFactory::make("decodebin").build()?;
    pipeline.add_many([&tee, &queue, &decoder])?;
    let no_pad = |name| move || glib::bool_error!("the ladder's {name} has no pad");
    gst::Element::link_many([&tee, &queue, &decoder])?;
    // Linking would have taken one that was asked for before.
    let main = tee.request_pad_simple("src_%u").ok_or_else(no_pad("tee"))?;
    let entry = queue.static_pad("sink").ok_or_else(no_pad("queue"))?.downgrade();
    let (weak, shared, branches) = (pipeline.downgrade(), Arc::clone(shared), Arc::clone(branches));
    decoder.connect_pad_added(move |_, pad| {
        let Some(pipeline) = weak.upgrade() else { return };
        match climb(&pipeline, pad, is_live, &shared) {
            Ok(outputs) => lock(&branches).push(Branch { rendition: None, entry: entry.clone(), outputs }),
            Err(error) => {
                let text = format!("there are no smaller pictures for slow lines: {error}");
                shared.tell(Event::Notice { text });
            }
        }
    });
    for element in [&decoder, &queue, &tee] {
        element.sync_state_with_parent()?;
    }
    let sink = tee.static_pad("sink").ok_or_else(no_pad("tee"))?;
    pad.link(&sink).map_err(|error| glib::bool_error!("{error}"))?;
    Ok(main)
}

/// Encodes the decoded picture of `pad` in the sizes that are smaller than it; gives how many these are.
fn climb(
    pipeline: &gst::Pipeline,
    pad: &gst::Pad,
    is_live: bool,
    shared: &Arc<Shared>,
) -> Result<usize, glib::BoolError> {
    let caps = pad.current_caps().unwrap_or_else(|| pad.query_caps(None));
    let height = caps.structure(0).and_then(|structure| structure.get::<i32>("height").ok()).unwrap_or(0);
    let rungs: Vec<_> = RUNGS.into_iter().filter(|(_, lines, _)| *lines < height).collect();
    if rungs.is_empty() {
        throw_away(pipeline, pad)?;
        return Ok(0);
    }
    let mut description =
        "queue name=in ! videoconvert ! deinterlace ! video/x-raw,format=I420 ! tee name=picture".to_owned();
    for (_, lines, kilobits) in &rungs {
        description += &format!(
            " picture. ! queue ! videoscale \
             ! video/x-raw,height={lines},width=[2,4096,2],pixel-aspect-ratio=1/1 \
             ! x264enc tune=zerolatency speed-preset=veryfast bitrate={kilobits} key-int-max=250 \
             ! video/x-h264,profile=main ! h264parse ! video/x-h264,stream-format=avc,alignment=au \
             ! cmafmux name=mux{lines} ! appsink name=out{lines}"
        );
    }
    let bin = gst::parse::bin_from_description(&description, false)
        .map_err(|error| glib::bool_error!("{error}"))?;
    let part = |name: String| bin.by_name(&name).ok_or_else(|| glib::bool_error!("the ladder has no {name}"));
    for (rendition, lines, _) in &rungs {
        let mux_pad = branch::set_muxer(&part(format!("mux{lines}"))?, *rendition, true, is_live)?;
        branch::take_out(part(format!("out{lines}"))?, &mux_pad, *rendition, true, shared)?;
    }
    let entry = part("in".to_owned())?.static_pad("sink");
    let entry = gst::GhostPad::with_target(&entry.ok_or_else(|| glib::bool_error!("no sink pad"))?)?;
    bin.add_pad(&entry)?;
    pipeline.add(&bin)?;
    bin.sync_state_with_parent()?;
    pad.link(&entry).map_err(|error| glib::bool_error!("{error}"))?;
    Ok(rungs.len())
}
