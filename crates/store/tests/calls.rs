//! Browsers that call a room, on both databases.

use chrono::TimeDelta;
use moothall_core::RoomId;
use moothall_store::{CallState, Room, RoomAddress, RoomState};
use moothall_testkit::{Scene, databases, noon};

#[tokio::test]
async fn a_call_waits_is_answered_and_leaves_nothing() {
    for test in databases().await {
        let (db, scene) = (&test.db, Scene::set(&test.db).await);
        let main = RoomAddress {
            source: "whip://0.0.0.0:8189".to_owned(),
            sealed_secret: None,
            key_sha256: Some("00ff".to_owned()),
        };
        let hall = Room {
            id: RoomId::new(),
            council_id: scene.council.id,
            council_slug: scene.council.slug.clone(),
            slug: "hall".to_owned(),
            name: "Hall".to_owned(),
            main,
            backup: None,
            ladder: false,
            air_delay_s: 10,
            created_at: noon(),
            state: RoomState::Waiting,
            state_note: String::new(),
            state_at: noon(),
        };
        let mut tx = db.begin().await.unwrap();
        tx.insert_room(&hall).await.unwrap();
        tx.commit().await.unwrap();

        let first = db.call_room(hall.id, "00ff", "first", noon()).await.unwrap();
        let second = db.call_room(hall.id, "00ff", "second", noon()).await.unwrap();
        let next = async |key: &str, after_s: i64| {
            let now = noon() + TimeDelta::seconds(after_s);
            db.next_call(hall.id, key, now).await.unwrap().map(|call| call.offer)
        };
        assert_eq!(next("00ff", 1).await.as_deref(), Some("first"));
        assert_eq!(next("ff00", 1).await, None, "the key was another");
        assert_eq!(next("00ff", 60).await, None, "nobody waits for so long");
        assert_eq!(db.call_state(first).await.unwrap(), CallState::Waiting);
        db.answer_call(first, Ok("yes")).await.unwrap();
        db.answer_call(second, Err("no")).await.unwrap();
        assert_eq!(next("00ff", 1).await, None);
        assert_eq!(db.call_state(first).await.unwrap(), CallState::Taken("yes".to_owned()));
        assert_eq!(db.call_state(second).await.unwrap(), CallState::Refused("no".to_owned()));

        assert!(!db.hang_up(first, RoomId::new()).await.unwrap(), "it is another room's");
        assert!(db.hang_up(first, hall.id).await.unwrap());
        assert_eq!(db.call_state(first).await.unwrap(), CallState::Over);
        // A program that died leaves a call behind.
        db.call_room(hall.id, "00ff", "third", noon() + TimeDelta::days(2)).await.unwrap();
        assert_eq!(db.call_state(second).await.unwrap(), CallState::Over);
    }
}
