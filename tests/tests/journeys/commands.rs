//! The commands by themselves.

use std::fs;

use moothall_tests::{Home, MINUTE, models_dir, shared_data, speech};
use serde_json::Value;

use crate::fixtures::{fixture, import_meeting};

#[test]
fn transcribe_writes_every_format() {
    if models_dir().is_none() {
        return;
    }
    let home = Home::new();
    let sound = shared_data("audio/jfk.flac").unwrap_or_else(|| speech(&home)).display().to_string();
    let told = home.run(["transcribe", &sound, "--format", "json", "--language", "en"]).ok();
    let transcript: Value = serde_json::from_str(&told.stdout).unwrap();
    assert!(transcript["duration_ms"].as_i64().unwrap() > 5_000, "{transcript:#}");
    assert_eq!(transcript["language"], "en");
    let captions = transcript["captions"].as_array().unwrap();
    let mut spoken = String::new();
    for caption in captions {
        assert!(caption["start_ms"].as_i64().unwrap() < caption["end_ms"].as_i64().unwrap());
        assert!((0.0..=1.0).contains(&caption["confidence"].as_f64().unwrap()));
        for word in caption["words"].as_array().unwrap() {
            assert!(word["start_ms"].as_i64().unwrap() <= word["end_ms"].as_i64().unwrap());
            assert!((0.0..=1.0).contains(&word["confidence"].as_f64().unwrap()));
            spoken += word["text"].as_str().unwrap();
            spoken += " ";
        }
    }
    if sound.ends_with("jfk.flac") {
        assert!(spoken.to_lowercase().contains("what your country can do for you"), "{spoken}");
    }

    let lines = captions[0]["text"].as_str().unwrap();
    let starts = [("vtt", "WEBVTT\n"), ("srt", "1\n00:00:"), ("txt", "")];
    for (ending, start) in starts {
        let out = format!("out.{ending}");
        home.run(["transcribe", &sound, "--language", "en", "-o", &out]).ok();
        let text = fs::read_to_string(home.path(&out)).unwrap();
        assert!(text.starts_with(start), "{text}");
        let as_one_line = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(as_one_line(&text).contains(&as_one_line(lines)), "no {lines:?} in {text}");
        assert_eq!(text.contains("-->"), ending != "txt", "{text}");
    }
}

#[test]
fn transcribe_tells_voices_apart() {
    let (Some(_), Some(sound)) = (models_dir(), shared_data("audio/jfk.flac")) else { return };
    let home = Home::new();
    let sound = sound.display().to_string();
    let told = home.run(["transcribe", &sound, "--speakers", "--language", "en", "--format", "json"]).ok();
    let transcript: Value = serde_json::from_str(&told.stdout).unwrap();
    for list in ["captions", "voices"] {
        let all = transcript[list].as_array().unwrap();
        assert!(!all.is_empty() && all.iter().all(|one| one["speaker"] == "Speaker 1"), "{list}: {all:#?}");
    }
    for voice in transcript["voices"].as_array().unwrap() {
        assert!(voice["start_ms"].as_i64().unwrap() < voice["end_ms"].as_i64().unwrap(), "{voice}");
    }
    let told = home.run(["transcribe", &sound, "--speakers", "--language", "en"]).ok();
    assert!(told.stdout.contains("<v Speaker 1>"), "{}", told.stdout);

    let without = Home::new().with_models(home.path("no-models"));
    without
        .run(["transcribe", &sound, "--speakers"])
        .fails_with(&["speaker-segmentation", "models-from-registry"]);
}

#[test]
fn agenda_tells_what_it_finds_as_json() {
    let home = Home::new();
    let told = home.run(["agenda", &fixture("agenda.txt").display().to_string()]).ok();
    let items: Value = serde_json::from_str(&told.stdout).unwrap();
    let found: Vec<(&str, &str, i64)> = items
        .as_array()
        .unwrap()
        .iter()
        .map(|item| {
            assert_eq!((&item["restricted"], &item["page"]), (&false.into(), &Value::Null));
            let text = |key: &str| item[key].as_str().unwrap();
            (text("number"), text("title"), item["level"].as_i64().unwrap())
        })
        .collect();
    assert_eq!(found[3..5], [("3a", "Mill Lane footbridge", 1), ("3b", "Market Street parking", 1)]);
    let Some(real) = shared_data("agendas/huntsville-2026-07-23-city-council-meeting.pdf") else { return };
    let told = home.run(["agenda", &real.display().to_string()]).ok();
    let items: Value = serde_json::from_str(&told.stdout).unwrap();
    let numbers: Vec<&str> =
        items.as_array().unwrap().iter().map(|item| item["number"].as_str().unwrap()).collect();
    for number in ["1", "6a", "7a", "20e", "23"] {
        assert!(numbers.contains(&number), "no {number} in {numbers:?}");
    }
}

#[test]
fn models_are_listed_and_verified() {
    let Some(_) = models_dir() else { return };
    let home = Home::new();
    let list = home.run(["model", "list"]).ok().stdout;
    for model in ["base", "silero-vad"] {
        let line = list.lines().find(|line| line.starts_with(model));
        assert!(line.is_some_and(|line| line.ends_with("installed")), "{list}");
    }
    let verified = home.run(["model", "verify"]).ok().stdout;
    assert!(verified.contains("base is as it should be"), "{verified}");
    home.run(["model", "verify", "gigantic"]).fails_with(&["gigantic", "base"]);
    let empty = Home::new().with_models(home.path("no-models"));
    empty.run(["model", "verify"]).fails_with(&["moothall model fetch base"]);
    let sound = fixture("agenda.txt").display().to_string();
    empty.run(["transcribe", &sound]).fails_with(&[]);
}

#[test]
fn doctor_finds_a_good_machine_good() {
    if models_dir().is_none() {
        return;
    }
    for home in Home::on_each_database() {
        let port = moothall_tests::free_port();
        home.write("moothall.toml", format!("listen = '127.0.0.1:{port}'\n"));
        let told = home.run(["doctor"]).ok().stdout;
        for part in ["media", "PDF", "storage", "database", "port", "model"] {
            assert!(told.lines().any(|line| line.starts_with("ok") && line.contains(part)), "{told}");
        }
    }
}

#[test]
fn an_unknown_key_of_the_configuration_is_an_error() {
    let home = Home::new();
    home.write("moothall.toml", "databse = 'sqlite:here.db'\n");
    home.run(["migrate"]).fails_with(&["moothall.toml", "databse", "database"]);
    home.write("moothall.toml", "model = 'base'\n");
    home.run(["migrate"]).ok();
    home.run(["migrate", "--config", "elsewhere.toml"]).fails_with(&["elsewhere.toml"]);
}

#[test]
fn the_index_is_built_anew_when_asked_and_when_damaged() {
    let home = Home::new();
    import_meeting(&home, "").ok();
    let told = home.run(["reindex"]).ok();
    assert!(told.stdout.contains("1 meetings indexed"), "{told:?}");

    let files = fs::read_dir(home.data().join("index/current")).unwrap().map(|entry| entry.unwrap().path());
    let store =
        files.into_iter().find(|path| path.extension().is_some_and(|ending| ending == "store")).unwrap();
    let mut bytes = fs::read(&store).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0x40;
    fs::write(&store, bytes).unwrap();
    let server = home.serve();
    assert_eq!(server.found("q=heron")["total"], 1);
    server.wait_for_log("damaged", MINUTE);
    assert!(server.stop());

    fs::remove_dir_all(home.data().join("index")).unwrap();
    assert_eq!(home.serve().found("q=heron")["total"], 1);
}
