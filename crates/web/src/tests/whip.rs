//! Browsers and encoders that call a room over the pages.

use axum::{
    body::Body,
    http::{Method, Request, StatusCode, header},
};
use moothall_core::{RoomId, Secret};
use moothall_store::{CallState, Role, Room, RoomAddress, RoomState};

use super::scene::{Answer, Town};

const ADA: &str = "ada@ambleford.example";
const BEA: &str = "bea@ambleford.example";
const KEY: &str = "the-heron-walks-on-ice";
const OFFER: &str = "v=0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\n";
const WITH_KEY: &str = "/rooms/parish-hall/whip";
const SIGNED_IN: &str = "/clerk/rooms/parish-hall/whip";

impl Town {
    /// A room that takes browsers in, and how it goes there.
    async fn add_hall(&self, source: &str, state: RoomState) -> Room {
        let now = self.clock.now();
        let key_sha256 = Some(Secret::new(KEY).sha256());
        let room = Room {
            id: RoomId::new(),
            council_id: self.meeting.council_id,
            council_slug: self.meeting.council_slug.clone(),
            slug: "parish-hall".to_owned(),
            name: "Parish <Hall>".to_owned(),
            main: RoomAddress { source: source.to_owned(), sealed_secret: None, key_sha256 },
            backup: None,
            ladder: false,
            air_delay_s: 10,
            created_at: now,
            state,
            state_note: String::new(),
            state_at: now,
        };
        let mut tx = self.test_db.db.begin().await.unwrap();
        tx.insert_room(&room).await.unwrap();
        tx.commit().await.unwrap();
        room
    }

    async fn call(&self, address: &str, headers: &[(header::HeaderName, &str)], offer: &str) -> Answer {
        let request = headers.iter().fold(
            Request::post(address).header(header::CONTENT_TYPE, "application/sdp"),
            |request, (name, value)| request.header(name, *value),
        );
        self.send(request.body(Body::from(offer.to_owned())).unwrap()).await
    }

    async fn call_with_key(&self, key: &str) -> Answer {
        self.call(WITH_KEY, &[(header::AUTHORIZATION, &format!("Bearer {key}"))], OFFER).await
    }

    /// What the room's recorder does with the next call.
    async fn answer_next(&self, room: &Room, answer: Result<&str, &str>) {
        let db = &self.test_db.db;
        loop {
            if let Some(call) =
                db.next_call(room.id, &Secret::new(KEY).sha256(), self.clock.now()).await.unwrap()
            {
                assert_eq!(call.offer, OFFER);
                return db.answer_call(call.id, answer).await.unwrap();
            }
            tokio::task::yield_now().await;
        }
    }

    async fn hang_up(&self, address: &str, headers: &[(header::HeaderName, &str)]) -> StatusCode {
        let request = headers
            .iter()
            .fold(Request::builder().method(Method::DELETE).uri(address), |request, (name, value)| {
                request.header(name, *value)
            });
        self.send(request.body(Body::empty()).unwrap()).await.status
    }
}

