//! Several processes on one installation, and the death of one of them.

use moothall_store::{Job, JobKind, JobState};
use moothall_tests::{Home, MINUTE, Server, models_dir, shared_data, speech, until};
use serde_json::Value;

use crate::fixtures::SLUG;

#[test]
fn a_worker_that_is_killed_leaves_its_work_to_the_other() {
    if models_dir().is_none() {
        return;
    }
    for home in Home::on_each_database() {
        let sound = shared_data("audio/meeting-2min.flac").unwrap_or_else(|| speech(&home));
        for slug in ["first", "second"] {
            home.import(&format!("--slug {slug} --media {} --publish", sound.display())).ok();
        }
        let pages = Server::start(&home, &["--role", "web,record"]);
        let mut doomed = Server::start_without_pages(&home, &["--role", "work"]);
        let _other = Server::start_without_pages(&home, &["--role", "work"]);
        until("both to be at work", MINUTE, || {
            let states = ["first", "second"].map(|slug| state(&home, slug));
            (states == [JobState::Running; 2]).then_some(())
        });
        doomed.kill();

        let is_done = |slug| jobs(&home, slug).iter().all(|job: &Job| job.state == JobState::Done);
        until("all work to be done", 5 * MINUTE, || (is_done("first") && is_done("second")).then_some(()));
        let transcripts = ["first", "second"].map(|slug| pages.transcript(&home, slug, 5 * MINUTE));
        for (slug, captions) in ["first", "second"].into_iter().zip(&transcripts) {
            nothing_is_there_twice(captions);
            let media = &pages.json(&format!("/api/v1/meetings/{slug}"))["media"];
            let duration_ms = media["duration_ms"].as_i64().unwrap();
            let last_ms = captions.last().unwrap()["end_ms"].as_i64().unwrap();
            assert!(last_ms > duration_ms - 20_000, "{slug} ends at {last_ms} of {duration_ms} ms");
        }
        // Both are of one recording: whoever wrote them, the words are the same.
        let texts =
            transcripts.map(|captions| captions.iter().map(|caption| caption["text"].clone()).collect());
        let [first, second]: [Vec<Value>; 2] = texts;
        assert_eq!(first, second);
        let [first, second] = ["first", "second"].map(|slug| speakers(&pages, slug));
        assert!(first.contains(&"Speaker 2".to_owned()), "{first:?}");
        assert_eq!(first, second);
    }
}

#[test]
fn captions_that_come_while_a_transcription_waits_are_kept() {
    if models_dir().is_none() {
        return;
    }
    let home = Home::new();
    home.import(&format!("--media {} --publish", speech(&home).display())).ok();
    let captions = home.write("made.vtt", "WEBVTT\n\n00:01.000 --> 00:09.000\nWritten by a stenographer.\n");
    home.import(&format!("--captions {}", captions.display())).ok();
    let server = home.serve();
    let kept = server.transcript(&home, SLUG, 2 * MINUTE);
    assert_eq!(
        kept.iter().map(|row| row["text"].as_str().unwrap()).collect::<Vec<_>>(),
        ["Written by a stenographer."]
    );
}

#[test]
fn each_passage_keeps_its_language() {
    let (Some(_), Some(sound)) = (models_dir(), shared_data("audio/multilingual.mp3")) else { return };
    let home = Home::new();
    home.import(&format!("--media {} --publish", sound.display())).ok();
    let server = home.serve();
    let captions = server.transcript(&home, SLUG, 2 * MINUTE);
    let said = |language: &str| {
        let own = captions.iter().filter(|caption| caption["language"] == language);
        own.map(|caption| caption["text"].as_str().unwrap().replace('\n', " ")).collect::<Vec<_>>().join(" ")
    };
    let (english, german) = (said("en").to_lowercase(), said("de").to_lowercase());
    assert!(english.contains("permission is hereby granted"), "{captions:#?}");
    assert!(german.contains("jede") && german.contains("diese"), "{captions:#?}");
    assert!(captions.iter().all(|caption| ["en", "de"].contains(&caption["language"].as_str().unwrap())));
    assert!(server.page(&format!("/meetings/{SLUG}")).contains(" lang=\"de\""));
    let vtt = server.page(&format!("/meetings/{SLUG}/transcript.vtt"));
    assert!(vtt.contains("<lang "), "{vtt}");
}

/// The state of the job that writes a meeting down.
fn state(home: &Home, slug: &str) -> JobState {
    let jobs = jobs(home, slug);
    let transcriptions: Vec<&Job> = jobs.iter().filter(|job| job.kind == JobKind::Transcribe).collect();
    assert_eq!(transcriptions.len(), 1, "{jobs:?}");
    transcriptions[0].state
}

fn jobs(home: &Home, slug: &str) -> Vec<Job> {
    home.database(async |db| {
        let meeting = db.meeting_by_slug(slug).await.unwrap().unwrap();
        db.jobs_of(meeting.id).await.unwrap()
    })
}

/// Who has each turn, one after the other.
fn speakers(pages: &Server, slug: &str) -> Vec<String> {
    let transcript = pages.json(&format!("/api/v1/meetings/{slug}/transcript"));
    let turns = transcript["turns"].as_array().unwrap();
    turns.iter().map(|turn| turn["speaker"]["name"].as_str().unwrap_or_default().to_owned()).collect()
}

fn nothing_is_there_twice(captions: &[Value]) {
    let times: Vec<(i64, i64)> = captions
        .iter()
        .map(|caption| (caption["start_ms"].as_i64().unwrap(), caption["end_ms"].as_i64().unwrap()))
        .collect();
    assert!(times.windows(2).all(|pair| pair[0].1 <= pair[1].0), "captions overlap: {times:?}");
}
