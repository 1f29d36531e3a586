//! Uploads, as the protocol has it and as a clerk meets them.

use std::fs;

use axum::{
    body::{Body, Bytes},
    http::{Method, Request, StatusCode, header},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use chrono::TimeDelta;
use futures_util::stream;
use moothall_core::{MeetingId, MeetingState, RecordingId};
use moothall_store::{JobKind, JobState, Lane, Meeting, Recording, Role, Upload, UploadState};

use super::scene::{Answer, Plan, Town};

const BEA: &str = "bea@wick.example";
const ADA: &str = "ada@ambleford.example";
const FILE: &[u8] = b"not much of a film";

/// A meeting without a recording, and a clerk who is signed in.
struct Desk {
    town: Town,
    meeting: Meeting,
    cookie: String,
}

impl Desk {
    async fn set(state: MeetingState) -> Self {
        let town = Town::planned(Plan::default()).await;
        let meeting = Meeting {
            id: MeetingId::new(),
            slug: "planning-april".to_owned(),
            state,
            ..town.meeting.clone()
        };
        let mut tx = town.test_db.db.begin().await.unwrap();
        tx.insert_meeting(&meeting).await.unwrap();
        tx.commit().await.unwrap();
        town.add_user(ADA, "ambleford", Role::Clerk).await;
        let cookie = town.cookie_of(ADA).await;
        Self { town, meeting, cookie }
    }

    async fn ask(&self, method: Method, address: &str, headers: &[(&str, &str)], body: Body) -> Answer {
        let request = headers.iter().fold(
            Request::builder().method(method).uri(address).header("tus-resumable", "1.0.0"),
            |request, (name, value)| request.header(*name, *value),
        );
        self.town.send(request.header("cookie", &self.cookie).body(body).unwrap()).await
    }

    async fn create(&self, slug: &str, length: &str) -> Answer {
        let metadata = format!(
            "meeting {},filename {},modified MTIz",
            STANDARD.encode(slug),
            STANDARD.encode("film.mp4")
        );
        let headers = [("upload-length", length), ("upload-metadata", metadata.as_str())];
        self.ask(Method::POST, "/clerk/uploads", &headers, Body::empty()).await
    }

    async fn begin(&self) -> String {
        let answer = self.create("planning-april", &FILE.len().to_string()).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text());
        answer.headers["location"].to_str().unwrap().to_owned()
    }

    async fn patch(&self, address: &str, offset: &str, body: impl Into<Body>) -> Answer {
        let headers = [("upload-offset", offset), ("content-type", "application/offset+octet-stream")];
        self.ask(Method::PATCH, address, &headers, body.into()).await
    }

    async fn offset(&self, address: &str) -> String {
        let answer = self.ask(Method::HEAD, address, &[], Body::empty()).await;
        assert_eq!(answer.status, StatusCode::OK);
        assert_eq!(answer.headers["cache-control"], "no-store");
        answer.headers["upload-offset"].to_str().unwrap().to_owned()
    }

    async fn upload(&self) -> Option<Upload> {
        self.town.test_db.db.upload_of(self.meeting.id).await.unwrap()
    }

    async fn page(&self) -> String {
        let answer = self.town.get_as("/clerk/meetings/planning-april/upload", &self.cookie).await;
        assert_eq!(answer.status, StatusCode::OK);
        answer.text()
    }
}

#[tokio::test]
async fn a_file_comes_in_pieces_and_is_called_to_be_recorded_once() {
    let desk = Desk::set(MeetingState::Ended).await;
    assert!(desk.page().await.contains("id=\"file\""));
    let address = desk.begin().await;
    assert_eq!(desk.offset(&address).await, "0");
    let first = desk.patch(&address, "0", &FILE[..5]).await;
    assert_eq!(
        (first.status, &first.headers["upload-offset"]),
        (StatusCode::NO_CONTENT, &"5".parse().unwrap())
    );
    assert_eq!(first.headers["tus-resumable"], "1.0.0");
    let page = desk.page().await;
    assert!(page.contains("27 % of film.mp4 has come") && page.contains(&address), "{page}");
    assert_eq!(desk.offset(&address).await, "5");
    let rest = desk.patch(&address, "5", &FILE[5..]).await;
    assert_eq!(rest.headers["upload-offset"], FILE.len().to_string().as_str());
    let upload = desk.upload().await.unwrap();
    assert_eq!((upload.state, upload.modified_ms), (UploadState::Received, 123));
    assert_eq!(fs::read(upload.file(&desk.town.folder.path().join("media"))).unwrap(), FILE);
    // Asked again, as after a lost answer, it is whole still.
    assert_eq!(desk.offset(&address).await, FILE.len().to_string());
    let jobs = desk.town.test_db.db.jobs_of(desk.meeting.id).await.unwrap();
    assert_eq!(jobs.iter().map(|job| job.kind).collect::<Vec<_>>(), [JobKind::Record]);
    assert!(desk.page().await.contains("is being taken in"));
    let told = desk.town.get_as("/clerk/meetings/planning-april/upload.json", &desk.cookie).await.json();
    assert_eq!(told["stage"], "recording");
    assert_eq!(desk.ask(Method::DELETE, &address, &[], Body::empty()).await.status, StatusCode::CONFLICT);
}

