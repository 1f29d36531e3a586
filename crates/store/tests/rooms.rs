//! Rooms on both databases, and the key that seals their secrets.
#![expect(clippy::unwrap_used, reason = "a test")]

use std::{fs, os::unix::fs::PermissionsExt};

use moothall_core::{CouncilId, MeetingState, RoomId, Secret};
use moothall_store::{Db, Room, RoomAddress, RoomState, SecretError, Secrets};
use moothall_testkit::{Scene, databases, noon};

fn room(council_id: CouncilId, council_slug: &str) -> Room {
    Room {
        id: RoomId::new(),
        council_id,
        council_slug: council_slug.to_owned(),
        slug: "council-chamber".to_owned(),
        name: "Council Chamber".to_owned(),
        main: RoomAddress {
            source: "srt://0.0.0.0:9710?mode=listener".to_owned(),
            sealed_secret: Some(vec![0, 255, 7]),
            key_sha256: None,
        },
        backup: None,
        ladder: false,
        air_delay_s: 10,
        created_at: noon(),
        state: RoomState::Idle,
        state_note: String::new(),
        state_at: noon(),
    }
}

async fn insert(db: &Db, room: &Room) -> bool {
    let mut tx = db.begin().await.unwrap();
    let inserted = tx.insert_room(room).await.is_ok();
    if inserted {
        tx.commit().await.unwrap();
    }
    inserted
}

#[tokio::test]
async fn a_room_comes_back_as_it_was_and_as_it_was_changed() {
    for test in databases().await {
        let scene = Scene::set(&test.db).await;
        let mut chamber = room(scene.council.id, "ambleford");
        assert!(insert(&test.db, &chamber).await);
        assert_eq!(test.db.room(chamber.id).await.unwrap().as_ref(), Some(&chamber));
        chamber.name = "Old Chamber".to_owned();
        chamber.ladder = true;
        chamber.backup = Some(chamber.main);
        chamber.main = RoomAddress {
            source: "rtmp://0.0.0.0:1935/live".to_owned(),
            sealed_secret: None,
            key_sha256: Some("00ff".to_owned()),
        };
        chamber.air_delay_s = 300;
        (chamber.state, chamber.state_note) = (RoomState::Refused, "a wrong key".to_owned());
        let mut tx = test.db.begin().await.unwrap();
        tx.update_room(&chamber).await.unwrap();
        tx.set_room_state(chamber.id, chamber.state, &chamber.state_note, noon()).await.unwrap();
        assert_eq!(
            tx.room_by_slug(scene.council.id, "council-chamber").await.unwrap().as_ref(),
            Some(&chamber)
        );
        tx.commit().await.unwrap();
        assert_eq!(test.db.rooms().await.unwrap(), [chamber]);
    }
}

#[tokio::test]
async fn a_slug_is_taken_in_one_council_only_and_a_delay_has_its_limits() {
    for test in databases().await {
        let scene = Scene::set(&test.db).await;
        assert!(insert(&test.db, &room(scene.council.id, "ambleford")).await);
        assert!(!insert(&test.db, &room(scene.council.id, "ambleford")).await);
        let mut tx = test.db.begin().await.unwrap();
        let other = tx.ensure_council("nether-wick", "Nether Wick", noon()).await.unwrap();
        tx.commit().await.unwrap();
        let theirs = room(other.id, "nether-wick");
        assert!(insert(&test.db, &theirs).await);
        let patient = Room { id: RoomId::new(), slug: "annexe".to_owned(), air_delay_s: 301, ..theirs };
        assert!(!insert(&test.db, &patient).await);
    }
}

