//! Who speaks when, by the sound of the voices alone: nobody is named by it.
//!
//! Every five seconds a window of ten is heard. In it at most three people are told apart ([`segmentation`]);
//! the voice of each is made a vector ([`embedding`]), and the vectors of all windows are put together by
//! likeness ([`clusters`]). Of who speaks when, the middle half of each window is kept.

mod clusters;
mod embedding;
mod filter_bank;
mod floor;
mod segmentation;

use std::{
    num::NonZero,
    sync::atomic::{AtomicUsize, Ordering},
    thread,
};

use moothall_core::MediaTime;
use tract_onnx::prelude::TractError;

pub use self::floor::{Change, floor};
use self::{
    clusters::{cluster, dot, normalised},
    embedding::Embedding,
    segmentation::{Activity, PEOPLE, Segmentation, frame_at, starts_at},
};
use crate::{ModelError, Models, SAMPLE_RATE_HZ, SAMPLES_PER_MS};

/// The names of the two models that this needs.
pub const MODELS: [&str; 2] = ["speaker-segmentation", "speaker-embedding"];

const WINDOW_SAMPLES: usize = 10 * SAMPLE_RATE_HZ;
const HOP_SAMPLES: usize = 5 * SAMPLE_RATE_HZ;
/// The part of a window that is kept begins here: at its edges the model knows least.
const EDGE_SAMPLES: usize = (WINDOW_SAMPLES - HOP_SAMPLES) / 2;
/// Windows for each thread at once.
const WINDOWS_PER_THREAD: usize = 12;
/// A voice is known by so much of it alone; less only finds the nearest that is known.
const ALONE_SAMPLES: usize = SAMPLE_RATE_HZ;
/// Less than this is a cough, or a word that runs over.
const SHORTEST_SAMPLES: usize = SAMPLE_RATE_HZ / 4;
/// Times of blocks of sound are rounded; from here on something is missing between two.
const GAP_MS: i64 = 100;
/// A shorter pause does not end what somebody says.
const PAUSE_MS: i64 = 300;

#[derive(Debug, thiserror::Error)]
pub enum VoicesError {
    #[error(transparent)]
    Model(#[from] ModelError),
    /// The file passed its checksum but cannot be run: a fault of this program's build.
    #[error("a model of voices cannot be run: {0}")]
    Run(String),
    #[error("a thread that listened to voices stopped unexpectedly")]
    Panicked,
}

impl From<TractError> for VoicesError {
    fn from(error: TractError) -> Self {
        Self::Run(format!("{error:#}"))
    }
}

/// What a voice of the public record is called while nobody has named it; `voice` counts from 0.
pub fn name(voice: usize) -> String {
    format!("Speaker {}", voice + 1)
}

/// One voice speaks, maybe together with others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spoken {
    pub start_ms: MediaTime,
    pub end_ms: MediaTime,
    /// Counted from 0 in the order in which voices are first heard.
    pub voice: usize,
}

/// The models, loaded.
#[derive(Debug)]
pub struct Voices {
    segmentation: Segmentation,
    embedding: Embedding,
    threads: usize,
}

impl Voices {
    /// Loads both models and checks their files first. `threads`: `None` for as many as the machine has cores.
    pub fn load(models: &Models, threads: Option<NonZero<usize>>) -> Result<Self, VoicesError> {
        let [segmentation, embedding] = MODELS;
        let threads = threads.or_else(|| thread::available_parallelism().ok()).map_or(1, NonZero::get);
        Ok(Self {
            segmentation: Segmentation::load(&models.path(segmentation)?)?,
            embedding: Embedding::load(&models.path(embedding)?)?,
            threads,
        })
    }

