use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use gst::{glib, prelude::*};

use super::{
    DemoError,
    elements::{capsfilter, chain, make, pad},
    picture::{FRAME_RATE, HEIGHT, Painter, TEXTS, Text, WIDTH, cue_index},
    script::Script,
    voice::{RATE, Track},
};

/// Samples that are handed to the encoder at once: a tenth of a second.
const BLOCK: usize = RATE as usize / 10;

/// Films the spoken debate as MP4: H.264 with a keyframe every second and no B-frames, so that it can be cut and
/// looped anywhere, and AAC. `progress` gets the finished share, 0 to 1.
pub fn film(
    script: &Script,
    track: &Track,
    out: &Path,
    mut progress: impl FnMut(f64),
) -> Result<(), DemoError> {
    let painter = Painter::new(track);
    let frame_count = painter.frame_count();
    let painted = Arc::new(AtomicUsize::new(0));

    let pipeline = gst::Pipeline::new();
    let muxer = make("mp4mux")?;
    muxer.set_property("faststart", true);
    let file = make("filesink")?;
    file.set_property("location", out);
    pipeline.add_many([&muxer, &file])?;
    muxer.link(&file)?;

    chain(&pipeline, &picture_branch(script, track, painter, painted.clone())?, &muxer)?;
    chain(&pipeline, &sound_branch(track)?, &muxer)?;

    let result = run(&pipeline, || {
        progress(painted.load(Ordering::Relaxed) as f64 / frame_count as f64);
    });
    // Whatever went wrong is already known; a pipeline that cannot stop has nothing to add.
    let _ = pipeline.set_state(gst::State::Null);
    result
}

fn picture_branch(
    script: &Script,
    track: &Track,
    painter: Painter,
    painted: Arc<AtomicUsize>,
) -> Result<Vec<gst::Element>, DemoError> {
    let caps = gst::Caps::builder("video/x-raw")
        .field("format", "BGRx")
        .field("width", WIDTH as i32)
        .field("height", HEIGHT as i32)
        .field("framerate", gst::Fraction::new(FRAME_RATE as i32, 1))
        .build();
    let frame_ns = 1_000_000_000 / u64::from(FRAME_RATE);
    let source = generator(&caps, move || {
        let index = painted.fetch_add(1, Ordering::Relaxed);
        (index < painter.frame_count()).then(|| (painter.frame(index), index as u64 * frame_ns, frame_ns))
    });

    let yuv = capsfilter(gst::Caps::builder("video/x-raw").field("format", "I420").build())?;
    let mut branch = vec![source, make("videoconvert")?, yuv];
    for text in &TEXTS {
        branch.push(overlay(text, script, track)?);
    }
    let encoder = make("x264enc")?;
    encoder.set_property_from_str("speed-preset", "veryfast");
    encoder.set_property_from_str("pass", "qual");
    // Flat colours and sharp letters: 23 shows no blocks.
    encoder.set_property("quantizer", 23_u32);
    encoder.set_property("key-int-max", FRAME_RATE);
    encoder.set_property("bframes", 0_u32);
    // No keyframes at changes of the picture: every second, to the frame.
    encoder.set_property("option-string", "scenecut=0");
    let profile = capsfilter(gst::Caps::builder("video/x-h264").field("profile", "main").build())?;
    branch.extend([encoder, profile, make("h264parse")?]);
    Ok(branch)
}

fn sound_branch(track: &Track) -> Result<Vec<gst::Element>, DemoError> {
    let caps = gst::Caps::builder("audio/x-raw")
        .field("format", "F32LE")
        .field("layout", "interleaved")
        .field("rate", RATE as i32)
        .field("channels", 1)
        .build();
    let samples = track.samples.clone();
    let time_ns = |sample: usize| sample as u64 * 1_000_000_000 / u64::from(RATE);
    let mut start = 0;
    let source = generator(&caps, move || {
        let block = samples.get(start..samples.len().min(start + BLOCK)).filter(|block| !block.is_empty())?;
        let bytes = block.iter().flat_map(|sample| sample.to_le_bytes()).collect();
        let (from, to) = (start, start + block.len());
        start = to;
        Some((bytes, time_ns(from), time_ns(to) - time_ns(from)))
    });
    let encoder = make("avenc_aac")?;
    encoder.set_property("bitrate", 80_000_i32);
    Ok(vec![source, make("audioconvert")?, encoder, make("aacparse")?])
}

