use std::{
    fs,
    io::{self, Write},
    path::PathBuf,
    process::ExitCode,
};

use anyhow::{Context, Result};
use clap::ValueEnum;
use moothall_core::{
    Caption, MediaTime,
    formats::{Cue, srt, txt, vtt},
};
use moothall_ingest::AudioFile;
use moothall_transcribe::{
    Options, Transcriber,
    voices::{self, Change, Spoken, Voices},
};
use serde_json::json;

use crate::{config::Settings, progress};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Sound or video of any kind
    file: PathBuf,
    /// Language spoken, as in en or cy [default: found out, from passage to passage]
    #[arg(long, value_name = "CODE")]
    language: Option<String>,
    /// Text file of names and words to expect
    #[arg(long, value_name = "FILE")]
    glossary: Option<PathBuf>,
    /// Tell the voices apart: Speaker 1, Speaker 2
    #[arg(long)]
    speakers: bool,
    /// [default: by the ending of --output, else vtt]
    #[arg(long, value_enum)]
    format: Option<Format>,
    /// [default: standard output]
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Format {
    Vtt,
    Srt,
    Txt,
    Json,
}

pub fn run(settings: &Settings, args: &Args) -> Result<ExitCode> {
    moothall_ingest::init()?;
    let format = args.format.unwrap_or_else(|| by_ending(args));
    let spoken = args.speakers.then(|| listen(settings, args)).transpose()?;
    let changes = spoken.as_deref().map(voices::floor).unwrap_or_default();
    let mut audio = AudioFile::open(&args.file)?;
    let options = Options { mode: settings.mode, language: args.language.clone(), threads: None };
    let transcriber = Transcriber::load(&settings.models(), &settings.model, &options)?;

    let bar = progress::bar("Transcribing", length(&audio));
    let mut stream = transcriber
        .stream(MediaTime::ZERO)
        .with_breaks(changes.iter().map(|change| change.at).collect())
        .with_progress(Box::new(|at: MediaTime| bar.set_position(at.ms().unsigned_abs())));
    if let Some(file) = &args.glossary {
        let glossary = fs::read_to_string(file)
            .with_context(|| format!("cannot read the glossary {}", file.display()))?;
        stream = stream.with_prompt(&glossary)?;
    }
    let mut captions = Vec::new();
    let mut end = MediaTime::ZERO;
    for block in audio.by_ref() {
        // Where a file has a hole in its sound, times would slip: silence fills it.
        let hole_ms = block.start - end;
        if hole_ms > 0 {
            captions.extend(stream.push(&silence(hole_ms))?);
        }
        end = block.start.max(end) + duration_ms(&block.samples);
        captions.extend(stream.push(&block.samples)?);
    }
    captions.extend(stream.flush()?);
    let language = stream.language();
    drop(stream);
    bar.finish_and_clear();
    if let Some(warning) = audio.warning() {
        eprintln!("warning: {warning}");
    }
    for caption in &mut captions {
        caption.speaker = voice_of(caption, &changes).map(voices::name);
    }
    let text = match format {
        Format::Json => json(&captions, spoken.as_deref(), end, language)?,
        Format::Vtt => {
            vtt::write(None, captions.iter().map(|caption| Cue::from(caption).in_file_of(language)))
        }
        Format::Srt => srt::write(captions.iter().map(Cue::from)),
        Format::Txt => txt::write(captions.iter().map(Cue::from)),
    };
    write(args, &text)?;
    Ok(ExitCode::SUCCESS)
}

/// Which voice speaks when, by a first hearing of the whole file.
fn listen(settings: &Settings, args: &Args) -> Result<Vec<Spoken>> {
    let voices = Voices::load(&settings.models(), None)?;
    let mut listener = voices.listener();
    let audio = AudioFile::open(&args.file)?;
    let bar = progress::bar("Listening to the voices", length(&audio));
    for block in audio {
        listener.push(block.start, &block.samples)?;
        bar.set_position(listener.position().ms().unsigned_abs());
    }
    let spoken = listener.finish()?;
    bar.finish_and_clear();
    Ok(spoken)
}

fn voice_of(caption: &Caption, changes: &[Change]) -> Option<usize> {
    let middle_ms = i64::midpoint(caption.start_ms.ms(), caption.end_ms.ms());
    let after = changes.partition_point(|change| change.at.ms() <= middle_ms);
    changes[..after].last().and_then(|change| change.voice)
}

/// In milliseconds; 0 where the file does not say.
fn length(audio: &AudioFile) -> u64 {
    audio.duration_ms().and_then(|ms| ms.try_into().ok()).unwrap_or(0)
}

const SAMPLES_PER_MS: i64 = moothall_ingest::SAMPLE_RATE as i64 / 1_000;

fn silence(ms: i64) -> Vec<f32> {
    vec![0.0; usize::try_from(ms * SAMPLES_PER_MS).unwrap_or(0)]
}

fn duration_ms(samples: &[f32]) -> i64 {
    samples.len() as i64 / SAMPLES_PER_MS
}

fn by_ending(args: &Args) -> Format {
    let ending =
        args.output.as_ref().and_then(|output| output.extension()).and_then(|ending| ending.to_str());
    ending.and_then(|ending| Format::from_str(ending, true).ok()).unwrap_or(Format::Vtt)
}

fn json(
    captions: &[Caption],
    spoken: Option<&[Spoken]>,
    end: MediaTime,
    language: Option<&str>,
) -> Result<String> {
    let mut transcript = json!({ "duration_ms": end, "language": language, "captions": captions });
    if let Some(spoken) = spoken {
        // Unlike a caption, which has one speaker, these may overlap.
        let voice = |spoken: &Spoken| json!({ "start_ms": spoken.start_ms, "end_ms": spoken.end_ms, "speaker": voices::name(spoken.voice) });
        transcript["voices"] = spoken.iter().map(voice).collect();
    }
    Ok(serde_json::to_string_pretty(&transcript)? + "\n")
}

fn write(args: &Args, text: &str) -> Result<()> {
    match &args.output {
        Some(path) => fs::write(path, text).with_context(|| format!("cannot write {}", path.display())),
        None => io::stdout().write_all(text.as_bytes()).context("cannot write to standard output"),
    }
}
