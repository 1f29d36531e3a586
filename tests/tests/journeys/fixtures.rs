//! A made-up meeting of the Planning Committee of Ambleford.

use std::path::{Path, PathBuf};

use moothall_tests::{Home, Server, Told, ffmpeg};

pub const SLUG: &str = "planning-committee-2026-02-26";

/// One of the files in `tests/fixtures`.
pub fn fixture(name: &str) -> PathBuf {
    std::path::absolute("fixtures").unwrap().join(name)
}

/// Where something is kept for people to look at, beside what is built.
pub fn artefact(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("pictures");
    std::fs::create_dir_all(&folder).unwrap();
    folder.join(name)
}

/// Agenda, logs and captions of the meeting; with more arguments where there are any.
pub fn import_meeting(home: &Home, more: &str) -> Told {
    let part = |name| fixture(name).display().to_string();
    home.import(&format!(
        "--agenda {} --items {} --speakers {} --captions {} --publish {more}",
        part("agenda.txt"),
        part("items.csv"),
        part("speakers.csv"),
        part("captions.vtt")
    ))
}

/// The meeting with a film of its length.
pub fn import_film(home: &Home) -> Told {
    let film = home.path("film.mp4");
    ffmpeg(
        "-f lavfi -i testsrc=size=320x180:rate=10:duration=70 -f lavfi -i sine=frequency=440:duration=70 \
         -c:v libx264 -preset ultrafast -pix_fmt yuv420p -g 20 -c:a aac",
        &film,
    );
    import_meeting(home, &format!("--media {}", film.display()))
}

/// `{meeting id}`, for addresses of media.
pub fn meeting_id(server: &Server) -> String {
    server.json(&format!("/api/v1/meetings/{SLUG}"))["id"].as_str().unwrap().to_owned()
}
