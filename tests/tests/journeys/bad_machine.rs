//! A machine on which something is missing or taken.

use std::{
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::Command,
};

use moothall_tests::{Home, MINUTE, Told, ffmpeg, free_port, models_dir};

use crate::fixtures::{SLUG, fixture, import_meeting};

#[test]
fn a_port_in_use_is_named() {
    let home = Home::new();
    let server = home.serve();
    let listen = server.url.trim_start_matches("http://");
    let (_, port) = listen.rsplit_once(':').unwrap();
    home.run(["serve", "--listen", listen]).fails_with(&[&format!("port {port} is in use"), "--listen"]);
    // The one that was there first goes on.
    assert_eq!(server.get("/healthz").status, 200);
}

#[test]
fn a_model_with_a_wrong_hash_is_not_used() {
    let Some(models) = models_dir() else { return };
    let home = Home::new();
    let damaged = home.path("models");
    fs::create_dir(&damaged).unwrap();
    for entry in fs::read_dir(models).unwrap() {
        let path = entry.unwrap().path();
        symlink(&path, damaged.join(path.file_name().unwrap())).unwrap();
    }
    let model = damaged.join("ggml-base.bin");
    fs::remove_file(&model).unwrap();
    fs::write(&model, "not the weights that were sent").unwrap();
    let home = home.with_models(damaged);
    let remedy = ["ggml-base.bin", "sha256", "moothall model fetch base"];
    home.run(["model", "verify"]).fails_with(&remedy);
    let sound = home.path("sound.flac");
    ffmpeg("-f lavfi -i sine=frequency=440:duration=3", &sound);
    home.run(["transcribe", "sound.flac"]).fails_with(&remedy);
    // The service runs on, and the log says what to do.
    home.import(&format!("--media {} --publish", sound.display())).ok();
    let server = home.serve();
    server.wait_for_log("moothall model fetch base", MINUTE);
    assert_eq!(server.get(&format!("/meetings/{SLUG}")).status, 200);
}

/// Runs a command in a GStreamer without some of its plugins.
fn without_plugins(home: &Home, missing: impl Fn(&str) -> bool, arguments: &[&str]) -> Told {
    let found = Command::new("pkg-config").args(["--variable=pluginsdir", "gstreamer-1.0"]).output().unwrap();
    let system = PathBuf::from(String::from_utf8(found.stdout).unwrap().trim());
    let plugins = home.path("plugins");
    let _ = fs::remove_dir_all(&plugins);
    fs::create_dir(&plugins).unwrap();
    for entry in fs::read_dir(&system).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        if !missing(&name) {
            symlink(&path, plugins.join(name)).unwrap();
        }
    }
    let registry = home.path("registry.bin");
    let _ = fs::remove_file(&registry);
    let output = home
        .command(arguments)
        .env("GST_PLUGIN_SYSTEM_PATH_1_0", &plugins)
        .env("GST_PLUGIN_PATH_1_0", "")
        .env("GST_REGISTRY_1_0", registry)
        .output()
        .unwrap();
    output.into()
}

#[test]
fn a_missing_gstreamer_plugin_is_named_with_its_package() {
    let home = Home::new();
    let sound = home.path("sound.flac");
    ffmpeg("-f lavfi -i sine=frequency=440:duration=3", &sound);
    let remedy = ["srtsrc", "apt-get install gstreamer1.0-plugins-bad"];
    // Not SRTP, which browsers send by.
    let no_srt = |name: &str| name.contains("srt.");
    without_plugins(&home, no_srt, &["serve", "--listen", "127.0.0.1:1"]).fails_with(&remedy);
    let doctor = without_plugins(&home, no_srt, &["doctor"]);
    assert!(!doctor.success);
    for part in remedy {
        assert!(doctor.stdout.contains(part), "{doctor:?}");
    }
    let none = without_plugins(&home, |_| true, &["transcribe", "sound.flac"]);
    none.fails_with(&["gstreamer", "apt-get install"]);
    // What needs no media works.
    let agenda = fixture("agenda.txt").display().to_string();
    without_plugins(&home, |_| true, &["agenda", &agenda]).ok();
    import_meeting(&home, "").ok();
}

#[test]
fn a_data_folder_that_cannot_be_is_named() {
    let home = Home::new();
    let file = home.write("file", "not a folder");
    let below: &Path = &file.join("data");
    home.run(["migrate", "--data", &below.display().to_string()]).fails_with(&["file/data", "--data"]);
    home.run(["migrate", "--database", "mysql://somewhere/db"]).fails_with(&["sqlite:", "postgres://"]);
}

#[test]
fn two_servers_do_not_share_one_index() {
    let home = Home::new();
    let _server = home.serve();
    let listen = format!("127.0.0.1:{}", free_port());
    home.run(["serve", "--role", "web", "--listen", &listen]).fails_with(&["index", "another process"]);
    home.run(["reindex"]).fails_with(&["index", "another process"]);
}
