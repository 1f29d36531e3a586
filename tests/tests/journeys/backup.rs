//! A room whose first encoder fails is recorded from its second.

use moothall_tests::{Encoder, Home, MINUTE, Picture, free_port, speech, until};

use crate::{
    fixtures::{SLUG, meeting_id},
    rooms::announce,
};

#[test]
fn a_room_goes_on_with_its_backup_and_says_so() {
    let home = Home::new();
    let sound = speech(&home);
    let (port, backup_port) = (free_port(), free_port());
    let room = |arguments: &[&str]| {
        let all = [&["room", "--council", "ambleford"], arguments].concat();
        home.run(all).ok().stdout
    };
    let (main, backup) = (format!("srt://127.0.0.1:{port}"), format!("srt://127.0.0.1:{backup_port}"));
    let listener = |address: &str| format!("{address}?mode=listener&passphrase=the-heron-walks");
    let told = room(&[
        "add",
        "Chamber",
        "--source",
        &listener(&main),
        "--backup",
        &listener(&backup),
        "--air-delay",
        "0",
    ]);
    assert!(told.contains("its backup:") && told.matches("passphrase=").count() == 2, "{told}");
    let list = || room(&["list"]);
    assert!(
        list().contains(&format!("backup     srt://127.0.0.1:{backup_port}?mode=listener")),
        "{}",
        list()
    );
    announce(&home, SLUG, "chamber").ok();
    let server = home.serve();
    server.wait_for_log("waiting for an encoder", MINUTE);
    let call = |address: &str| {
        Encoder::push(&sound, Picture::With, &format!("{address}?passphrase=the-heron-walks"))
    };
    let first = call(&main);
    until("the first encoder to be recorded", MINUTE, || (server.recorded_ms(SLUG) > 2_000).then_some(()));
    let mut second = call(&backup);
    let state = |wanted: &str| {
        until(wanted, MINUTE, || list().contains(wanted).then_some(()));
    };
    state("recording since");
    drop(first);
    let mut call_again = || {
        if second.has_ended() {
            second = call(&backup);
        }
    };
    until("the backup to be recorded", MINUTE, || {
        call_again();
        list().contains("the backup is recorded").then_some(())
    });
    let check = || home.run(["room", "--council", "ambleford", "check", "chamber"]).stdout;
    until("the backup to be measured", MINUTE, || {
        call_again();
        let told = check();
        (told.contains("ok       sound") && told.contains("warning  encoder   the backup is recorded"))
            .then_some(())
    });
    let before_ms = server.recorded_ms(SLUG);
    until("the recording to go on", MINUTE, || {
        call_again();
        (server.recorded_ms(SLUG) > before_ms + 3_000).then_some(())
    });
    let _first = call(&main);
    until("the first encoder to be recorded again", MINUTE, || {
        (!list().contains("the backup is recorded")).then_some(())
    });
    let before_ms = server.recorded_ms(SLUG);
    until("the recording to go on", MINUTE, || (server.recorded_ms(SLUG) > before_ms + 3_000).then_some(()));
    let playlist = server.page(&format!("/media/{}/a/index.m3u8", meeting_id(&server)));
    assert!(playlist.matches("#EXT-X-DISCONTINUITY\n").count() >= 2, "{playlist}");

    let told = room(&["rotate-key", "chamber", "--backup"]);
    assert!(told.contains(&backup_port.to_string()) && !told.contains("heron"), "{told}");
    room(&["set", "chamber", "--backup", "none"]);
    assert!(!list().contains("backup"), "{}", list());
}
