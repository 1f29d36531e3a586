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
use moothall_transcribe::{Options, Transcriber};
use serde_json::json;

use crate::{config::Settings, progress};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Sound or video of any kind
    file: PathBuf,
    /// Language spoken, as in en or cy [default: found out]
    #[arg(long, value_name = "CODE")]
    language: Option<String>,
    /// Text file of names and words to expect
    #[arg(long, value_name = "FILE")]
    glossary: Option<PathBuf>,
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
    let mut audio = AudioFile::open(&args.file)?;
    let options = Options { mode: settings.mode, language: args.language.clone(), threads: None };
    let transcriber = Transcriber::load(&settings.models(), &settings.model, &options)?;

    let bar =
        progress::bar("Transcribing", audio.duration_ms().and_then(|ms| ms.try_into().ok()).unwrap_or(0));
    let mut stream = transcriber
        .stream(MediaTime::ZERO)
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
    write(args, &render(format, &captions, end, language)?)?;
    Ok(ExitCode::SUCCESS)
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

fn render(format: Format, captions: &[Caption], end: MediaTime, language: Option<&str>) -> Result<String> {
    let cues = captions.iter().map(Cue::from);
    Ok(match format {
        Format::Vtt => vtt::write(None, cues),
        Format::Srt => srt::write(cues),
        Format::Txt => txt::write(cues),
        Format::Json => {
            let transcript = json!({ "duration_ms": end, "language": language, "captions": captions });
            serde_json::to_string_pretty(&transcript)? + "\n"
        }
    })
}

fn write(args: &Args, text: &str) -> Result<()> {
    match &args.output {
        Some(path) => fs::write(path, text).with_context(|| format!("cannot write {}", path.display())),
        None => io::stdout().write_all(text.as_bytes()).context("cannot write to standard output"),
    }
}
