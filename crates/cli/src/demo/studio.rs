use std::{fs, io, path::Path, path::PathBuf};

use moothall_core::MediaTime;
use serde::{Deserialize, Serialize};

use super::{DemoError, film::film, script::Script, voice};

/// The debate that comes with the program.
const SCRIPT: &str = include_str!("script.toml");

/// Grows with every change that makes the film look or sound different, so that an older one is made anew.
const STUDIO: u32 = 1;

/// Speaking takes about this share of the whole time; filming takes the rest.
const SPEAKING: f64 = 0.2;

/// The film of a debate, and what a clerk would have noted during it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Debate {
    /// MP4 with H.264 and AAC.
    pub media: PathBuf,
    pub duration: MediaTime,
    pub council: String,
    pub committee: String,
    pub title: String,
    /// Plain text: a heading, then one numbered item a line.
    pub agenda_text: String,
    /// When each item was called; items that are only headings are not in it.
    pub items: Vec<ItemMark>,
    /// When each speaker began, in the order of time.
    pub speakers: Vec<SpeakerMark>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ItemMark {
    pub at: MediaTime,
    /// As printed on the agenda.
    pub number: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SpeakerMark {
    pub at: MediaTime,
    pub name: String,
    pub role: String,
}

/// What a finished film was made from, kept beside it.
#[derive(Serialize, Deserialize)]
struct Stamp {
    studio: u32,
    script: String,
    debate: Debate,
}

/// The demo's debate as `debate.mp4` in `dir`, which must exist.
///
/// It is made on the first call, which takes some seconds, and kept; later calls only read what was noted beside
/// it. `progress` gets the finished share, 0 to 1.
pub fn debate(dir: &Path, progress: impl FnMut(f64)) -> Result<Debate, DemoError> {
    produce(SCRIPT, &dir.join("debate.mp4"), progress)
}

fn produce(script_text: &str, media: &Path, mut progress: impl FnMut(f64)) -> Result<Debate, DemoError> {
    let stamp = media.with_extension("json");
    if let Some(debate) = finished(script_text, media, &stamp) {
        progress(1.0);
        return Ok(debate);
    }
    let script = Script::parse(script_text)?;
    let track = voice::speak(&script, |share| progress(share * SPEAKING))?;
    let unfinished = media.with_extension("mp4.part");
    film(&script, &track, &unfinished, |share| progress(SPEAKING + share * (1.0 - SPEAKING)))?;
    fs::rename(&unfinished, media).map_err(|source| file_error(media, source))?;

    let debate = noted(&script, &track, media);
    let text = serde_json::to_string_pretty(&Stamp {
        studio: STUDIO,
        script: script_text.to_owned(),
        debate: debate.clone(),
    });
    let unfinished = media.with_extension("json.part");
    text.map_err(io::Error::from)
        .and_then(|text| fs::write(&unfinished, text))
        .and_then(|()| fs::rename(&unfinished, &stamp))
        .map_err(|source| file_error(&stamp, source))?;
    progress(1.0);
    Ok(debate)
}

/// What is there already, if it was made from this script by this studio. An unreadable stamp is no stamp.
fn finished(script_text: &str, media: &Path, stamp: &Path) -> Option<Debate> {
    let stamp: Stamp = serde_json::from_slice(&fs::read(stamp).ok()?).ok()?;
    let same = stamp.studio == STUDIO && stamp.script == script_text && media.is_file();
    // The directory may have been moved since.
    same.then(|| Debate { media: media.to_owned(), ..stamp.debate })
}

fn noted(script: &Script, track: &voice::Track, media: &Path) -> Debate {
    let mut items: Vec<ItemMark> = Vec::new();
    let mut speakers: Vec<SpeakerMark> = Vec::new();
    for cue in &track.cues {
        let at = MediaTime::from_ms(cue.start_ms.into());
        let number = &script.items[cue.item].number;
        if items.last().is_none_or(|mark| mark.number != *number) {
            items.push(ItemMark { at, number: number.clone() });
        }
        let speaker = &cue.speaker;
        if speakers.last().is_none_or(|mark| mark.name != speaker.name) {
            speakers.push(SpeakerMark { at, name: speaker.name.clone(), role: speaker.role.clone() });
        }
    }
    Debate {
        media: media.to_owned(),
        duration: MediaTime::from_ms(track.duration_ms().into()),
        council: script.council.clone(),
        committee: script.committee.clone(),
        title: script.title.clone(),
        agenda_text: script.agenda_text(),
        items,
        speakers,
    }
}

fn file_error(path: &Path, source: io::Error) -> DemoError {
    DemoError::File { path: path.to_owned(), source }
}

#[cfg(test)]
pub(super) mod tests {
    use std::process::Command;

    use super::*;

    const SHORT: &str = r#"
        council = "Larkbridge Borough Council"
        committee = "Works & Roads Committee"
        title = "Works"
        [speakers.chair]
        name = "Councillor Robin Marsh"
        role = "Chair"
        voice = "rms"
        pitch = 0.9
        colour = [200, 100, 50]
        [speakers.clerk]
        name = "Alex Reed"
        role = "Clerk"
        voice = "awb"
        pitch = 1.1
        colour = [50, 100, 200]
        [[items]]
        number = "1"
        title = "Welcome"
        lines = [{ by = "chair", says = "Good evening." }]
        [[items]]
        number = "2"
        title = "Minutes <draft>"
        lines = [{ by = "clerk", says = "The minutes are ready." }]
    "#;

    /// A debate of two lines, and the directory that holds it; none where flite is not installed.
    pub fn short_debate() -> Option<(tempfile::TempDir, Debate)> {
        gst::init().unwrap();
        let dir = tempfile::tempdir().unwrap();
        match produce(SHORT, &dir.path().join("debate.mp4"), |_| {}) {
            Err(DemoError::FliteMissing) => {
                eprintln!("skipped: {}", DemoError::FliteMissing);
                None
            }
            made => Some((dir, made.unwrap())),
        }
    }

    /// The demo's own debate as it is noted, without its film; none where flite is not installed.
    pub fn the_debate() -> Option<Debate> {
        let script = Script::parse(SCRIPT).unwrap();
        match voice::speak(&script, |_| {}) {
            Err(DemoError::FliteMissing) => {
                eprintln!("skipped: {}", DemoError::FliteMissing);
                None
            }
            spoken => Some(noted(&script, &spoken.unwrap(), Path::new("debate.mp4"))),
        }
    }

    fn probe(media: &Path, arguments: &[&str]) -> serde_json::Value {
        let output = Command::new("ffprobe")
            .args(["-v", "error", "-of", "json"])
            .args(arguments)
            .arg(media)
            .output()
            .unwrap();
        serde_json::from_slice(&output.stdout).unwrap()
    }

    #[test]
    fn a_film_has_what_was_noted() {
        let Some((_dir, debate)) = short_debate() else { return };
        let numbers: Vec<&str> = debate.items.iter().map(|mark| mark.number.as_str()).collect();
        assert_eq!(numbers, ["1", "2"]);
        let names: Vec<&str> = debate.speakers.iter().map(|mark| mark.name.as_str()).collect();
        assert_eq!(names, ["Councillor Robin Marsh", "Alex Reed"]);
        assert!(debate.items[1].at.ms() > 3_000 && debate.items[1].at < debate.duration);

        let streams = probe(&debate.media, &["-show_entries", "stream=codec_name,width,duration"]);
        let streams = streams["streams"].as_array().unwrap().clone();
        let codecs: Vec<&str> = streams.iter().map(|stream| stream["codec_name"].as_str().unwrap()).collect();
        assert_eq!(codecs, ["h264", "aac"]);
        for stream in &streams {
            let seconds: f64 = stream["duration"].as_str().unwrap().parse().unwrap();
            assert!((seconds - debate.duration.seconds()).abs() < 0.1, "{seconds} {}", debate.duration);
        }

        let select = ["-select_streams", "v", "-show_entries", "packet=pts_time,flags"];
        let packets = probe(&debate.media, &select);
        let keyframes = packets["packets"].as_array().unwrap().iter().filter_map(|packet| {
            let key = packet["flags"].as_str()?.starts_with('K');
            key.then(|| packet["pts_time"].as_str()?.parse::<f64>().ok()).flatten()
        });
        let keyframes: Vec<f64> = keyframes.collect();
        assert!(keyframes.len() >= 5);
        for (second, time) in keyframes.iter().enumerate() {
            assert!((time - second as f64).abs() < 0.01, "{keyframes:?}");
        }
    }

    #[test]
    fn a_film_is_made_once_and_anew_for_another_script() {
        let Some((_dir, debate)) = short_debate() else { return };
        fs::write(&debate.media, "kept").unwrap();
        assert_eq!(produce(SHORT, &debate.media, |_| {}).unwrap(), debate);
        assert_eq!(fs::read(&debate.media).unwrap(), b"kept");
        let changed = SHORT.replace("Good evening.", "Good morning to you all.");
        let longer = produce(&changed, &debate.media, |_| {}).unwrap();
        assert!(longer.duration > debate.duration);
        assert!(fs::metadata(&debate.media).unwrap().len() > 10_000);
    }
}
