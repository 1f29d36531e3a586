//! Several processes on one installation, and the death of one of them.

use moothall_store::JobState;
use moothall_tests::{Home, MINUTE, Server, models_dir, shared_data, speech, until};
use serde_json::Value;

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
    }
}

/// The state of the one job that a meeting has.
fn state(home: &Home, slug: &str) -> JobState {
    let jobs = home.database(async |db| {
        let meeting = db.meeting_by_slug(slug).await.unwrap().unwrap();
        db.jobs_of(meeting.id).await.unwrap()
    });
    assert_eq!(jobs.len(), 1, "{jobs:?}");
    jobs[0].state
}

fn nothing_is_there_twice(captions: &[Value]) {
    let times: Vec<(i64, i64)> = captions
        .iter()
        .map(|caption| (caption["start_ms"].as_i64().unwrap(), caption["end_ms"].as_i64().unwrap()))
        .collect();
    assert!(times.windows(2).all(|pair| pair[0].1 <= pair[1].0), "captions overlap: {times:?}");
}
