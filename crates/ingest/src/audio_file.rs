use std::path::{Path, PathBuf};

use gst::prelude::*;
use moothall_core::MediaTime;

use crate::{
    decode::{AudioError, Decoder},
    probe::probe,
};

/// How long a file may take to show its first sound.
const OPEN_TIMEOUT: gst::ClockTime = gst::ClockTime::from_seconds(30);

/// The sound of any media file, block by block, as 16 kHz mono.
pub struct AudioFile {
    path: PathBuf,
    decoder: Decoder,
    duration_ms: Option<i64>,
    broken: Option<String>,
}

/// Consecutive samples and where they stand in their file.
#[derive(Debug, Clone, PartialEq)]
pub struct AudioBlock {
    pub start: MediaTime,
    /// From -1 to 1, at [`crate::SAMPLE_RATE`].
    pub samples: Vec<f32>,
}

impl AudioFile {
    /// # Errors
    /// If the file cannot be read, is no media, or has no sound.
    pub fn open(path: &Path) -> Result<Self, AudioError> {
        let readable = std::fs::File::open(path).and_then(|file| file.metadata());
        let metadata = readable.map_err(|source| AudioError::Read { path: path.to_owned(), source })?;
        if metadata.is_dir() {
            let source = std::io::ErrorKind::IsADirectory.into();
            return Err(AudioError::Read { path: path.to_owned(), source });
        }
        let input = gst::ElementFactory::make("filesrc").property("location", path).build()?;
        let decoder = Decoder::new(&input)?;
        let not_media = |reason: String| AudioError::NotMedia { path: path.to_owned(), reason };
        let waited_for = [gst::MessageType::Error, gst::MessageType::AsyncDone, gst::MessageType::Eos];
        // The bus tells more than the failed change of state does.
        let _ = decoder.pipeline.set_state(gst::State::Paused);
        let message = decoder.bus.timed_pop_filtered(OPEN_TIMEOUT, &waited_for);
        match message.as_ref().map(|message| message.view()) {
            Some(gst::MessageView::AsyncDone(_) | gst::MessageView::Eos(_)) => {}
            // Without any sound the decoder says that it has nothing to do.
            Some(gst::MessageView::Error(_)) if probe(path).is_ok_and(|found| found.audio.is_empty()) => {
                return Err(AudioError::NoAudio { path: path.to_owned() });
            }
            Some(gst::MessageView::Error(error)) => {
                return Err(not_media(error.error().message().to_owned()));
            }
            _ => return Err(not_media("it shows no sound for 30 s".into())),
        }
        let duration_ms =
            decoder.pipeline.query_duration::<gst::ClockTime>().map(|duration| duration.mseconds() as i64);
        decoder
            .pipeline
            .set_state(gst::State::Playing)
            .map_err(|error| AudioError::Pipeline(error.to_string()))?;
        Ok(Self { path: path.to_owned(), decoder, duration_ms, broken: None })
    }

    /// How long the file says it is.
    pub const fn duration_ms(&self) -> Option<i64> {
        self.duration_ms
    }

    /// Why the blocks ended before the file did, once they have; for people.
    pub fn warning(&self) -> Option<String> {
        let reason = self.broken.as_ref()?;
        Some(format!("{} ends early or is damaged: {reason}; what came before is used", self.path.display()))
    }
}

impl Iterator for AudioFile {
    type Item = AudioBlock;

    fn next(&mut self) -> Option<AudioBlock> {
        match self.decoder.next() {
            Some((start_us, samples)) => {
                Some(AudioBlock { start: MediaTime::from_ms(start_us / 1_000), samples })
            }
            None => {
                self.broken = self.broken.take().or_else(|| self.decoder.error());
                None
            }
        }
    }
}
