//! Media in an object store that cannot be relied upon: nothing is lost, nothing is there twice, and what is
//! only there is played as if it were here.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use moothall_store::JobState;
use moothall_tests::{
    Bucket, Encoder, Home, MINUTE, Manner, Picture, SECOND, Server, ffprobe, free_port, models_dir, speech,
    until,
};

use crate::{
    fixtures::{SLUG, import_film, meeting_id},
    media::duration_ms,
};

/// The files of the one recording, by their paths below its folder, as the store should name them.
fn local_files(recording: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    for folder in [".", "a", "v", "preview"] {
        let Ok(entries) = fs::read_dir(recording.join(folder)) else { continue };
        for path in entries.map(|entry| entry.unwrap().path()).filter(|path| path.is_file()) {
            let name = path.file_name().unwrap().to_str().unwrap();
            let name = if folder == "." { name.to_owned() } else { format!("{folder}/{name}") };
            files.insert(name, fs::read(path).unwrap());
        }
    }
    files
}

fn recording(home: &Home, server: &Server) -> PathBuf {
    home.data().join("media").join(meeting_id(server))
}

/// Whether the store holds exactly these files and nothing else.
fn holds_exactly(bucket: &Bucket, meeting: &str, files: &BTreeMap<String, Vec<u8>>) -> bool {
    let stored = bucket.objects();
    stored.len() == files.len()
        && files.iter().all(|(name, bytes)| {
            stored.get(&format!("{meeting}/{name}")).is_some_and(|stored| stored[..] == bytes[..])
        })
}

/// What the journal in the store tells of is there as it is on the disk: whatever happened in between.
#[track_caller]
fn tells_the_truth(bucket: &Bucket, meeting: &str, files: &BTreeMap<String, Vec<u8>>) {
    let Some(journal) = bucket.object(&format!("{meeting}/journal.jsonl")) else { return };
    for line in journal.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        let line: serde_json::Value = serde_json::from_slice(line).unwrap();
        if line["line"] != "chunk" {
            continue;
        }
        for file in ["file", "init"] {
            let path = format!("{}/{}", line["rendition"].as_str().unwrap(), line[file].as_str().unwrap());
            let stored = bucket.object(&format!("{meeting}/{path}"));
            assert_eq!(stored.as_deref(), files.get(&path).map(Vec::as_slice), "{path}");
        }
    }
}

/// Recordings of which something still has to be copied, with what is in the way.
fn troubles(home: &Home) -> Vec<String> {
    let backlogs = home.database(async |db| db.archive_backlog().await.unwrap());
    backlogs.into_iter().map(|backlog| backlog.trouble).collect()
}

#[test]
fn a_store_that_fails_and_lies_loses_nothing_and_has_nothing_twice() {
    let bucket = Bucket::start(Manner::Fails);
    let home = Home::new().with_variables(bucket.variables());
    import_film(&home).ok();
    let server = Server::start(&home, &["--role", "web,record,work"]);
    let recording = recording(&home, &server);
    let meeting = meeting_id(&server);
    until("the pictures of the recording", MINUTE, || {
        (server.get(&format!("/media/{meeting}/poster.jpg")).status == 200).then_some(())
    });
    let files = local_files(&recording);
    assert!(files.len() > 70, "{:?}", files.keys());
    for (manner, words) in [
        (Manner::Fails, "does not answer"),
        (Manner::Refuses, "refuses access"),
        (Manner::Damages, "other than it was sent"),
        (Manner::CutsOff, "does not answer"),
        (Manner::Shortens, "other than it was sent"),
    ] {
        println!("{manner:?}");
        bucket.treat(manner);
        until("the trouble to be told", MINUTE, || {
            troubles(&home).iter().any(|trouble| trouble.contains(words)).then_some(())
        });
        let waiting = home.database(async |db| db.archive_backlog().await.unwrap());
        assert!(waiting[0].waiting_files > 0 && waiting[0].waiting_bytes > 0, "{waiting:?}");
        assert_eq!(local_files(&recording), files, "nothing is removed from the disk");
        assert!(bucket.object(&format!("{meeting}/journal.jsonl")).is_none(), "nothing is told of");
        let doctor = home.run(["doctor"]);
        assert!(!doctor.success && doctor.stdout.contains(words), "{manner:?}: {doctor:?}");
        assert!(!doctor.stdout.contains("the-access-key"), "{doctor:?}");
    }
    bucket.treat(Manner::Well);
    until("everything to be in the store", MINUTE, || holds_exactly(&bucket, &meeting, &files).then_some(()));
    until("nothing to wait", MINUTE, || troubles(&home).is_empty().then_some(()));
    let doctor = home.run(["doctor"]);
    assert!(doctor.stdout.contains("can be written, read, listed and cleaned"), "{doctor:?}");
    until("the probe to be cleaned away", MINUTE, || holds_exactly(&bucket, &meeting, &files).then_some(()));
    let log = server.log();
    assert!(!log.contains(Bucket::SECRET_KEY) && !log.contains("the-access-key"), "{log}");
    // After a restart it knows without sending anything again.
    let sent = bucket.asked("PUT");
    drop(server);
    let _server = Server::start(&home, &["--role", "web,record"]);
    until("it to look at the store", MINUTE, || (bucket.asked("HEAD") > 0).then_some(()));
    std::thread::sleep(3 * SECOND);
    assert_eq!(bucket.asked("PUT"), sent);
    assert_eq!(local_files(&recording), files, "local copies are kept unless somebody says otherwise");
}

