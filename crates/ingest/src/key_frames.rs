//! Pictures of a recording, made from key frames only, so that little is read and decoded.

use gst::prelude::*;

use crate::{
    frames::{Extent, Frame, Frames, FramesError, PATIENCE, ROUNDING_US, stretches},
    journal::Rendition,
    timeline::{Segment, Timeline},
};

/// Few see the difference to more, and files grow fast beyond it.
const JPEG_QUALITY: i32 = 80;

/// Width and height in pixels; the width is a multiple of four, so that rows have no padding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Size {
    pub width: usize,
    pub height: usize,
}

impl Size {
    fn caps(self) -> gst::Caps {
        gst::Caps::builder("video/x-raw")
            .field("format", "RGB")
            .field("width", self.width as i32)
            .field("height", self.height as i32)
            .field("pixel-aspect-ratio", gst::Fraction::new(1, 1))
            .build()
    }
}

/// Red, green and blue, row by row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Picture {
    pub size: Size,
    pub rgb: Vec<u8>,
}

/// The first key frame of each segment, scaled into `size` with black bars where it has another shape; each
/// with the position of its segment. Segments that cannot be decoded are passed over.
pub(crate) fn key_frames(
    timeline: &Timeline,
    segments: &[Segment],
    size: Size,
) -> Result<Vec<(usize, Picture)>, FramesError> {
    let mut pictures = Vec::new();
    let mut before = 0;
    for stretch in stretches(segments) {
        let frames = Frames::open(timeline, Rendition::Video, stretch, Extent::Head)?;
        let decoded = decode(first_of_each(frames, stretch), size)?;
        pictures.extend(decoded.into_iter().map(|(position, picture)| (before + position, picture)));
        before += stretch.len();
    }
    Ok(pictures)
}

fn first_of_each(
    frames: Frames,
    segments: &[Segment],
) -> impl Iterator<Item = (usize, Frame)> + Send + 'static {
    let starts_us: Vec<i64> = segments.iter().map(|segment| segment.start_us).collect();
    let mut last = None;
    frames.filter(|frame| frame.is_key).filter_map(move |frame| {
        let upto_us = frame.pts_us + ROUNDING_US;
        let position = starts_us.partition_point(|start_us| *start_us <= upto_us).checked_sub(1)?;
        (last.replace(position) != Some(position)).then_some((position, frame))
    })
}

/// `appsrc ! avdec_h264 ! videoconvert ! videoscale ! appsink`; the numbers come out as they went in.
fn decode(
    mut frames: impl Iterator<Item = (usize, Frame)> + Send + 'static,
    size: Size,
) -> Result<Vec<(usize, Picture)>, FramesError> {
    let feed = move |source: &gst_app::AppSrc, _| {
        let pushed = match frames.next() {
            Some((number, frame)) => {
                let mut buffer = frame.buffer;
                let time = gst::ClockTime::from_seconds(number as u64);
                let unshared = buffer.make_mut();
                unshared.set_pts(time);
                unshared.set_dts(time);
                source.set_caps(Some(&frame.caps));
                source.push_buffer(buffer).map(drop)
            }
            None => source.end_of_stream().map(drop),
        };
        // Refused only once nobody wants more.
        let _ = pushed;
    };
    let source = gst_app::AppSrc::builder()
        .format(gst::Format::Time)
        .callbacks(gst_app::AppSrcCallbacks::builder().need_data(feed).build())
        .build();
    let decoder = gst::ElementFactory::make("avdec_h264").build()?;
    let convert = gst::ElementFactory::make("videoconvert").build()?;
    let scale = gst::ElementFactory::make("videoscale").property("add-borders", true).build()?;
    let mut pictures = Vec::new();
    pull(&[source.upcast_ref(), &decoder, &convert, &scale], &size.caps(), |buffer, bytes| {
        if let Some(time) = buffer.pts() {
            pictures.push((time.seconds() as usize, Picture { size, rgb: bytes.to_vec() }));
        }
    })?;
    Ok(pictures)
}

/// The picture as a JPEG file.
pub(crate) fn jpeg(picture: &Picture) -> Result<Vec<u8>, FramesError> {
    let mut caps = picture.size.caps();
    // The encoder asks for a rate even of a single picture.
    caps.make_mut().set("framerate", gst::Fraction::new(0, 1));
    let source = gst_app::AppSrc::builder().format(gst::Format::Time).caps(&caps).build();
    let encoder = gst::ElementFactory::make("jpegenc").property("quality", JPEG_QUALITY).build()?;
    source.push_buffer(gst::Buffer::from_slice(picture.rgb.clone()))?;
    source.end_of_stream()?;
    let mut file = Vec::new();
    let jpeg = gst::Caps::new_empty_simple("image/jpeg");
    pull(&[source.upcast_ref(), &encoder], &jpeg, |_, bytes| file.extend_from_slice(bytes))?;
    if file.is_empty() { Err(FramesError("jpegenc gave nothing".into())) } else { Ok(file) }
}

/// Runs `elements… ! appsink` to its end and hands over all that comes out.
fn pull(
    elements: &[&gst::Element],
    caps: &gst::Caps,
    mut take: impl FnMut(&gst::BufferRef, &[u8]),
) -> Result<(), FramesError> {
    let sink = gst_app::AppSink::builder().sync(false).max_buffers(4).caps(caps).build();
    let pipeline = gst::Pipeline::new();
    let all: Vec<&gst::Element> = elements.iter().copied().chain([sink.upcast_ref()]).collect();
    pipeline.add_many(&all)?;
    gst::Element::link_many(&all)?;
    pipeline.set_state(gst::State::Playing)?;
    while let Some(sample) = sink.try_pull_sample(PATIENCE) {
        if let Some(buffer) = sample.buffer()
            && let Ok(data) = buffer.map_readable()
        {
            take(buffer, &data);
        }
    }
    let ended = sink.is_eos();
    pipeline.set_state(gst::State::Null)?;
    if ended { Ok(()) } else { Err(FramesError("no picture came for a long time".into())) }
}
