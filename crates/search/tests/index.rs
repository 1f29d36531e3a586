//! The index on disk: kept over a restart, replaced, removed, damaged, outdated, locked.
#![expect(clippy::unwrap_used, reason = "a test")]

mod made_up;

use std::{fs, path::Path};

use made_up::{found, meeting, planning, words};
use moothall_search::{Index, OpenError, Opened, Reason};

fn open(dir: &Path) -> Opened {
    Index::open(dir).unwrap()
}

#[test]
fn what_was_committed_is_there_after_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let opened = open(dir.path());
    assert_eq!(opened.fresh, Some(Reason::New));
    assert_eq!(opened.index.committed_sequence(), 0);
    opened.index.replace_meeting(&planning()).unwrap();
    assert_eq!(found(&opened.index, "bypass"), 0, "found before the commit");
    opened.index.commit(41).unwrap();
    assert_eq!(found(&opened.index, "bypass"), 1);
    opened.index.commit(42).unwrap();
    drop(opened);

    let opened = open(dir.path());
    assert_eq!(opened.fresh, None);
    assert_eq!(opened.index.committed_sequence(), 42);
    assert_eq!(found(&opened.index, "bypass"), 1);
}

#[test]
fn a_meeting_is_replaced_and_removed() {
    let dir = tempfile::tempdir().unwrap();
    let index = open(dir.path()).index;
    let mut docs = planning();
    index.replace_meeting(&docs).unwrap();
    index.commit(1).unwrap();
    docs.captions.retain(|caption| !caption.text.contains("bypass"));
    index.replace_meeting(&docs).unwrap();
    index.replace_meeting(&docs).unwrap();
    index.commit(2).unwrap();
    assert_eq!(found(&index, "bypass"), 0);
    assert_eq!(found(&index, "\"opening hours\""), 1, "fed twice, found once");
    index.remove_meeting(docs.id).unwrap();
    index.commit(3).unwrap();
    assert_eq!(found(&index, "\"opening hours\""), 0);
}

#[test]
fn what_was_not_committed_is_fed_again() {
    let dir = tempfile::tempdir().unwrap();
    let index = open(dir.path()).index;
    index.commit(7).unwrap();
    index.replace_meeting(&planning()).unwrap();
    drop(index);
    let index = open(dir.path()).index;
    assert_eq!((index.committed_sequence(), found(&index, "bypass")), (7, 0));
}

#[test]
fn a_second_opening_is_refused_in_words() {
    let dir = tempfile::tempdir().unwrap();
    let first = open(dir.path());
    let error = Index::open(dir.path()).unwrap_err();
    assert!(matches!(error, OpenError::Locked { .. }));
    assert!(error.to_string().contains("in use by another process"), "{error}");
    assert!(Index::rebuild(dir.path()).is_err());
    drop(first);
    assert_eq!(open(dir.path()).fresh, None);
}

#[test]
fn a_rebuild_begins_anew() {
    let dir = fed();
    let opened = Index::rebuild(dir.path()).unwrap();
    assert_eq!(opened.fresh, Some(Reason::Asked));
    assert_eq!((opened.index.committed_sequence(), found(&opened.index, "bypass")), (0, 0));
}

#[test]
fn an_index_of_another_version_is_begun_anew() {
    let dir = fed();
    fs::write(dir.path().join("current/stamp"), "moothall-search schema 0, tantivy format 6").unwrap();
    let fresh = begun_anew(dir.path());
    assert!(matches!(fresh, Reason::Outdated { .. }));
    assert!(fresh.to_string().contains("schema 0"), "{fresh}");
}

#[test]
fn a_file_missing_or_cut_off_is_noticed() {
    for path in segment_files(fed().path()) {
        let dir = fed();
        // Segments are named anew each time; their endings stay.
        let ending = path.rsplit('.').next().unwrap();
        let path = segment_files(dir.path()).into_iter().find(|path| path.ends_with(ending)).unwrap();
        let bytes = fs::read(&path).unwrap();
        fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
        let fresh = begun_anew(dir.path());
        assert!(matches!(fresh, Reason::Damaged { .. }), "{ending} cut off: {fresh}");

        let dir = fed();
        let path = segment_files(dir.path()).into_iter().find(|path| path.ends_with(ending)).unwrap();
        fs::remove_file(&path).unwrap();
        let fresh = begun_anew(dir.path());
        assert!(matches!(fresh, Reason::Damaged { .. }), "{ending} missing: {fresh}");
    }
    for name in ["meta.json", "stamp"] {
        let dir = fed();
        fs::remove_file(dir.path().join("current").join(name)).unwrap();
        assert!(matches!(begun_anew(dir.path()), Reason::Damaged { .. }), "{name}");
    }
}

/// Whatever bit is flipped, the index is either begun anew or answers as before.
#[test]
fn a_flipped_bit_is_noticed_or_harmless() {
    let fed = fed();
    let files = fs::read_dir(fed.path().join("current")).unwrap().map(|entry| entry.unwrap());
    let whole: Vec<_> = files.map(|file| (file.file_name(), fs::read(file.path()).unwrap())).collect();
    for (name, bytes) in &whole {
        let steps = if name == "meta.json" { 60 } else { 12 };
        for step in 0..steps.min(bytes.len()) {
            // A directory for each: the index before still looks at its own for a while.
            let dir = tempfile::tempdir().unwrap();
            let current = dir.path().join("current");
            fs::create_dir(&current).unwrap();
            whole.iter().for_each(|(name, bytes)| fs::write(current.join(name), bytes).unwrap());
            let at = bytes.len() * step / steps;
            let mut flipped = bytes.clone();
            flipped[at] ^= 1 << (step % 7);
            fs::write(current.join(name), flipped).unwrap();
            let opened = open(dir.path());
            let place = format!("{} byte {at}", name.display());
            if opened.fresh.is_some() {
                assert_eq!(opened.index.committed_sequence(), 0, "{place}");
            } else {
                assert_eq!(opened.index.committed_sequence(), 5, "{place}");
                assert_eq!(found(&opened.index, "bypass"), 1, "{place}");
            }
        }
    }
}

/// A directory with a closed index that holds the planning meeting, committed as 5.
fn fed() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let index = open(dir.path()).index;
    let other = meeting("other", "Full Council", "2025-01-09T19:00:00+00:00", vec![words("something else")]);
    index.replace_meeting(&other).unwrap();
    index.replace_meeting(&planning()).unwrap();
    index.commit(4).unwrap();
    index.remove_meeting(other.id).unwrap();
    index.commit(5).unwrap();
    assert_eq!(found(&index, "bypass"), 1);
    dir
}

/// Opens a spoilt index, which is to work as a new one does.
fn begun_anew(dir: &Path) -> Reason {
    let opened = open(dir);
    assert_eq!(opened.index.committed_sequence(), 0);
    opened.index.replace_meeting(&planning()).unwrap();
    opened.index.commit(6).unwrap();
    assert_eq!(found(&opened.index, "bypass"), 1);
    opened.fresh.unwrap()
}

fn segment_files(dir: &Path) -> Vec<String> {
    let endings = ["idx", "pos", "fast", "fieldnorm", "term", "store", "del"];
    fs::read_dir(dir.join("current"))
        .unwrap()
        .map(|entry| entry.unwrap().path().display().to_string())
        .filter(|path| endings.iter().any(|ending| path.ends_with(&format!(".{ending}"))))
        .collect()
}
