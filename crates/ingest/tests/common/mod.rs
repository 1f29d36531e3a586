//! Synthetic media, and ways to look at what was recorded.
#![expect(clippy::unwrap_used, reason = "a test")]
#![expect(dead_code, reason = "each test binary uses its own part of this")]

use std::{
    net::{TcpListener, UdpSocket},
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    sync::{Arc, mpsc},
    thread::JoinHandle,
    time::{Duration, Instant},
};

use chrono::{DateTime, Utc};
use gst::prelude::*;
use moothall_core::Clock;
use moothall_ingest::*;

/// A picture and a tone, in H.264 with a key frame a second and AAC.
pub const H264_AAC: &str = "videotestsrc num-buffers={frames} ! video/x-raw,format=I420,width=320,height=180,framerate=25/1 \
    ! x264enc key-int-max=25 speed-preset=ultrafast ! h264parse ! queue ! {mux} name=mux ! filesink location={path} \
    audiotestsrc samplesperbuffer=960 num-buffers={blocks} ! audio/x-raw,rate=48000,channels=2 ! avenc_aac \
    ! aacparse ! queue ! mux.";
pub const AAC: &str = "audiotestsrc samplesperbuffer=960 num-buffers={blocks} ! audio/x-raw,rate=48000,channels=1 \
    ! avenc_aac ! aacparse ! {mux} ! filesink location={path}";
pub const H264: &str = "videotestsrc num-buffers={frames} ! video/x-raw,format=I420,width=320,height=180,framerate=25/1 \
    ! x264enc key-int-max=25 speed-preset=ultrafast ! h264parse ! {mux} ! filesink location={path}";
pub const VP8_OPUS: &str = "videotestsrc num-buffers={frames} ! video/x-raw,format=I420,width=320,height=180,framerate=25/1 \
    ! vp8enc deadline=1 ! queue ! {mux} name=mux ! filesink location={path} \
    audiotestsrc samplesperbuffer=960 num-buffers={blocks} ! audio/x-raw,rate=48000,channels=2 ! opusenc ! queue ! mux.";

/// Makes a file by a description with places for its length, muxer and path.
pub fn make(dir: &Path, name: &str, description: &str, mux: &str, seconds: u32) -> PathBuf {
    init().unwrap();
    let path = dir.join(name);
    let description = description
        .replace("{frames}", &(seconds * 25).to_string())
        .replace("{blocks}", &(seconds * 50).to_string())
        .replace("{mux}", mux)
        .replace("{path}", path.to_str().unwrap());
    run(&description);
    path
}

/// Runs a pipeline of gst-launch's language to its end.
pub fn run(description: &str) {
    let pipeline = gst::parse::launch(description).unwrap();
    pipeline.set_state(gst::State::Playing).unwrap();
    let ends = [gst::MessageType::Eos, gst::MessageType::Error];
    let message = pipeline.bus().unwrap().timed_pop_filtered(gst::ClockTime::from_seconds(120), &ends);
    pipeline.set_state(gst::State::Null).unwrap();
    match message.expect("the pipeline ends").view() {
        gst::MessageView::Eos(_) => {}
        other => panic!("{description}: {other:?}"),
    }
}

/// Runs ffmpeg, for media that GStreamer does not make as others do.
pub fn ffmpeg(arguments: &[&str], path: &Path) {
    let mut ffmpeg = Command::new("timeout");
    ffmpeg.args(["60", "ffmpeg", "-loglevel", "error", "-y"]).args(arguments).arg(path);
    assert!(ffmpeg.status().unwrap().success(), "{arguments:?}");
}

