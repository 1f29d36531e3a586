//! What a visitor sees and presses, in a real browser.

use moothall_tests::{
    Browser, Encoder, Home, MINUTE, Picture, SECOND, Server, free_port, models_dir, speech, until,
};

use crate::fixtures::{SLUG, import_film};

/// A film of the meeting's length, with its captions.
fn archived() -> (Home, Server) {
    let home = Home::new();
    import_film(&home).ok();
    let server = home.serve();
    server.found("q=heron");
    (home, server)
}

/// Presses Play until it runs, then waits until the player is between two times, in seconds.
#[track_caller]
pub fn plays(browser: &Browser, from: f64, to: f64) {
    browser.until("document.readyState === 'complete'", MINUTE);
    browser.until(
        &format!(
            "(() => {{ const player = document.querySelector('video, audio'); \
             if (player.paused) player.play().catch(() => undefined); \
             return !player.paused && player.currentTime > {from} && player.currentTime < {to}; }})()"
        ),
        MINUTE,
    );
    let at = "document.querySelector('video, audio').currentTime";
    let before = browser.value(at).as_f64().unwrap();
    browser.until(&format!("{at} > {before} + 0.5"), MINUTE);
}

#[test]
fn an_archived_meeting_plays_from_the_moment_that_is_asked_for() {
    let (_home, server) = archived();
    let browser = Browser::open(1280, 900);
    browser.go(&format!("{}/meetings/{SLUG}", server.url));
    plays(&browser, 0.2, 12.0);
    // The line that is being said is marked.
    browser.until("document.querySelector('.mh-caption[aria-current]') !== null", 20 * SECOND);

    browser.press(".mh-caption[data-start='32250']");
    plays(&browser, 32.2, 40.0);
    browser
        .until("document.querySelector('.mh-caption[aria-current]').dataset.start === '32250'", 20 * SECOND);
    browser.press(".mh-item a[data-start='14000']");
    plays(&browser, 13.9, 25.0);

    browser.go(&format!("{}/meetings/{SLUG}?t=46.75", server.url));
    plays(&browser, 46.7, 60.0);
    let first = browser.value("document.querySelector('video').played.start(0)").as_f64().unwrap();
    assert!((46.0..47.5).contains(&first), "it began to play at {first} s");
}

#[test]
fn a_search_result_plays_its_second() {
    let (_home, server) = archived();
    let browser = Browser::open(1280, 900);
    browser.go(&server.url);
    browser.value("document.querySelector('#q').value = 'heron walk'");
    browser.press("form[role=search] button");
    browser.until("location.pathname === '/search'", 20 * SECOND);
    browser.press(".mh-result__link");
    browser.until(&format!("location.pathname === '/meetings/{SLUG}'"), 20 * SECOND);
    plays(&browser, 26.3, 40.0);
    let first = browser.value("document.querySelector('video').played.start(0)").as_f64().unwrap();
    assert!((26.0..27.5).contains(&first), "it began to play at {first} s");
    assert_eq!(browser.value("document.querySelector(':target').dataset.start"), "26400");
}

#[test]
fn nothing_is_wider_than_a_small_telephone() {
    let (_home, server) = archived();
    let browser = Browser::open(320, 640);
    let transcript = format!("/meetings/{SLUG}/transcript");
    let meeting = format!("/meetings/{SLUG}");
    let pages = [
        "/",
        "/meetings",
        &meeting,
        &transcript,
        "/search",
        "/search?q=footbridge",
        "/committees/planning-committee",
        "/no-such-page",
    ];
    for page in pages {
        browser.go(&format!("{}{page}", server.url));
        browser.until("document.readyState === 'complete'", MINUTE);
        assert_eq!(browser.value("window.innerWidth"), 320, "{page}");
        let width = browser.value("document.documentElement.scrollWidth").as_u64().unwrap();
        assert!(width <= 320, "{page} is {width} pixels wide");
        assert!(
            browser
                .value("document.querySelector('h1').getBoundingClientRect().width > 0")
                .as_bool()
                .unwrap()
        );
    }
}

#[test]
fn a_live_meeting_plays_and_its_transcript_grows() {
    let home = Home::new();
    let sound = speech(&home);
    let port = free_port();
    home.import(&format!("--source srt://0.0.0.0:{port}")).ok();
    let server = home.serve();
    server.wait_for_log("waiting for an encoder", MINUTE);
    let _encoder = Encoder::push(&sound, Picture::With, &format!("srt://127.0.0.1:{port}"));
    until("the meeting to be live", MINUTE, || {
        let meeting = server.json(&format!("/api/v1/meetings/{SLUG}"));
        (meeting["state"] == "live" && meeting["media"]["duration_ms"].as_i64() > Some(4_000)).then_some(())
    });
    let browser = Browser::open(1280, 900);
    browser.go(&format!("{}/meetings/{SLUG}", server.url));
    assert_eq!(browser.value("document.querySelector('#state').textContent"), "Live");
    plays(&browser, 0.2, f64::MAX);
    // It goes on past what was there when the page was opened.
    let at = "document.querySelector('video').currentTime";
    let before = browser.value(at).as_f64().unwrap();
    browser.until(&format!("{at} > {before} + 8"), MINUTE);
    if models_dir().is_some() {
        let captions = "document.querySelectorAll('.mh-caption').length";
        let before = browser.value(captions).as_u64().unwrap();
        browser.until(&format!("{captions} > {before}"), 2 * MINUTE);
    }
}