    pub fn listener(&self) -> Listener<'_> {
        Listener {
            voices: self,
            start: MediaTime::ZERO,
            pending: Vec::new(),
            is_first: true,
            windows: Vec::new(),
        }
    }

    fn window(&self, start: MediaTime, samples: &[f32], kept: (usize, usize)) -> Result<Window, VoicesError> {
        let mut filled = samples.to_vec();
        filled.resize(WINDOW_SAMPLES, 0.0);
        let mut activity = self.segmentation.activity(&filled)?;
        // Behind the end of the sound there is nobody.
        if samples.len() < WINDOW_SAMPLES {
            activity[frame_at(samples.len())..].fill(0);
        }
        let mut people: [Option<Person>; PEOPLE] = Default::default();
        if activity.iter().any(|&speaking| speaking != 0) {
            let heard = self.embedding.hear(samples)?;
            for (index, person) in people.iter_mut().enumerate() {
                let bit = 1 << index;
                let length = |counts: &dyn Fn(u8) -> bool| {
                    segmentation::samples(activity.iter().filter(|&&frame| counts(frame)).count())
                };
                let speaks = |speaking: u8| speaking & bit != 0;
                let alone = |speaking: u8| speaking == bit;
                if length(&speaks) < SHORTEST_SAMPLES {
                    continue;
                }
                let is_known = length(&alone) >= ALONE_SAMPLES;
                let embedding = if is_known {
                    self.embedding.embed(&heard, &activity, alone)
                } else {
                    self.embedding.embed(&heard, &activity, speaks)
                };
                *person = embedding.map(|embedding| Person { embedding, is_known });
            }
        }
        Ok(Window { start, activity, kept: (frame_at(kept.0), frame_at(kept.1)), people })
    }
}

/// Somebody in a window.
struct Person {
    embedding: Vec<f32>,
    /// Enough of the voice was heard alone to tell it from others.
    is_known: bool,
}

struct Window {
    start: MediaTime,
    activity: Activity,
    /// The first and the last frame that count.
    kept: (usize, usize),
    people: [Option<Person>; PEOPLE],
}

/// Listens to one recording from its start; in memory are a few minutes of sound and, for each hour of speech,
/// about 2 MB of what was heard.
pub struct Listener<'a> {
    voices: &'a Voices,
    /// When the first of `pending` was heard.
    start: MediaTime,
    pending: Vec<f32>,
    /// Nothing of what is pending has been in a window yet.
    is_first: bool,
    windows: Vec<Window>,
}

impl Listener<'_> {
    /// Takes sound of which the first sample was heard at `start`; where it does not follow what came before,
    /// there is a gap.
    pub fn push(&mut self, start: MediaTime, samples: &[f32]) -> Result<(), VoicesError> {
        let end = self.start + (self.pending.len() / SAMPLES_PER_MS) as i64;
        if self.pending.is_empty() || (start - end).abs() > GAP_MS {
            self.flush()?;
            self.start = start;
        }
        self.pending.extend_from_slice(samples);
        let full = self.full_windows();
        if full >= WINDOWS_PER_THREAD * self.voices.threads {
            self.hear(full, false)?;
        }
        Ok(())
    }

    /// Up to where everything was heard.
    pub fn position(&self) -> MediaTime {
        self.start
    }

    /// Who spoke when in all that was pushed, by the start.
    pub fn finish(mut self) -> Result<Vec<Spoken>, VoicesError> {
        self.flush()?;
        Ok(spoken(&self.windows))
    }

    /// Windows that have all their sound, and sound behind them, so that they are not the last.
    fn full_windows(&self) -> usize {
        (self.pending.len().saturating_sub(WINDOW_SAMPLES)).div_ceil(HOP_SAMPLES)
    }

    fn flush(&mut self) -> Result<(), VoicesError> {
        if !self.pending.is_empty() {
            self.hear(self.full_windows() + 1, true)?;
            self.pending.clear();
            self.is_first = true;
        }
        Ok(())
    }

    /// Hears the first `count` windows of what is pending, on all threads.
    fn hear(&mut self, count: usize, is_end: bool) -> Result<(), VoicesError> {
        let next = AtomicUsize::new(0);
        let one = |index: usize| {
            let from = index * HOP_SAMPLES;
            let samples = &self.pending[from..self.pending.len().min(from + WINDOW_SAMPLES)];
            let kept_from = if self.is_first && index == 0 { 0 } else { EDGE_SAMPLES };
            let kept_to =
                if is_end && index + 1 == count { WINDOW_SAMPLES } else { EDGE_SAMPLES + HOP_SAMPLES };
            self.voices.window(self.start + (from / SAMPLES_PER_MS) as i64, samples, (kept_from, kept_to))
        };
        let work = || {
            let mut heard = Vec::new();
            loop {
                let index = next.fetch_add(1, Ordering::Relaxed);
                if index >= count {
                    return Ok(heard);
                }
                heard.push((index, one(index)?));
            }
        };
        let parts: Vec<Result<Vec<(usize, Window)>, VoicesError>> = thread::scope(|scope| {
            let running: Vec<_> = (0..self.voices.threads.min(count)).map(|_| scope.spawn(work)).collect();
            running.into_iter().map(|part| part.join().unwrap_or(Err(VoicesError::Panicked))).collect()
        });
        let mut heard: Vec<(usize, Window)> = Vec::with_capacity(count);
        for part in parts {
            heard.extend(part?);
        }
        heard.sort_by_key(|(index, _)| *index);
        self.windows.extend(heard.into_iter().map(|(_, window)| window));
        if !is_end {
            self.pending.drain(..count * HOP_SAMPLES);
            self.start = self.start + (count * HOP_SAMPLES / SAMPLES_PER_MS) as i64;
            self.is_first = false;
        }
        Ok(())
    }
}