/// Kills its process when the test ends, however it ends.
pub struct Process(pub Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Of UDP and of TCP.
pub fn free_port() -> u16 {
    loop {
        let port = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

pub const PICTURE: &str = "testsrc=size=320x180:rate=25";
pub const TONE: &str = "sine=frequency=440:sample_rate=48000";

/// An encoder that pushes for so many seconds, as fast as time passes.
pub fn push(address: &str, seconds: u32, streams: &[&str]) -> Process {
    encode(seconds, streams, &["-f", "mpegts", address])
}

/// An encoder of H.264 and AAC that goes as fast as time passes.
pub fn encode(seconds: u32, streams: &[&str], output: &[&str]) -> Process {
    let mut ffmpeg = Command::new("ffmpeg");
    ffmpeg.args(["-loglevel", "error", "-re"]);
    let duration = seconds.to_string();
    for stream in streams {
        ffmpeg.args(["-f", "lavfi", "-t", &duration, "-i", stream]);
    }
    ffmpeg.args(["-c:v", "libx264", "-preset", "ultrafast", "-tune", "zerolatency", "-g", "25"]);
    ffmpeg.args(["-pix_fmt", "yuv420p", "-c:a", "aac"]).args(output);
    Process(ffmpeg.stdin(Stdio::null()).stderr(Stdio::null()).spawn().unwrap())
}

pub fn epoch() -> DateTime<Utc> {
    "2026-07-23T22:30:00Z".parse().unwrap()
}

pub fn options() -> RecordOptions {
    RecordOptions {
        rank: Rank::Main,
        ladder: false,
        clock: Clock::System,
        file_epoch: epoch(),
        no_stream_after: Duration::from_secs(10),
        private_network: true,
        meter: None,
        switchboard: None,
    }
}

/// A recorder on a thread of its own.
pub struct Recorder {
    heard: mpsc::Receiver<Progress>,
    stop: StopHandle,
    thread: JoinHandle<Result<Summary, RecordError>>,
}

impl Recorder {
    pub fn start(source: &str, dir: &Path, options: RecordOptions) -> Self {
        let recording = Recording::open(dir, &options.clock, None);
        Self::start_on(recording.map(Arc::new), source, options)
    }

    /// Of one source of a recording that may have another.
    pub fn start_on(
        recording: Result<Arc<Recording>, RecordError>,
        source: &str,
        options: RecordOptions,
    ) -> Self {
        Self::start_from(recording, source.parse().unwrap(), options)
    }

    pub fn start_from(
        recording: Result<Arc<Recording>, RecordError>,
        source: Source,
        options: RecordOptions,
    ) -> Self {
        init().unwrap();
        let (told, heard) = mpsc::channel();
        let stop = StopHandle::default();
        let stopping = stop.clone();
        let thread = std::thread::spawn(move || {
            let recorded = recording?.record(&source, &options, &stopping, |progress| {
                let _ = told.send(progress);
            });
            // Whoever waits for more learns why none comes.
            recorded.inspect_err(|error| eprintln!("the recorder ended: {error}"))
        });
        Self { heard, stop, thread }
    }

    /// Waits for what happens next of its kind.
    pub fn wait_for<T>(&self, what: &str, mut wanted: impl FnMut(Progress) -> Option<T>) -> T {
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            match self.heard.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(progress) => {
                    if let Some(found) = wanted(progress) {
                        return found;
                    }
                }
                Err(error) => panic!("waited in vain for {what}: {error}"),
            }
        }
    }

    pub fn wait_until_listening(&self) {
        self.wait_for("listening", |progress| matches!(progress, Progress::Listening { .. }).then_some(()));
    }

    pub fn wait_until_recorded(&self, ms: i64) {
        self.wait_for("media", |progress| match progress {
            Progress::Recorded { end, .. } if end.ms() >= ms => Some(()),
            _ => None,
        });
    }

    pub fn refusal(&self) -> String {
        self.wait_for("a refusal", |progress| match progress {
            Progress::Refused { remedy } => Some(remedy),
            _ => None,
        })
    }

    pub fn notice(&self) -> String {
        self.wait_for("a notice", |progress| match progress {
            Progress::Notice { text } => Some(text),
            _ => None,
        })
    }

    pub fn end(self) -> Result<Summary, RecordError> {
        self.thread.join().unwrap()
    }

    pub fn stop(self) -> Summary {
        self.stop.stop();
        self.end().unwrap()
    }
}

pub fn soon() -> RecordOptions {
    RecordOptions { no_stream_after: Duration::from_secs(3), ..options() }
}

/// Both renditions are whole, in the given number of runs, and play.
pub fn assert_recorded(dir: &Path, runs: u32) -> Timeline {
    let timeline = Timeline::open(dir).unwrap();
    for rendition in Rendition::ORIGINAL {
        let segments = timeline.segments(rendition);
        for run in 1..=runs {
            let of_run: Vec<Segment> =
                segments.iter().filter(|segment| segment.run == run).cloned().collect();
            assert!(!of_run.is_empty(), "nothing of run {run} in {segments:?}");
            let later: Vec<Segment> =
                of_run.iter().map(|segment| Segment { discontinuity: false, ..segment.clone() }).collect();
            assert_continuous(&later);
        }
        assert_eq!(segments.iter().filter(|segment| segment.discontinuity).count(), runs as usize - 1);
    }
    finish(dir).unwrap();
    let timeline = Timeline::open(dir).unwrap();
    write_playlists(&timeline);
    for (folder, codec) in [("v", "h264"), ("a", "aac")] {
        let playlist = dir.join(folder).join("index.m3u8");
        let streams = ffprobe(&playlist, &["-show_entries", "stream=codec_name"]);
        assert!(streams.split_whitespace().all(|line| line == codec) && streams.contains(codec), "{streams}");
    }
    timeline
}

pub fn record_file(path: &Path, dir: &Path) -> Result<Summary, RecordError> {
    init().unwrap();
    record(&Source::File(path.to_owned()), dir, &options(), &StopHandle::default(), |_| {})
}

/// Records a file as a recording that is over.
pub fn recorded(path: &Path, dir: &Path) -> Timeline {
    let summary = record_file(path, dir).unwrap();
    assert_eq!((summary.ending, summary.warnings), (Ending::SourceEnded, vec![]));
    finish(dir).unwrap();
    Timeline::open(dir).unwrap()
}

/// Writes the playlists beside the segments, as a web server would serve them.
pub fn write_playlists(timeline: &Timeline) {
    std::fs::write(timeline.dir().join("master.m3u8"), master_playlist(timeline).unwrap()).unwrap();
    for rendition in timeline.renditions() {
        let path = timeline.dir().join(rendition.folder()).join("index.m3u8");
        std::fs::write(path, media_playlist(timeline, rendition).unwrap()).unwrap();
    }
}

/// ffprobe, which would wait for minutes on a playlist without an end.
pub fn ffprobe(path: &Path, arguments: &[&str]) -> String {
    let output = Command::new("timeout")
        .args(["60", "ffprobe", "-v", "error", "-of", "csv=p=0", "-allowed_extensions", "ALL"])
        .args(arguments)
        .arg(path)
        .output()
        .unwrap();
    said(&output)
}

fn said(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// Each segment follows the one before without gap or overlap of more than a sample or two.
pub fn assert_continuous(segments: &[Segment]) {
    for pair in segments.windows(2) {
        let gap_us = pair[1].start_us - (pair[0].start_us + pair[0].duration_us);
        assert!(gap_us.abs() <= 1_000, "{gap_us} µs between {:?} and {:?}", pair[0], pair[1]);
        assert!(!pair[1].discontinuity);
    }
}

/// Polls until it is so.
pub fn wait_until(what: &str, mut so: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !so() {
        assert!(Instant::now() < deadline, "waited in vain for {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

pub fn shared_data(name: &str) -> Option<PathBuf> {
    let shared =
        std::env::var_os("MOOTHALL_SHARED").map_or_else(|| PathBuf::from("../../../shared"), PathBuf::from);
    let path = shared.join("data").join(name);
    if path.exists() {
        return Some(path);
    }
    eprintln!("skipped: {} is not there (set MOOTHALL_SHARED)", path.display());
    None
}
