use gst::{glib, prelude::*};

use super::DemoError;

/// Every element that the demo uses, with the Debian package that holds it.
const PACKAGES: [(&str, &str); 7] = [
    ("avenc_aac", "gstreamer1.0-libav"),
    ("h264parse", "gstreamer1.0-plugins-bad"),
    ("mp4mux", "gstreamer1.0-plugins-good"),
    ("mpegtsmux", "gstreamer1.0-plugins-bad"),
    ("qtdemux", "gstreamer1.0-plugins-good"),
    ("srtsink", "gstreamer1.0-plugins-bad"),
    ("x264enc", "gstreamer1.0-plugins-ugly"),
];

/// A new element, or the name of the package to install.
pub fn make(element: &'static str) -> Result<gst::Element, DemoError> {
    gst::ElementFactory::make(element).build().map_err(|_| {
        let known = PACKAGES.iter().find(|(name, _)| *name == element);
        let package = known.map_or("gstreamer1.0-plugins-base", |(_, package)| *package);
        DemoError::ElementMissing { element, package }
    })
}

pub fn capsfilter(caps: gst::Caps) -> Result<gst::Element, DemoError> {
    let filter = make("capsfilter")?;
    filter.set_property("caps", caps);
    Ok(filter)
}

/// Adds the elements to the pipeline and links them one after the other, the last one to `end`.
pub fn chain(
    pipeline: &gst::Pipeline,
    elements: &[gst::Element],
    end: &gst::Element,
) -> Result<(), glib::BoolError> {
    pipeline.add_many(elements)?;
    gst::Element::link_many(elements.iter().chain([end]))
}

/// The pad of that name, which the element is known to have.
pub fn pad(element: &gst::Element, name: &str) -> Result<gst::Pad, glib::BoolError> {
    element.static_pad(name).ok_or_else(|| glib::bool_error!("{} has no pad {name}", element.name()))
}
