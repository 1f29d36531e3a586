/// Elements that the pipelines are made of, and the Debian package that holds each.
const ELEMENTS: [(&str, &str); 43] = [
    ("filesrc", CORE),
    ("queue", CORE),
    ("fakesink", CORE),
    ("capsfilter", CORE),
    ("appsrc", BASE),
    ("appsink", BASE),
    ("parsebin", BASE),
    ("decodebin", BASE),
    ("videoconvert", BASE),
    ("audioconvert", BASE),
    ("audioresample", BASE),
    ("typefind", CORE),
    ("qtdemux", GOOD),
    ("matroskademux", GOOD),
    ("flacparse", GOOD),
    ("deinterlace", GOOD),
    ("clocksync", CORE),
    ("flvdemux", GOOD),
    ("rtspsrc", GOOD),
    ("rtph264depay", GOOD),
    ("rtpmp4gdepay", GOOD),
    ("webrtcbin", BAD),
    ("nicesrc", "gstreamer1.0-nice"),
    ("dtlssrtpdec", BAD),
    ("srtpdec", BAD),
    ("rtpopusdepay", GOOD),
    ("udpsrc", GOOD),
    ("souphttpsrc", GOOD),
    ("hlsdemux", BAD),
    ("srtsrc", BAD),
    ("tsdemux", BAD),
    ("h264parse", BAD),
    ("h264timestamper", BAD),
    ("aacparse", GOOD),
    ("x264enc", "gstreamer1.0-plugins-ugly"),
    ("avenc_aac", "gstreamer1.0-libav"),
    ("avdec_aac", "gstreamer1.0-libav"),
    ("avdec_h264", "gstreamer1.0-libav"),
    ("filesink", CORE),
    ("videoscale", BASE),
    ("mp4mux", GOOD),
    ("lamemp3enc", GOOD),
    ("jpegenc", GOOD),
];
const CORE: &str = "libgstreamer1.0-0";
const BASE: &str = "gstreamer1.0-plugins-base";
const GOOD: &str = "gstreamer1.0-plugins-good";
const BAD: &str = "gstreamer1.0-plugins-bad";

/// Why nothing can be recorded or read on this machine.
#[derive(Debug, thiserror::Error)]
pub enum IngestError {
    #[error("gstreamer does not start: {0}")]
    Start(String),
    #[error(
        "the gstreamer element {element} is missing: install the Debian package {package} \
         (apt-get install {package})"
    )]
    MissingElement { element: &'static str, package: &'static str },
}

/// Whether one of the elements that the pipelines need is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ElementStatus {
    pub element: &'static str,
    /// The Debian package that holds it.
    pub package: &'static str,
    pub present: bool,
}

/// Starts GStreamer, registers the muxer that is linked into this program, and looks for every element that
/// the pipelines need. Calling it again does no harm.
///
/// # Errors
/// [`IngestError::MissingElement`] names the first element that is not there and its package.
pub fn init() -> Result<(), IngestError> {
    start()?;
    match required_elements().into_iter().find(|status| !status.present) {
        Some(ElementStatus { element, package, .. }) => Err(IngestError::MissingElement { element, package }),
        None => Ok(()),
    }
}

/// Every element that the pipelines need; all are absent where GStreamer itself does not start.
pub fn required_elements() -> Vec<ElementStatus> {
    let started = start().is_ok();
    ELEMENTS
        .into_iter()
        .map(|(element, package)| ElementStatus {
            element,
            package,
            present: started && gst::ElementFactory::find(element).is_some(),
        })
        .collect()
}

fn start() -> Result<(), IngestError> {
    gst::init().map_err(|error| IngestError::Start(error.to_string()))?;
    gstfmp4::plugin_register_static().map_err(|error| IngestError::Start(error.to_string()))
}