/// Gives each person of each window a voice, and joins what the windows say.
fn spoken(windows: &[Window]) -> Vec<Spoken> {
    let people = || windows.iter().flat_map(|window| window.people.iter().flatten());
    // Where nobody spoke long enough, what there is must do.
    let none_is_known = !people().any(|person| person.is_known);
    let is_known = |person: &Person| person.is_known || none_is_known;
    let known: Vec<&[f32]> =
        people().filter(|person| is_known(person)).map(|person| person.embedding.as_slice()).collect();
    let clustered = cluster(&known);
    let voices = typical(&known, &clustered);
    let mut clustered = clustered.into_iter();
    let mut found: Vec<Spoken> = Vec::new();
    for window in windows {
        let mut voice_of: [Option<usize>; PEOPLE] = [None; PEOPLE];
        for (voice, person) in voice_of.iter_mut().zip(&window.people) {
            if person.as_ref().is_some_and(is_known) {
                *voice = clustered.next();
            }
        }
        for index in 0..PEOPLE {
            if let (None, Some(person)) = (voice_of[index], &window.people[index]) {
                // Two people of one window are never the same.
                let free = (0..voices.len()).filter(|voice| !voice_of.contains(&Some(*voice)));
                let likeness = |voice: &usize| dot(&voices[*voice], &person.embedding);
                voice_of[index] = free.max_by(|one, two| likeness(one).total_cmp(&likeness(two)));
            }
        }
        for (index, voice) in voice_of.into_iter().enumerate() {
            let Some(voice) = voice else { continue };
            found.extend(window.runs(1 << index).map(|(start_ms, end_ms)| Spoken {
                start_ms,
                end_ms,
                voice,
            }));
        }
    }
    found.sort_by_key(|spoken| spoken.start_ms);
    in_order(joined(found))
}

/// The mean of each voice's embeddings.
fn typical(embeddings: &[&[f32]], voices: &[usize]) -> Vec<Vec<f32>> {
    let count = voices.iter().max().map_or(0, |last| last + 1);
    let mut sums: Vec<Vec<f32>> = vec![Vec::new(); count];
    for (embedding, &voice) in embeddings.iter().zip(voices) {
        sums[voice].resize(embedding.len(), 0.0);
        for (sum, value) in sums[voice].iter_mut().zip(*embedding) {
            *sum += value;
        }
    }
    sums.into_iter().map(normalised).collect()
}

impl Window {
    /// From when to when somebody speaks in the part that counts.
    fn runs(&self, bit: u8) -> impl Iterator<Item = (MediaTime, MediaTime)> {
        let (first, last) = self.kept;
        let mut runs = Vec::new();
        let mut began: Option<usize> = None;
        for frame in first..=last + 1 {
            let speaks = frame <= last && self.activity[frame] & bit != 0;
            match began {
                None if speaks => began = Some(frame),
                Some(start) if !speaks => {
                    began = None;
                    let at = |frame: usize| self.start + (starts_at(frame) / SAMPLES_PER_MS) as i64;
                    runs.push((at(start), at(frame)));
                }
                _ => {}
            }
        }
        runs.into_iter()
    }
}

/// What one voice says with short pauses is one.
fn joined(found: Vec<Spoken>) -> Vec<Spoken> {
    let mut joined: Vec<Spoken> = Vec::with_capacity(found.len());
    for next in found {
        match joined.iter_mut().rev().find(|last| last.voice == next.voice) {
            Some(last) if next.start_ms - last.end_ms <= PAUSE_MS => {
                last.end_ms = last.end_ms.max(next.end_ms)
            }
            _ => joined.push(next),
        }
    }
    joined
}

/// Counts voices in the order in which they are first heard.
fn in_order(mut found: Vec<Spoken>) -> Vec<Spoken> {
    let mut order: Vec<usize> = Vec::new();
    for spoken in &mut found {
        let known = order.iter().position(|&voice| voice == spoken.voice);
        spoken.voice = known.unwrap_or_else(|| {
            order.push(spoken.voice);
            order.len() - 1
        });
    }
    found
}