#[tokio::test]
async fn a_meeting_is_recorded_in_its_room_and_the_room_stays_as_long() {
    for test in databases().await {
        let scene = Scene::set(&test.db).await;
        let chamber = room(scene.council.id, "ambleford");
        insert(&test.db, &chamber).await;
        let meeting = moothall_store::Meeting {
            id: moothall_core::MeetingId::new(),
            slug: "next".to_owned(),
            state: MeetingState::Scheduled,
            source: Some("srt://:9999".to_owned()),
            ..scene.meeting.clone()
        };
        let mut tx = test.db.begin().await.unwrap();
        tx.insert_meeting(&meeting).await.unwrap();
        // Published: it has been there, and needs the room no more.
        tx.set_meeting_room(scene.meeting.id, Some(chamber.id)).await.unwrap();
        tx.commit().await.unwrap();
        assert!(test.db.room_sources().await.unwrap().is_empty(), "it has a source of its own");

        let mut tx = test.db.begin().await.unwrap();
        tx.set_meeting_room(meeting.id, Some(chamber.id)).await.unwrap();
        assert_eq!(tx.room_of_meeting(meeting.id).await.unwrap(), Some(chamber.id));
        assert_eq!(tx.meetings_in_room(chamber.id).await.unwrap(), ["next"]);
        assert!(!tx.remove_room(chamber.id).await.unwrap(), "a meeting is to be recorded there");
        tx.commit().await.unwrap();
        let sources = test.db.room_sources().await.unwrap();
        assert_eq!(sources.len(), 1);
        assert_eq!(sources[&meeting.id].main, chamber.main);
        let wanted = test.db.meetings_to_record().await.unwrap();
        assert_eq!(
            wanted.iter().map(|wanted| (wanted.id, wanted.source.clone())).collect::<Vec<_>>(),
            [(meeting.id, None)]
        );

        let mut tx = test.db.begin().await.unwrap();
        tx.set_meeting_state(meeting.id, MeetingState::Scheduled, MeetingState::Ended).await.unwrap();
        assert!(tx.remove_room(chamber.id).await.unwrap());
        assert_eq!(tx.room_of_meeting(scene.meeting.id).await.unwrap(), None, "the meeting stays");
        tx.commit().await.unwrap();
        assert!(test.db.meeting(scene.meeting.id).await.unwrap().is_some());
    }
}

#[test]
fn the_key_is_made_once_for_nobody_else_to_read() {
    let folder = tempfile::tempdir().unwrap();
    let (room, secret) = (RoomId::new(), Secret::new("the heron walks"));
    let secrets = Secrets::new(folder.path(), None).unwrap();
    assert!(fs::read_dir(folder.path()).unwrap().next().is_none(), "not before it is needed");
    let sealed = secrets.seal(room, &secret).unwrap();
    let file = folder.path().join("secret.key");
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(fs::metadata(&file).unwrap().len(), 32);
    let again = Secrets::new(folder.path(), None).unwrap();
    assert_eq!(again.open(room, &sealed).unwrap(), secret);
    let resealed = again.seal(room, &secret).unwrap();
    assert_eq!(secrets.open(room, &resealed).unwrap(), secret);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "and nothing else is left");
}

#[test]
fn processes_that_need_the_key_first_make_one_key() {
    let folder = tempfile::tempdir().unwrap();
    let (room, secret) = (RoomId::new(), Secret::new("the heron walks"));
    let sealed: Vec<Vec<u8>> = std::thread::scope(|scope| {
        let seal = || Secrets::new(folder.path(), None).unwrap().seal(room, &secret).unwrap();
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(seal)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let secrets = Secrets::new(folder.path(), None).unwrap();
    assert!(sealed.iter().all(|sealed| secrets.open(room, sealed).unwrap() == secret));
}

#[test]
fn a_key_that_is_lost_wrong_or_damaged_is_told_with_the_remedy() {
    let folder = tempfile::tempdir().unwrap();
    let (room, secret) = (RoomId::new(), Secret::new("the heron walks"));
    let secrets = Secrets::new(folder.path(), None).unwrap();
    let sealed = secrets.seal(room, &secret).unwrap();
    let told = |secrets: &Secrets| {
        let error = secrets.open(room, &sealed).unwrap_err();
        assert!(error.to_string().contains("room rotate-key"), "{error}");
        error
    };
    let file = folder.path().join("secret.key");
    fs::write(&file, [7; 32]).unwrap();
    assert!(matches!(told(&secrets), SecretError::Closed { key } if key.ends_with("secret.key")));
    fs::write(&file, [7; 31]).unwrap();
    assert!(matches!(told(&secrets), SecretError::Damaged { .. }));
    // What a person has to look at is not overwritten.
    assert!(matches!(secrets.seal(room, &secret).unwrap_err(), SecretError::Damaged { .. }));
    fs::remove_file(&file).unwrap();
    assert!(matches!(told(&secrets), SecretError::Read { .. }));
    assert!(!file.exists(), "a new key opens nothing old");

    // 32 bytes of 7.
    let given = "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=";
    let with_variable = Secrets::new(folder.path(), Some(given)).unwrap();
    assert!(matches!(told(&with_variable), SecretError::Closed { key } if key == "MOOTHALL_SECRET_KEY"));
    let sealed = with_variable.seal(room, &secret).unwrap();
    assert_eq!(with_variable.open(room, &sealed).unwrap(), secret);
    assert!(!file.exists());
    let error = Secrets::new(folder.path(), Some("tooshort")).unwrap_err();
    assert!(error.to_string().contains("MOOTHALL_SECRET_KEY"), "{error}");
}