#[tokio::test]
async fn an_encoder_with_the_rooms_key_is_answered_and_hangs_up() {
    let town = Town::build().await;
    let room = town.add_hall("whip://0.0.0.0:8189", RoomState::Waiting).await;
    for key in ["", "the-heron-walks-on-ic", "the-heron-walks-on-ice "] {
        let refused = town.call_with_key(key).await;
        assert_eq!(refused.status, StatusCode::UNAUTHORIZED, "{key:?}");
    }
    // Whether there is a room of that name is not told.
    let unknown =
        town.call("/rooms/attic/whip", &[(header::AUTHORIZATION, "Bearer a-key-of-mine")], OFFER).await;
    assert_eq!(unknown.text(), town.call_with_key("a-key-of-mine").await.text());

    let bearer = format!("Bearer {KEY}");
    let headers = [(header::AUTHORIZATION, bearer.as_str())];
    let (answer, ()) = tokio::join!(town.call_with_key(KEY), town.answer_next(&room, Ok("v=0 answer")));
    assert_eq!((answer.status, answer.text().as_str()), (StatusCode::CREATED, "v=0 answer"));
    assert_eq!(answer.header(header::CONTENT_TYPE), "application/sdp");
    let at = answer.header(header::LOCATION).to_owned();
    let id = at.strip_prefix("/rooms/parish-hall/whip/").unwrap().parse().unwrap();
    assert!(matches!(town.test_db.db.call_state(id).await.unwrap(), CallState::Taken(_)));
    assert_eq!(town.hang_up(&at, &[(header::AUTHORIZATION, "Bearer wrong")]).await, StatusCode::UNAUTHORIZED);
    assert_eq!(town.hang_up(&at, &headers).await, StatusCode::OK);
    assert_eq!(town.test_db.db.call_state(id).await.unwrap(), CallState::Over);
    assert_eq!(town.hang_up(&at, &headers).await, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn who_is_refused_learns_why() {
    let town = Town::build().await;
    let room = town.add_hall("whip://0.0.0.0:8189", RoomState::Waiting).await;
    let refusal = Err("another browser is being recorded");
    let (refused, ()) = tokio::join!(town.call_with_key(KEY), town.answer_next(&room, refusal));
    assert_eq!(refused.status, StatusCode::CONFLICT);
    assert!(refused.text().contains("Another browser is being recorded."), "{}", refused.text());

    let bearer = format!("Bearer {KEY}");
    let headers = [(header::AUTHORIZATION, bearer.as_str())];
    let too_long = town.call(WITH_KEY, &headers, &"v=0".repeat(30_000)).await;
    assert_eq!(too_long.status, StatusCode::PAYLOAD_TOO_LARGE);
    let request = Request::post(WITH_KEY).header(header::AUTHORIZATION, &bearer).body(Body::from(OFFER));
    assert_eq!(town.send(request.unwrap()).await.status, StatusCode::UNSUPPORTED_MEDIA_TYPE);

    let mut tx = town.test_db.db.begin().await.unwrap();
    tx.set_room_state(room.id, RoomState::Idle, "", town.clock.now()).await.unwrap();
    tx.commit().await.unwrap();
    let closed = town.call_with_key(KEY).await;
    assert_eq!(closed.status, StatusCode::CONFLICT);
    assert!(closed.json()["detail"].as_str().unwrap().contains("half an hour before"), "{}", closed.text());
}

#[tokio::test]
async fn a_clerk_needs_no_key_and_others_of_the_council_may_not() {
    let town = Town::build().await;
    let room = town.add_hall("whip://0.0.0.0:8189", RoomState::Waiting).await;
    let ada = town.add_user(ADA, "ambleford", Role::Clerk).await;
    town.add_user(BEA, "ambleford", Role::Viewer).await;
    let (clerk, viewer) = (town.cookie_of(ADA).await, town.cookie_of(BEA).await);
    let page = town.get_as("/clerk/rooms/parish-hall/webcast", &clerk).await.text();
    for part in ["Parish &#60;Hall&#62;", "data-call=\"/clerk/rooms/parish-hall/whip\"", "webcast-"] {
        assert!(page.contains(part), "no {part:?} in {page}");
    }
    let shown = town.get_as("/clerk/rooms/parish-hall", &clerk).await.text();
    assert!(shown.contains("/clerk/rooms/parish-hall/webcast"), "{shown}");
    assert_eq!(town.get_as("/clerk/rooms/parish-hall/webcast", &viewer).await.status, StatusCode::FORBIDDEN);
    assert_eq!(town.call(SIGNED_IN, &[(header::COOKIE, &viewer)], OFFER).await.status, StatusCode::FORBIDDEN);
    assert_eq!(town.call(SIGNED_IN, &[], OFFER).await.status, StatusCode::UNAUTHORIZED);
    let elsewhere = [(header::COOKIE, clerk.as_str()), (header::ORIGIN, "https://evil.example")];
    assert_eq!(town.call(SIGNED_IN, &elsewhere, OFFER).await.status, StatusCode::FORBIDDEN);

    let own = [(header::COOKIE, clerk.as_str())];
    let (answer, ()) =
        tokio::join!(town.call(SIGNED_IN, &own, OFFER), town.answer_next(&room, Ok("v=0 answer")));
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text());
    let entries = town.test_db.db.audit_of(&room.id.to_string()).await.unwrap();
    let told: Vec<_> = entries.iter().map(|entry| (entry.action.as_str(), entry.user_id)).collect();
    assert_eq!(told, [("room.webcast", Some(ada.id))]);
    let at = answer.header(header::LOCATION).to_owned();
    assert_eq!(town.hang_up(&at, &[(header::COOKIE, &viewer)]).await, StatusCode::FORBIDDEN);
    assert_eq!(town.hang_up(&at, &own).await, StatusCode::OK);
}

#[tokio::test]
async fn a_room_with_another_encoder_takes_no_browser() {
    let town = Town::build().await;
    town.add_hall("rtmp://0.0.0.0:1935/live", RoomState::Waiting).await;
    town.add_user(ADA, "ambleford", Role::Clerk).await;
    let clerk = town.cookie_of(ADA).await;
    let page = town.get_as("/clerk/rooms/parish-hall/webcast", &clerk).await.text();
    assert!(page.contains("whip://0.0.0.0:8189") && !page.contains("data-call"), "{page}");
    let shown = town.get_as("/clerk/rooms/parish-hall", &clerk).await.text();
    assert!(!shown.contains("/webcast"), "{shown}");
    let refused = town.call(SIGNED_IN, &[(header::COOKIE, &clerk)], OFFER).await;
    assert_eq!(refused.status, StatusCode::CONFLICT);
    assert_eq!(town.call_with_key(KEY).await.status, StatusCode::UNAUTHORIZED, "it is a key for RTMP");
}
