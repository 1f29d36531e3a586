//! Captions while a meeting goes on, and what becomes of links to them.

use std::collections::HashSet;

use moothall_tests::{Browser, Encoder, Home, MINUTE, Picture, Server, free_port, models_dir, speech, until};
use serde_json::Value;

use crate::{
    fixtures::{SLUG, artefact},
    watching::plays,
};

#[test]
fn live_captions_are_in_the_picture_and_their_links_last() {
    if models_dir().is_none() {
        return;
    }
    let home = Home::new();
    let sound = speech(&home);
    let address = format!("srt://127.0.0.1:{}", free_port());
    home.import(&format!("--air-delay 0 --source {address}?mode=listener")).ok();
    let mut server = home.serve();
    server.wait_for_log("waiting for an encoder", MINUTE);
    let encoder = Encoder::push(&sound, Picture::With, &address);
    until("something to be recorded", MINUTE, || (server.recorded_ms(SLUG) > 4_000).then_some(()));
    let browser = Browser::open(320, 640);
    let page = format!("{}/meetings/{SLUG}", server.url);
    browser.go(&page);
    plays(&browser, 0.2, f64::MAX);
    browser.value("document.querySelector('video').textTracks[0].mode = 'showing'");
    let shown = "document.querySelector('video').textTracks[0].activeCues?.[0]?.text";
    // Kept at once: a moment later it may be gone.
    browser.until(&format!("(window.shown = {shown}) !== undefined"), MINUTE);
    browser.keep_picture(&artefact("live-captions-320.png"));
    // What is in the picture is on the page, and found.
    let words = browser.value("window.shown").as_str().unwrap().split(' ').next().unwrap().to_owned();
    browser.until(&format!("document.querySelector('#turns').textContent.includes('{words}')"), MINUTE);
    server.found("q=duties");

    // So do the files for players of their own.
    let media = server.media(SLUG);
    until("captions in the playlist", MINUTE, || {
        let playlist = server.get(&format!("{media}/t/index.m3u8")).text();
        let mut files = playlist.lines().filter(|line| line.ends_with(".vtt"));
        files.any(|file| server.page(&format!("{media}/t/{file}")).contains(" --> ")).then_some(())
    });

    // A worker that is killed goes on where it was.
    server.kill();
    server.restart(&home);
    let before = captions(&server).len();
    drop(encoder);
    let _encoder = Encoder::push(&sound, Picture::With, &address);
    until("more captions", 2 * MINUTE, || (captions(&server).len() > before + 1).then_some(()));
    let live = captions(&server);
    let ends: Vec<(i64, i64)> =
        live.iter().map(|row| (row["start_ms"].as_i64().unwrap(), row["end_ms"].as_i64().unwrap())).collect();
    assert!(ends.windows(2).all(|pair| pair[0].1 <= pair[1].0), "captions overlap: {ends:?}");

    home.run(["meeting", "end", SLUG]).ok();
    home.run(["meeting", "publish", SLUG]).ok();
    let better = server.transcript(&home, SLUG, 2 * MINUTE);
    let known: HashSet<&str> = better
        .iter()
        .flat_map(|row| row["former_ids"].as_array().unwrap().iter().chain([&row["id"]]))
        .map(|id| id.as_str().unwrap())
        .collect();
    let lost: Vec<&Value> = live.iter().filter(|row| !known.contains(row["id"].as_str().unwrap())).collect();
    assert!(lost.is_empty(), "nothing leads from {lost:#?}");

    // A player that knows nothing of this page shows them.
    browser.go(&page);
    plays(&browser, 0.2, f64::MAX);
    browser.value(&format!(
        "void import(performance.getEntriesByType('resource').map(entry => entry.name).find(name => /hls-/.test(name))) \
         .then(({{ default: Hls }}) => {{ \
             const video = window.plain = document.createElement('video'); video.muted = true; \
             const hls = new Hls(); hls.loadSource('{media}/master.m3u8'); hls.attachMedia(video); \
             hls.on(Hls.Events.MANIFEST_PARSED, () => {{ hls.subtitleTrack = 0; video.play(); }}); }})"
    ));
    browser.until(
        "[...(window.plain?.textTracks ?? [])].some(track => { track.mode = 'showing'; return track.activeCues?.length > 0; })",
        MINUTE,
    );

    // A link to what was said live still opens the right words.
    let linked = &live[2];
    let (id, t) = (linked["id"].as_str().unwrap(), linked["start_ms"].as_f64().unwrap() / 1_000.0);
    browser.go(&format!("{page}?t={t:.3}#c-{id}"));
    browser.until("document.readyState === 'complete'", MINUTE);
    let target = browser.value("document.querySelector(':target').closest('.mh-caption').textContent");
    let words = |text: &str| -> HashSet<String> {
        text.to_lowercase().split_whitespace().map(str::to_owned).collect()
    };
    let (now, then) = (words(target.as_str().unwrap()), words(linked["text"].as_str().unwrap()));
    assert!(now.intersection(&then).count() * 2 >= then.len().min(now.len()), "{then:?} became {now:?}");
}

fn captions(server: &Server) -> Vec<Value> {
    let transcript = server.json(&format!("/api/v1/meetings/{SLUG}/transcript"));
    transcript["captions"].as_array().unwrap().clone()
}
