//! A made-up meeting of the Planning Committee of Ambleford.

use std::path::{Path, PathBuf};

use moothall_tests::{Home, Server, Told};

pub const SLUG: &str = "planning-committee-2026-02-26";

/// One of the files in `tests/fixtures`.
pub fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(name)
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

/// `{meeting id}`, for addresses of media.
pub fn meeting_id(server: &Server) -> String {
    server.json(&format!("/api/v1/meetings/{SLUG}"))["id"].as_str().unwrap().to_owned()
}
