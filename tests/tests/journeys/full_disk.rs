//! A disk that is full.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use moothall_tests::{
    Browser, Encoder, Home, MINUTE, Tireless, aired_until_ms, ffmpeg, free_port, heard, runs, segments, until,
};

use crate::{
    encoders::wait_until_told,
    fixtures::{SLUG, import_meeting},
    on_time::{holes, on_time},
    rooms::{announce, room},
    watching::plays,
};

/// A small file system in memory, unmounted in the end.
struct SmallDisk(PathBuf);

impl SmallDisk {
    /// Prints why and returns none where this user may not mount.
    fn mount(path: PathBuf, size: &str) -> Option<Self> {
        fs::create_dir_all(&path).unwrap();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={size}"), "tmpfs"])
            .arg(&path)
            .output()
            .unwrap();
        if mounted.status.success() {
            return Some(Self(path));
        }
        eprintln!("left out: no small disk can be mounted: {}", String::from_utf8_lossy(&mounted.stderr));
        None
    }
}

impl SmallDisk {
    /// Fills it up but for so many bytes.
    fn leave(&self, filler: &Path, bytes: u64) {
        fs::write(filler, vec![0; (self.free() - bytes) as usize]).unwrap();
    }

    fn free(&self) -> u64 {
        let free =
            Command::new("df").args(["--output=avail", "--block-size=1"]).arg(&self.0).output().unwrap();
        String::from_utf8(free.stdout).unwrap().lines().last().unwrap().trim().parse().unwrap()
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(&self.0).status();
    }
}

#[test]
fn a_full_disk_is_told_and_room_mends_it() {
    let home = Home::new();
    let film = home.path("film.mp4");
    ffmpeg(
        "-f lavfi -i testsrc=size=640x360:rate=25:duration=30 -f lavfi -i sine=frequency=440:duration=30 \
         -c:v libx264 -preset ultrafast -b:v 3M -minrate 3M -maxrate 3M -bufsize 1M -x264-params nal-hrd=cbr \
         -pix_fmt yuv420p -g 50 -c:a aac",
        &film,
    );
    assert!(film.metadata().unwrap().len() > 6_000_000);
    let Some(disk) = SmallDisk::mount(home.data().join("media"), "4m") else { return };
    let arguments = format!("--media {}", film.display());
    import_meeting(&home, &arguments).fails_with(&["the disk is full", "make room", "media"]);
    // What came before the media is there, and the pages show it.
    let server = home.serve();
    assert!(server.page(&format!("/meetings/{SLUG}")).contains("heron walk"));
    let enlarged = Command::new("mount").args(["-o", "remount,size=64m"]).arg(&disk.0).status().unwrap();
    assert!(enlarged.success());
    home.import(&arguments).ok();
    let media = server.json(&format!("/api/v1/meetings/{SLUG}"))["media"].clone();
    assert!(media["duration_ms"].as_i64().unwrap() > 29_000, "{media}");
    // The server lets go of the disk before it is unmounted.
    drop(server);
}

#[test]
fn a_disk_that_is_full_in_mid_meeting_is_told_and_viewers_lose_nothing() {
    let home = Home::new();
    let Some(disk) = SmallDisk::mount(home.data().join("media"), "4m") else { return };
    let address = format!("srt://127.0.0.1:{}", free_port());
    let source = format!("{address}?mode=listener&passphrase=the-heron-walks");
    room(&home, &["add", "Chamber", "--air-delay", "0", "--source", &source]).ok();
    announce(&home, SLUG, "chamber").ok();
    let server = home.serve();
    let encoder =
        Tireless::start(move || Encoder::push_time(&format!("{address}?passphrase=the-heron-walks")));
    until("something to be recorded", MINUTE, || (server.recorded_ms(SLUG) > 4_000).then_some(()));
    let browser = Browser::open(1280, 900);
    browser.go(&format!("{}/meetings/{SLUG}", server.url));
    let video = "document.querySelector('video')";
    plays(&browser, 0.2, f64::MAX);

    let filler = disk.0.join("filler");
    disk.leave(&filler, 200 << 10);
    wait_until_told(&home, "chamber", &["failed", "the disk is full: make room for", "media"]);
    // What was recorded before is served as ever, and the program goes on.
    let sound = format!("{}/a", server.media(SLUG));
    let before = segments(&server, &sound);
    let aired_ms = aired_until_ms(&server, &sound).unwrap();
    for segment in &before {
        assert_eq!(server.get(&format!("{sound}/{}", segment.file)).status, 200, "{}", segment.file);
    }
    assert!(server.page(&format!("/meetings/{SLUG}")).contains("data-live"));
    wait_until_told(&home, "chamber", &["the disk is full", "viewers see it from memory"]);
    // Whoever watches goes on watching, and all of it is there.
    let at = browser.value(&format!("{video}.currentTime")).as_f64().unwrap();
    browser.until(&format!("{video}.currentTime > {at} + 15"), MINUTE);
    let meanwhile = segments(&server, &sound);
    assert_eq!(meanwhile[..before.len()], before);
    assert!(aired_until_ms(&server, &sound).unwrap() > aired_ms + 10_000);
    for segment in &meanwhile {
        assert_eq!(server.get(&format!("{sound}/{}", segment.file)).status, 200, "{}", segment.file);
    }
    assert!(holes(&heard(&server, &sound, &meanwhile)).is_empty());
    assert!(disk.free() < 64 << 10, "the disk took {} bytes less", disk.free());

    fs::remove_file(&filler).unwrap();
    wait_until_told(&home, "chamber", &["recording"]);
    browser.until(&format!("{video}.currentTime > {at} + 25"), MINUTE);
    assert_eq!(browser.value("document.querySelector('#message').textContent"), "");
    home.run(["meeting", "end", SLUG]).ok();
    home.run(["meeting", "publish", SLUG]).ok();
    until("the recording to end", MINUTE, || {
        server.page(&format!("{sound}/index.m3u8")).contains("#EXT-X-ENDLIST").then_some(())
    });
    drop(encoder);
    let after = segments(&server, &sound);
    assert_eq!(after[..before.len()], before);
    assert_eq!(runs(&after).len(), 1, "{after:?}");
    let heard = heard(&server, &sound, &after);
    assert!(holes(&heard).is_empty(), "{:?} ms are missing", holes(&heard));
    on_time(&heard);
    // The server lets go of the disk before it is unmounted.
    drop(server);
}
