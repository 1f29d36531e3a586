use std::{
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use moothall_testkit::shared_data;
use serde_json::Value;

use crate::{Home, time_code};

/// An encoder: ffmpeg that pushes in real time, for ever. It is killed when it is dropped.
pub struct Encoder(Child);

/// Whether an encoder or a file has a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Picture {
    Without,
    /// A test picture with a clock; key frames every two seconds.
    With,
}

impl Encoder {
    /// Pushes the sound of a file over and over.
    pub fn push(sound: &Path, picture: Picture, address: &str) -> Self {
        let mut command = Command::new("ffmpeg");
        command.args(["-nostdin", "-loglevel", "error", "-re", "-stream_loop", "-1", "-i"]).arg(sound);
        match picture {
            Picture::With => {
                command.args(["-re", "-f", "lavfi", "-i", "testsrc=size=320x180:rate=15"]);
                command.args(["-map", "1:v", "-map", "0:a", "-c:v", "libx264", "-preset", "ultrafast"]);
                command.args(["-tune", "zerolatency", "-pix_fmt", "yuv420p", "-g", "30"]);
            }
            Picture::Without => {
                command.args(["-map", "0:a"]);
            }
        }
        Self::start(command, address)
    }

    /// Pushes sound that tells when it was sent (see [`crate::heard`]), and a test picture.
    pub fn push_time(address: &str) -> Self {
        let mut command = Command::new("ffmpeg");
        command.args(["-nostdin", "-loglevel", "error", "-re", "-f", "lavfi", "-i", &time_code::source()]);
        command.args([
            "-re",
            "-f",
            "lavfi",
            "-i",
            "testsrc=size=160x90:rate=10",
            "-map",
            "1:v",
            "-map",
            "0:a",
        ]);
        command.args(["-c:v", "libx264", "-preset", "ultrafast", "-tune", "zerolatency"]);
        command.args(["-pix_fmt", "yuv420p", "-g", "10"]);
        Self::start(command, address)
    }

    /// Pushes a test picture without any sound, in a codec of ffmpeg's.
    pub fn push_picture(codec: &str, address: &str) -> Self {
        let mut command = Command::new("ffmpeg");
        command.args([
            "-nostdin",
            "-loglevel",
            "error",
            "-re",
            "-f",
            "lavfi",
            "-i",
            "testsrc=size=160x90:rate=10",
        ]);
        command.args(["-c:v", codec, "-pix_fmt", "yuv420p", "-g", "10"]);
        Self::start(command, address)
    }

    fn start(mut command: Command, address: &str) -> Self {
        let container = match address {
            address if address.starts_with("rtmp:") => &["flv"][..],
            // Segments of a second, of which the latest ten are kept.
            address if address.ends_with(".m3u8") => {
                &["hls", "-hls_time", "1", "-hls_list_size", "10", "-hls_flags", "delete_segments"]
            }
            _ => &["mpegts"],
        };
        command.args(["-c:a", "aac", "-ar", "48000", "-f"]).args(container).arg(address);
        Self(command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap())
    }

    /// Whether it has given up.
    pub fn has_ended(&mut self) -> bool {
        self.0.try_wait().unwrap().is_some()
    }
}

impl Drop for Encoder {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Makes a file; arguments are separated by spaces.
pub fn ffmpeg(arguments: &str, output: &Path) {
    let made = Command::new("ffmpeg")
        .args(["-nostdin", "-loglevel", "error", "-y"])
        .args(arguments.split_whitespace())
        .arg(output)
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
}

/// What ffprobe reads at an address, as JSON; `timeout` ends it where it waits for more.
pub fn ffprobe(arguments: &str, address: &str) -> Value {
    let read = Command::new("timeout")
        .args(["60", "ffprobe", "-loglevel", "error", "-of", "json"])
        .args(arguments.split_whitespace())
        .arg(address)
        .output()
        .unwrap();
    assert!(read.status.success(), "{address}: {}", String::from_utf8_lossy(&read.stderr));
    serde_json::from_slice(&read.stdout).unwrap()
}

/// Half a minute of somebody speaking: a real recording where there is one, else a voice of flite's.
pub fn speech(home: &Home) -> PathBuf {
    if let Some(real) = shared_data("audio/live.flac") {
        return real;
    }
    let sound = home.path("speech.wav");
    let text = "The committee considered the footbridge at Mill Lane. Members heard that the bridge has been \
                closed since the winter, and that repairs will cost forty thousand pounds. It was agreed that \
                the work should begin in the spring. The next item was parking in Market Street, where \
                residents had asked for shorter hours.";
    let spoken = Command::new("flite").args(["-voice", "rms", "-t", text, "-o"]).arg(&sound).status();
    assert!(spoken.is_ok_and(|status| status.success()), "flite is missing: apt-get install flite");
    sound
}