#[test]
fn an_archiver_that_is_killed_goes_on_where_it_was() {
    let bucket = Bucket::start(Manner::Slowly);
    let home = Home::new().with_variables(bucket.variables());
    import_film(&home).ok();
    let mut server = Server::start(&home, &["--role", "web,record"]);
    let meeting = meeting_id(&server);
    let files = local_files(&recording(&home, &server));
    for _ in 0..4 {
        let before = bucket.asked("PUT");
        until("more to be copied", MINUTE, || (bucket.asked("PUT") > before + 5).then_some(()));
        std::thread::sleep(Duration::from_millis(fastrand::u64(..200)));
        server.kill();
        tells_the_truth(&bucket, &meeting, &files);
        assert_eq!(local_files(&home.data().join("media").join(&meeting)), files);
        server.restart(&home);
    }
    until("everything to be in the store", MINUTE, || holds_exactly(&bucket, &meeting, &files).then_some(()));
}

/// A home whose recording is in the store, and on the disk only as far as it has to be.
fn home_without_local_copies(bucket: &Bucket) -> (Home, Server) {
    let keep = ("MOOTHALL_STORAGE_KEEP_DAYS".to_owned(), "0".to_owned());
    let home = Home::new().with_variables(bucket.variables()).with_variables([keep]);
    import_film(&home).ok();
    let server = Server::start(&home, &["--role", "web,record,work"]);
    let recording = recording(&home, &server);
    until("the pictures to be in the store", MINUTE, || {
        bucket.object(&format!("{}/preview/poster.jpg", meeting_id(&server)))
    });
    until("local copies to be removed", MINUTE, || {
        let segments = local_files(&recording).into_keys().filter(|name| name.ends_with(".m4s"));
        // The last of each rendition stays.
        (segments.count() == 2).then_some(())
    });
    (home, server)
}

fn plays(server: &Server, meeting: &str) {
    for rendition in ["v", "a"] {
        let folder = format!("/media/{meeting}/{rendition}");
        let playlist = server.page(&format!("{folder}/index.m3u8"));
        assert!(playlist.contains("#EXT-X-ENDLIST"), "{playlist}");
        for file in playlist.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
            let answer = server.get(&format!("{folder}/{file}"));
            assert_eq!(answer.status, 200, "{file}");
            assert_eq!(answer.headers["cache-control"], "public, max-age=31536000, immutable");
        }
        // Nobody can have the store asked for what no journal tells of.
        assert_eq!(server.get(&format!("{folder}/9-9.m4s")).status, 404);
    }
    let read = ffprobe("-show_format", &format!("{}/media/{meeting}/master.m3u8", server.url));
    assert!((duration_ms(&read) - 70_000).abs() < 300, "{read:#}");
}

#[test]
fn a_recording_is_played_from_the_store() {
    let bucket = Bucket::start(Manner::Well);
    let (home, mut server) = home_without_local_copies(&bucket);
    let meeting = meeting_id(&server);
    plays(&server, &meeting);
    let clip = server.get(&format!("/meetings/{SLUG}/clip.mp4?t=20&to=30"));
    assert_eq!(clip.status, 200, "{}", clip.text());
    let clip = home.write("clip.mp4", clip.body);
    assert!((duration_ms(&ffprobe("-show_format", &clip.display().to_string())) - 10_000).abs() < 2_000);

    // Another machine, that never saw the recording.
    server.kill();
    fs::remove_dir_all(home.data().join("media")).unwrap();
    server.restart(&home);
    plays(&server, &meeting);
    for picture in ["poster.jpg", "storyboard.vtt", "storyboard-0.jpg"] {
        assert_eq!(server.get(&format!("/media/{meeting}/{picture}")).status, 200, "{picture}");
    }

    // The store goes away. What is in memory is still played; the rest is there again when the store is.
    bucket.treat(Manner::Stalls);
    assert_eq!(server.get(&format!("/media/{meeting}/v/1-0.m4s")).status, 200);
    server.kill();
    server.restart(&home);
    for path in ["v/index.m3u8", "poster.jpg"] {
        let answer = server.get(&format!("/media/{meeting}/{path}"));
        assert_eq!(answer.status, 503, "{path}");
        assert_eq!(answer.headers["retry-after"], "5");
        assert!(answer.text().contains("Try again in a few seconds"), "{}", answer.text());
    }
    assert_eq!(server.get(&format!("/meetings/{SLUG}")).status, 200, "the page is there");
    bucket.treat(Manner::Well);
    until("the playlist to be there again", MINUTE, || {
        (server.get(&format!("/media/{meeting}/v/index.m3u8")).status == 200).then_some(())
    });
    bucket.treat(Manner::CutsOff);
    assert_eq!(server.get(&format!("/media/{meeting}/v/1-3.m4s")).status, 503);
    assert_eq!(server.get(&format!("/meetings/{SLUG}/clip.mp4?t=20&to=30")).status, 503);
    bucket.treat(Manner::Well);
    plays(&server, &meeting);

    home.run(["meeting", "withhold", SLUG]).ok();
    until("the recording to be withheld", 2 * SECOND, || {
        (server.get(&format!("/media/{meeting}/v/1-3.m4s")).status == 404).then_some(())
    });
}