#[tokio::test]
async fn what_the_program_failed_with_can_be_tried_again() {
    let desk = Desk::set(MeetingState::Ended).await;
    let address = desk.begin().await;
    desk.patch(&address, "0", FILE).await;
    let (db, mut now) = (&desk.town.test_db.db, desk.town.clock.now());
    let states = async || db.jobs_of(desk.meeting.id).await.unwrap().into_iter().map(|job| job.state);
    // It is tried some times by itself.
    while states().await.all(|state| state != JobState::Failed) {
        now += TimeDelta::days(1);
        let job = db.claim_job("worker", Lane::Prompt, now).await.unwrap().unwrap();
        db.fail_job(&job, "the disk <breaks>", now).await.unwrap();
    }
    let page = desk.page().await;
    assert!(page.contains("the disk &#60;breaks&#62;") && page.contains("upload/again"), "{page}");
    let again = desk.town.post("/clerk/meetings/planning-april/upload/again", &desk.cookie, &[]).await;
    assert_eq!(again.header(header::LOCATION), "/clerk/meetings/planning-april/upload");
    assert!(states().await.any(|state| state == JobState::Ready));
    assert!(desk.page().await.contains("is being taken in"));
}

#[tokio::test]
async fn what_arrived_before_the_connection_broke_is_kept() {
    let desk = Desk::set(MeetingState::Ended).await;
    let address = desk.begin().await;
    let pieces = [Ok(Bytes::from_static(&FILE[..7])), Err(std::io::Error::other("the cable is cut"))];
    let answer = desk.patch(&address, "0", Body::from_stream(stream::iter(pieces))).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    assert_eq!(desk.offset(&address).await, "7");
    assert_eq!(desk.patch(&address, "7", &FILE[7..]).await.status, StatusCode::NO_CONTENT);
}

#[tokio::test]
async fn a_new_connection_takes_the_file_from_one_that_hangs() {
    let desk = Desk::set(MeetingState::Ended).await;
    let address = desk.begin().await;
    let (begun, is_begun) = tokio::sync::oneshot::channel();
    let hanging = stream::once(async {
        begun.send(()).unwrap();
        std::future::pending::<std::io::Result<Bytes>>().await
    });
    let (hung, offset) = tokio::join!(desk.patch(&address, "0", Body::from_stream(hanging)), async {
        is_begun.await.unwrap();
        desk.offset(&address).await
    });
    assert_eq!((hung.status, offset.as_str()), (StatusCode::BAD_REQUEST, "0"));
    assert_eq!(desk.patch(&address, "0", FILE).await.status, StatusCode::NO_CONTENT);
}

