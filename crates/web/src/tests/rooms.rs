//! How it goes in the rooms, for those who look after them.

use axum::http::{StatusCode, header};
use chrono::TimeDelta;
use moothall_core::{
    RoomId,
    health::{Finding, Level, Link, Look, Reading, Side},
};
use moothall_store::{Backlog, Role, Room, RoomAddress, RoomState};

use super::scene::Town;

const AV: &str = "av@ambleford.example";

impl Town {
    /// A room in which the meeting is recorded: five minutes were measured, and the left channel fell silent.
    pub async fn add_room(&self) -> Room {
        self.clock.advance(self.meeting.starts_at + TimeDelta::minutes(5) - self.clock.now());
        let now = self.clock.now();
        let room = Room {
            id: RoomId::new(),
            council_id: self.meeting.council_id,
            council_slug: self.meeting.council_slug.clone(),
            slug: "council-chamber".to_owned(),
            name: "Council <Chamber>".to_owned(),
            main: RoomAddress {
                source: "srt://0.0.0.0:9710?mode=listener".to_owned(),
                sealed_secret: None,
                key_sha256: None,
            },
            backup: None,
            ladder: false,
            air_delay_s: 10,
            created_at: now,
            state: RoomState::Recording,
            state_note: String::new(),
            state_at: now,
        };
        let mut tx = self.test_db.db.begin().await.unwrap();
        tx.insert_room(&room).await.unwrap();
        tx.set_meeting_room(self.meeting.id, Some(room.id)).await.unwrap();
        for second in (0..300).step_by(10) {
            let from = now - TimeDelta::seconds(300 - second);
            tx.save_health(self.meeting.id, &reading(from, 10)).await.unwrap();
        }
        tx.save_health_now(self.meeting.id, &reading(now - TimeDelta::seconds(1), 1)).await.unwrap();
        let since = now - TimeDelta::seconds(45);
        let left = Finding::OneSided { silent: Side::Left };
        tx.begin_finding(self.meeting.id, &left, since).await.unwrap();
        tx.begin_finding(self.meeting.id, &Finding::Clipping, since).await.unwrap();
        tx.end_finding(self.meeting.id, Finding::Clipping.name(), now).await.unwrap();
        tx.commit().await.unwrap();
        room
    }
}

fn reading(from: chrono::DateTime<chrono::Utc>, seconds: i64) -> Reading {
    let level = |rms_dbfs: f64| Level { peak_dbfs: rms_dbfs + 11.0, rms_dbfs, clipped_per_mille: 0.0 };
    Reading {
        sound: vec![level(-90.0), level(-25.0)],
        sound_kbps: 128.0,
        picture_kbps: 2_500.0,
        picture: Some(Look { luma: 90.0, change: Some(9.0) }),
        link: Some(Link { received_packets: 990, lost_packets: 10, round_trip_ms: 21.0 }),
        drift_ms: Some(-40),
        disk_left_bytes: Some(100 << 30),
        backlog_bytes: Some(1 << 29),
        sound_format: Some("AAC, 48 kHz, 2 channels".to_owned()),
        ..Reading::empty(from, from + TimeDelta::seconds(seconds))
    }
}

#[tokio::test]
async fn a_room_tells_how_it_goes_in_words_and_figures() {
    let town = Town::build().await;
    town.add_user(AV, &town.meeting.council_slug.clone(), Role::Viewer).await;
    town.add_room().await;
    let cookie = town.cookie_of(AV).await;
    let backlog = Backlog {
        meeting_id: town.meeting.id,
        waiting_files: 3,
        waiting_bytes: 12_600_000,
        trouble: "the object store does not answer".to_owned(),
        told_at: town.clock.now(),
    };
    town.test_db.db.tell_backlog(&backlog).await.unwrap();
    let rooms = town.get_as("/clerk/rooms", &cookie).await.text();
    for part in [
        "/clerk/rooms/council-chamber",
        "Council &#60;Chamber&#62;",
        "Recording",
        "Left channel silent",
        "3 files, 12.6 MB",
        "The object store does not answer.",
    ] {
        assert!(rooms.contains(part), "no {part:?} in {rooms}");
    }
    let room = town.get_as("/clerk/rooms/council-chamber", &cookie).await.text();
    for part in [
        "The left channel has been silent for 45 s while the right one is not",
        "check the cable from the mixing desk",
        "value=\"-60.0\"",
        "silent",
        "value=\"-14.0\"",
        "-14 dBFS",
        "2500 kbit/s",
        "1.0 %",
        "100.0 GiB",
        "0.50 GiB",
        "AAC, 48 kHz, 2 channels",
        "Sound distorted",
        "The left channel is silent: check the cable",
        "The encoder is connected and sends.",
        "<path class=\"mh-chart__line mh-chart__line--2\" d=\"M",
        "-79 / -14",
    ] {
        assert!(room.contains(part), "no {part:?} in {room}");
    }
}

#[tokio::test]
async fn only_those_of_the_council_see_its_rooms() {
    let town = Town::build().await;
    town.add_user(AV, "nether-wick", Role::Administrator).await;
    town.add_room().await;
    let cookie = town.cookie_of(AV).await;
    assert!(!town.get_as("/clerk/rooms", &cookie).await.text().contains("council-chamber"));
    for path in ["/clerk/rooms/council-chamber", "/clerk/rooms/council-chamber/events"] {
        assert_eq!(town.get_as(path, &cookie).await.status, StatusCode::NOT_FOUND, "{path}");
        let door = town.get(path).await;
        assert_eq!(door.status, StatusCode::SEE_OTHER);
        assert!(door.header(header::LOCATION).starts_with("/login"), "{path}");
    }
}

#[tokio::test]
async fn a_room_in_which_nothing_is_measured_says_so() {
    let town = Town::build().await;
    town.add_user(AV, &town.meeting.council_slug.clone(), Role::Viewer).await;
    let room = town.add_room().await;
    town.clock.advance(TimeDelta::minutes(1));
    let mut tx = town.test_db.db.begin().await.unwrap();
    tx.set_room_state(room.id, RoomState::Refused, "check the <passphrase>", town.clock.now()).await.unwrap();
    tx.commit().await.unwrap();
    let cookie = town.cookie_of(AV).await;
    let page = town.get_as("/clerk/rooms/council-chamber", &cookie).await.text();
    for part in ["Nothing is being measured now", "Encoder refused", "Check the &#60;passphrase&#62;."] {
        assert!(page.contains(part), "no {part:?} in {page}");
    }
}