#[test]
fn what_is_only_in_the_store_is_written_down_elsewhere() {
    if models_dir().is_none() {
        return;
    }
    let bucket = Bucket::start(Manner::Well);
    let home = Home::new().with_variables(bucket.variables());
    let sound = speech(&home);
    home.import(&format!("--media {} --publish", sound.display())).ok();
    let server = Server::start(&home, &["--role", "web,record"]);
    let meeting = meeting_id(&server);
    let files = local_files(&recording(&home, &server));
    until("everything to be in the store", MINUTE, || holds_exactly(&bucket, &meeting, &files).then_some(()));
    drop(server);
    fs::remove_dir_all(home.data().join("media")).unwrap();
    let server = Server::start(&home, &["--role", "web,work"]);
    let captions = server.transcript(&home, SLUG, 3 * MINUTE);
    assert!(captions.len() > 3, "{captions:?}");
}

/// A live recording is copied while it goes on; nothing of a private session, and nothing that is not aired.
#[test]
fn a_live_recording_is_copied_behind_its_recorder() {
    let bucket = Bucket::start(Manner::Well);
    let home = Home::new().with_variables(bucket.variables());
    home.write("moothall.toml", "[alerts.thresholds]\nbacklog_gib = 0.0001\nlink_s = 2\nover_s = 2\n");
    let sound = speech(&home);
    let port = free_port();
    home.import(&format!("--source srt://0.0.0.0:{port} --air-delay 0")).ok();
    let mut server = Server::start(&home, &["--role", "web,record"]);
    let meeting = meeting_id(&server);
    let recording = recording(&home, &server);
    let address = format!("srt://127.0.0.1:{port}");
    let encoder = Encoder::push(&sound, Picture::With, &address);
    let segments = |bucket: &Bucket| bucket.objects().keys().filter(|name| name.contains("/v/")).count();
    until("some of it to be in the store", MINUTE, || (segments(&bucket) > 3).then_some(()));
    let is_behind = || {
        let findings = home.database(async |db| db.findings_of(meeting.parse().unwrap()).await.unwrap());
        findings.iter().any(|row| row.finding.name() == "upload_backlog" && row.ended_at.is_none())
    };
    bucket.treat(Manner::Fails);
    until("it to be told that copying is behind", MINUTE, || is_behind().then_some(()));
    bucket.treat(Manner::Well);
    until("it to be told that it is so no more", MINUTE, || (!is_behind()).then_some(()));
    server.kill();
    tells_the_truth(&bucket, &meeting, &local_files(&recording));
    drop(encoder);
    server.restart(&home);
    let _encoder = Encoder::push(&sound, Picture::With, &address);
    let of_the_second_run = |bucket: &Bucket| bucket.objects().keys().any(|name| name.contains("/v/2-"));
    until("more of it to be in the store", MINUTE, || of_the_second_run(&bucket).then_some(()));
    home.run(["meeting", "private", SLUG, "--reason", "Schedule 12A, paragraph 3"]).ok();
    until("the recording to rest", MINUTE, || {
        let before = local_files(&recording);
        std::thread::sleep(2 * SECOND);
        (local_files(&recording) == before).then_some(())
    });
    let files = local_files(&recording);
    until("it to be in the store", MINUTE, || {
        let journal = bucket.object(&format!("{meeting}/journal.jsonl"))?;
        (journal[..] == files["journal.jsonl"][..]).then_some(())
    });
    tells_the_truth(&bucket, &meeting, &files);
    home.run(["meeting", "end", SLUG]).ok();
    until("its end to be in the store", MINUTE, || {
        let journal = bucket.object(&format!("{meeting}/journal.jsonl"))?;
        String::from_utf8_lossy(&journal).contains("\"end\"").then_some(())
    });
    tells_the_truth(&bucket, &meeting, &local_files(&recording));
    let jobs = home.database(async |db| db.jobs_of(meeting.parse().unwrap()).await.unwrap());
    assert!(jobs.iter().all(|job| job.state == JobState::Ready), "nobody works here: {jobs:?}");
}