/// A source of what `next` makes: bytes, presentation time and duration, both in nanoseconds.
fn generator(
    caps: &gst::Caps,
    mut next: impl FnMut() -> Option<(Vec<u8>, u64, u64)> + Send + 'static,
) -> gst::Element {
    let callbacks = gst_app::AppSrcCallbacks::builder()
        .need_data(move |source, _| {
            // What is refused here is refused because the pipeline stops; its bus says why.
            let _ = match next() {
                None => source.end_of_stream(),
                Some((bytes, pts_ns, duration_ns)) => {
                    let mut buffer = gst::Buffer::from_mut_slice(bytes);
                    if let Some(buffer) = buffer.get_mut() {
                        buffer.set_pts(gst::ClockTime::from_nseconds(pts_ns));
                        buffer.set_duration(gst::ClockTime::from_nseconds(duration_ns));
                    }
                    source.push_buffer(buffer)
                }
            };
        })
        .build();
    let source = gst_app::AppSrc::builder().caps(caps).format(gst::Format::Time).callbacks(callbacks).build();
    source.upcast()
}

/// Writes one text over the picture, whose wording follows the time of each frame.
fn overlay(text: &Text, script: &Script, track: &Track) -> Result<gst::Element, DemoError> {
    let overlay = make("textoverlay")?;
    overlay.set_property("font-desc", text.font);
    overlay.set_property("color", text.argb);
    overlay.set_property("auto-resize", false);
    overlay.set_property("draw-shadow", false);
    overlay.set_property("draw-outline", false);
    overlay.set_property_from_str("valignment", "top");
    overlay.set_property("ypad", text.y);
    if text.centred {
        overlay.set_property_from_str("halignment", "center");
        overlay.set_property("deltax", text.x - WIDTH as i32 / 2);
    } else {
        overlay.set_property_from_str("halignment", "left");
        overlay.set_property_from_str("line-alignment", "left");
        overlay.set_property("xpad", text.x);
    }

    let cues = track.cues.clone();
    let wording: Vec<glib::GString> =
        cues.iter().map(|cue| glib::markup_escape_text(&(text.of)(script, cue))).collect();
    let element = overlay.downgrade();
    pad(&overlay, "video_sink")?.add_probe(gst::PadProbeType::BUFFER, move |_, info| {
        let time_ms = info.buffer().and_then(|buffer| buffer.pts()).map_or(0, |pts| pts.mseconds());
        // Setting the text draws it anew, so only a change is worth it.
        if let (Some(overlay), Some(words)) = (element.upgrade(), wording.get(cue_index(&cues, time_ms)))
            && overlay.property::<Option<glib::GString>>("text").as_ref() != Some(words)
        {
            overlay.set_property("text", words);
        }
        gst::PadProbeReturn::Ok
    });
    Ok(overlay)
}

/// Waits for the end of the pipeline, calling `tick` some times a second.
fn run(pipeline: &gst::Pipeline, mut tick: impl FnMut()) -> Result<(), DemoError> {
    let bus = pipeline.bus().ok_or_else(|| glib::bool_error!("the pipeline has no bus"))?;
    pipeline.set_state(gst::State::Playing)?;
    loop {
        let message = bus.timed_pop_filtered(
            gst::ClockTime::from_mseconds(200),
            &[gst::MessageType::Eos, gst::MessageType::Error],
        );
        match message.as_ref().map(|message| message.view()) {
            Some(gst::MessageView::Eos(_)) => return Ok(()),
            Some(gst::MessageView::Error(error)) => return Err(DemoError::from_message(error)),
            _ => tick(),
        }
    }
}