#[tokio::test]
async fn what_the_protocol_does_not_allow_is_refused() {
    let desk = Desk::set(MeetingState::Ended).await;
    let address = desk.begin().await;
    desk.patch(&address, "0", &FILE[..5]).await;

    let gap = desk.patch(&address, "6", &FILE[6..]).await;
    assert_eq!(gap.status, StatusCode::CONFLICT);
    assert!(gap.text().contains("5 bytes"), "{}", gap.text());
    let too_much = desk.patch(&address, "5", [FILE, FILE].concat()).await;
    assert_eq!(too_much.status, StatusCode::PAYLOAD_TOO_LARGE);
    let form = [("upload-offset", "5"), ("content-type", "text/plain")];
    let answer = desk.ask(Method::PATCH, &address, &form, Body::empty()).await;
    assert_eq!(answer.status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    let old = Request::patch(&address).header("tus-resumable", "0.2.2").header("cookie", &desk.cookie);
    let answer = desk.town.send(old.body(Body::empty()).unwrap()).await;
    assert_eq!(answer.status, StatusCode::PRECONDITION_FAILED);
    assert_eq!(answer.headers["tus-version"], "1.0.0");
    assert_eq!(desk.offset(&address).await, "5");

    for (length, status) in [
        ("0", StatusCode::BAD_REQUEST),
        ("many", StatusCode::BAD_REQUEST),
        ("21474836481", StatusCode::PAYLOAD_TOO_LARGE),
    ] {
        assert_eq!(desk.create("planning-april", length).await.status, status, "{length}");
    }
    let second = desk.create("planning-april", "5").await;
    assert_eq!(second.status, StatusCode::CONFLICT);
    assert!(second.text().contains("film.mp4"), "{}", second.text());
    let answer = desk.ask(Method::OPTIONS, "/clerk/uploads", &[], Body::empty()).await;
    assert_eq!(answer.headers["tus-extension"], "creation,termination");
}

#[tokio::test]
async fn an_upload_is_discarded_and_another_begun() {
    let desk = Desk::set(MeetingState::Scheduled).await;
    let address = desk.begin().await;
    let file = desk.upload().await.unwrap().file(&desk.town.folder.path().join("media"));
    assert!(file.exists());
    assert_eq!(desk.ask(Method::DELETE, &address, &[], Body::empty()).await.status, StatusCode::NO_CONTENT);
    assert!(!file.exists() && desk.upload().await.is_none());
    assert_eq!(desk.ask(Method::HEAD, &address, &[], Body::empty()).await.status, StatusCode::NOT_FOUND);
    desk.begin().await;
}

#[tokio::test]
async fn only_clerks_of_the_council_upload() {
    let mut desk = Desk::set(MeetingState::Ended).await;
    let address = desk.begin().await;
    desk.town.add_user(BEA, "nether-wick", Role::Administrator).await;
    desk.town.add_user("cy@ambleford.example", "ambleford", Role::Editor).await;
    for (email, status) in [
        (BEA, StatusCode::NOT_FOUND),
        ("cy@ambleford.example", StatusCode::FORBIDDEN),
        ("", StatusCode::UNAUTHORIZED),
    ] {
        desk.cookie = if email.is_empty() { String::new() } else { desk.town.cookie_of(email).await };
        assert_eq!(desk.create("planning-april", "5").await.status, status, "{email}");
        assert_eq!(desk.patch(&address, "0", FILE).await.status, status, "{email}");
        for method in [Method::HEAD, Method::DELETE] {
            assert_eq!(desk.ask(method, &address, &[], Body::empty()).await.status, status, "{email}");
        }
        let page = desk.town.get_as("/clerk/meetings/planning-april/upload", &desk.cookie).await.status;
        assert_eq!(page, if email.is_empty() { StatusCode::SEE_OTHER } else { status }, "{email}");
    }
}

#[tokio::test]
async fn a_meeting_that_has_or_gets_a_live_recording_takes_no_file() {
    for (state, words) in
        [(MeetingState::Live, "being recorded live"), (MeetingState::Cancelled, "was cancelled")]
    {
        let desk = Desk::set(state).await;
        let answer = desk.create("planning-april", "5").await;
        assert_eq!(answer.status, StatusCode::CONFLICT, "{state}");
        assert!(answer.text().contains(words) && desk.page().await.contains(words), "{}", answer.text());
    }
    let desk = Desk::set(MeetingState::Ended).await;
    let recording = Recording {
        id: RecordingId::new(),
        meeting_id: desk.meeting.id,
        epoch: desk.meeting.starts_at,
        duration_ms: 1_000,
        has_video: false,
        finished: true,
        transcribed_ms: 0,
        live_ms: 0,
    };
    let mut tx = desk.town.test_db.db.begin().await.unwrap();
    tx.save_recording(&recording).await.unwrap();
    tx.commit().await.unwrap();
    let answer = desk.create("planning-april", "5").await;
    assert!(answer.text().contains("was recorded live"), "{}", answer.text());
    assert!(desk.page().await.contains("There is a recording of 0:01"), "{}", desk.page().await);

    let mut tx = desk.town.test_db.db.begin().await.unwrap();
    tx.save_import(desk.meeting.id, "media", "00ff").await.unwrap();
    tx.commit().await.unwrap();
    assert!(desk.page().await.contains("replaces it"), "one that was imported may be replaced");
}
