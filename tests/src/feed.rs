use std::{
    f64::consts::TAU,
    io::Write,
    process::{Child, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

pub const SAMPLE_RATE: usize = 48_000;
/// What is handed to the encoder at once.
const BLOCK: usize = SAMPLE_RATE / 50;

/// A chamber with an encoder: what is heard changes at once when it is told to, and an encoder that is cut off
/// calls again. Its picture shows the spectrum of the sound, the left edge being 0 Hz and the right one half
/// the sample rate.
pub struct Feed {
    heard: Arc<AtomicUsize>,
    calls: Arc<AtomicUsize>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Feed {
    /// Pushes the first of the sounds, over and over, until another is chosen.
    pub fn push(sounds: Vec<Vec<i16>>, address: &str) -> Self {
        let (heard, calls) = (Arc::<AtomicUsize>::default(), Arc::<AtomicUsize>::default());
        let stop = Arc::<AtomicBool>::default();
        let shared = (Arc::clone(&heard), Arc::clone(&calls), Arc::clone(&stop));
        let address = address.to_owned();
        let thread = Some(thread::spawn(move || {
            let (heard, calls, stop) = shared;
            while !stop.load(Ordering::SeqCst) {
                let mut encoder = encoder(&address);
                calls.fetch_add(1, Ordering::SeqCst);
                feed(&mut encoder, &sounds, &heard, &stop);
                let _ = encoder.kill();
                let _ = encoder.wait();
            }
        }));
        Self { heard, calls, stop, thread }
    }

    /// From now on this one of the sounds is heard.
    pub fn choose(&self, sound: usize) {
        self.heard.store(sound, Ordering::SeqCst);
    }

    /// How many times the encoder has begun to call.
    pub fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }
}

impl Drop for Feed {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn encoder(address: &str) -> Child {
    let mut command = Command::new("ffmpeg");
    command.args(["-loglevel", "error", "-probesize", "32", "-analyzeduration", "0", "-fflags", "nobuffer"]);
    command.args(["-f", "s16le", "-ar", "48000", "-ac", "1", "-i", "-", "-filter_complex"]);
    command.arg(
        "[0:a]asplit[a][b];[b]showfreqs=s=160x96:mode=bar:fscale=lin:ascale=lin,fps=10,format=yuv420p[v]",
    );
    command.args([
        "-map",
        "[v]",
        "-map",
        "[a]",
        "-c:v",
        "libx264",
        "-preset",
        "ultrafast",
        "-tune",
        "zerolatency",
    ]);
    command.args(["-g", "10", "-c:a", "aac", "-f", "mpegts", address]);
    command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

/// As fast as time passes, until the encoder gives up.
fn feed(encoder: &mut Child, sounds: &[Vec<i16>], heard: &AtomicUsize, stop: &AtomicBool) {
    let Some(mut input) = encoder.stdin.take() else { return };
    let mut next = Instant::now();
    let mut position = 0;
    let mut before = heard.load(Ordering::SeqCst);
    while !stop.load(Ordering::SeqCst) {
        let now = heard.load(Ordering::SeqCst);
        if now != before {
            (before, position) = (now, 0);
        }
        let sound = &sounds[now];
        let block: Vec<u8> =
            (0..BLOCK).flat_map(|index| sound[(position + index) % sound.len()].to_le_bytes()).collect();
        position += BLOCK;
        if input.write_all(&block).is_err() {
            return;
        }
        next += Duration::from_millis(20);
        thread::sleep(next.saturating_duration_since(Instant::now()));
    }
}

/// A tone of so many Hertz.
pub fn tone(hertz: f64, duration: Duration) -> Vec<i16> {
    let samples = (duration.as_secs_f64() * SAMPLE_RATE as f64) as usize;
    (0..samples).map(|n| (f64::sin(TAU * hertz * n as f64 / SAMPLE_RATE as f64) * 12_000.0) as i16).collect()
}
