use std::{fs, sync::Arc};

use axum::{
    Router,
    body::{Body, to_bytes},
    http::{HeaderMap, Request, StatusCode, header},
};
use chrono::TimeDelta;
use moothall_core::{
    AgendaItemId, CaptionId, Clock, Evidence, MediaTime, MeetingId, MeetingState, RecordingId, SpanId,
    SpeakerId, TurnId,
};
use moothall_search::{CaptionDoc, Index, Item, MeetingDocs, Named};
use moothall_store::{
    AgendaItem, CaptionRow, ItemSpan, Meeting, Membership, Recording, Speaker, SpeakerKind, Turn,
};
use moothall_testkit::{Scene, TestDb};
use tower::ServiceExt;

use crate::{AppState, router};

/// A council with a published meeting: sound recorded, agenda known, two people heard, everything indexed.
pub struct Town {
    pub meeting: Meeting,
    pub captions: Vec<CaptionRow>,
    pub test_db: TestDb,
    pub folder: tempfile::TempDir,
    pub clock: Clock,
    router: Router,
}

pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub bytes: Vec<u8>,
}

impl Answer {
    pub fn text(&self) -> String {
        String::from_utf8(self.bytes.clone()).unwrap()
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.bytes).unwrap()
    }

    pub fn header(&self, name: header::HeaderName) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

/// Two segments, half a minute lost, one segment more.
const JOURNAL: &str = r#"{"line":"journal","version":1}
{"line":"run","run":1,"epoch":"2026-02-26T12:00:00Z","offset_us":0,"starts_over":false}
{"line":"init","rendition":"a","file":"init-1-0.mp4","codec":"mp4a.40.2"}
{"line":"chunk","rendition":"a","file":"1-0.m4s","offset":0,"length":1000,"start_us":0,"duration_us":2000000,"init":"init-1-0.mp4","independent":true,"discontinuity":false}
{"line":"chunk","rendition":"a","file":"1-1.m4s","offset":0,"length":1000,"start_us":2000000,"duration_us":2000000,"init":"init-1-0.mp4","independent":true,"discontinuity":false}
{"line":"run","run":2,"epoch":"2026-02-26T12:00:00Z","offset_us":34000000,"starts_over":false}
{"line":"init","rendition":"a","file":"init-2-0.mp4","codec":"mp4a.40.2"}
{"line":"chunk","rendition":"a","file":"2-0.m4s","offset":0,"length":1000,"start_us":34000000,"duration_us":2000000,"init":"init-2-0.mp4","independent":true,"discontinuity":true}
{"line":"end"}
"#;

fn item(number: &str, title: &str, level: i64, restricted: bool) -> AgendaItem {
    AgendaItem {
        id: AgendaItemId::new(),
        parent_id: None,
        number: number.to_owned(),
        title: title.to_owned(),
        level,
        restricted,
    }
}

fn span(item: &AgendaItem, start_ms: i64, end_ms: Option<i64>) -> ItemSpan {
    ItemSpan {
        id: SpanId::new(),
        item_id: item.id,
        start_ms,
        end_ms,
        source: Evidence::Clerk,
        confidence: 1.0,
        confirmed: true,
    }
}

fn turn(start_ms: i64, end_ms: i64, speaker: Option<SpeakerId>) -> Turn {
    let evidence = if speaker.is_some() { Evidence::Clerk } else { Evidence::None };
    Turn { id: TurnId::new(), start_ms, end_ms, speaker_id: speaker, evidence, confidence: None }
}

fn caption(turn: &Turn, start_ms: i64, text: &str) -> CaptionRow {
    CaptionRow {
        id: CaptionId::new(),
        turn_id: turn.id,
        start_ms: MediaTime::from_ms(start_ms),
        end_ms: MediaTime::from_ms(start_ms + 1_500),
        text: text.to_owned(),
        words: Vec::new().into(),
        confidence: Some(0.9),
        corrected: false,
        language: None,
    }
}

/// Settles what may not change once the scene is set.
pub struct Plan {
    pub state: MeetingState,
    pub upper_case: bool,
}

impl Default for Plan {
    fn default() -> Self {
        Self { state: MeetingState::Published, upper_case: false }
    }
}

impl Town {
    pub async fn build() -> Self {
        Self::planned(Plan::default()).await
    }

    pub async fn planned(plan: Plan) -> Self {
        let test_db = TestDb::sqlite().await;
        let scene = Scene::set(&test_db.db).await;
        let meeting = Meeting {
            id: MeetingId::new(),
            slug: "planning-march".to_owned(),
            title: "Planning & <b>Highways</b>".to_owned(),
            starts_at: scene.meeting.starts_at + TimeDelta::days(14),
            utc_offset_s: 3_600,
            state: plan.state,
            upper_case: plan.upper_case,
            ..scene.meeting.clone()
        };
        let (lease, bridge, roof) = (
            item("9", "Terms of the lease", 0, true),
            item("6a", "Footbridge over the mill race", 1, false),
            item("7", "Roof of the corn exchange", 0, false),
        );

        let mut tx = test_db.db.begin().await.unwrap();
        tx.insert_meeting(&meeting).await.unwrap();
        let person = tx.ensure_person(&scene.council, "Ngozi Okafor").await.unwrap();
        tx.ensure_membership(&Membership {
            person_id: person.id,
            committee_id: Some(scene.committee.id),
            role: "Chair".to_owned(),
            party: Some("Independent".to_owned()),
            ward: Some("Mill Ward".to_owned()),
            from_date: Some("2023-05-04".parse().unwrap()),
            to_date: None,
        })
        .await
        .unwrap();
        let chair = Speaker {
            id: SpeakerId::new(),
            person_id: Some(person.id),
            person_slug: Some(person.slug.clone()),
            kind: SpeakerKind::Person,
            name: person.name.clone(),
            role: Some("Chair".to_owned()),
        };
        let chair_id = tx.save_speaker(meeting.id, &chair).await.unwrap();
        let (opening, question) = (turn(0, 4_000, Some(chair_id)), turn(34_000, 36_000, None));
        let texts = if plan.upper_case {
            ["WE COME TO THE\nFOOTBRIDGE.", "NGOZI OKAFOR IS IN", "THE CHAIR. HOW LONG?"]
        } else {
            ["We come to the\nfootbridge.", "And then the roof,", "How long is the <bridge> closed?"]
        };
        let captions = vec![
            caption(&opening, 0, texts[0]),
            caption(&opening, 2_000, texts[1]),
            caption(&question, 34_000, texts[2]),
        ];
        tx.replace_agenda(meeting.id, &[bridge.clone(), roof.clone(), lease]).await.unwrap();
        let spans = [span(&bridge, 0, Some(2_000)), span(&roof, 2_000, None)];
        tx.replace_item_spans(meeting.id, &spans).await.unwrap();
        tx.append_transcript(meeting.id, &[opening, question], &captions).await.unwrap();
        tx.save_recording(&Recording {
            id: RecordingId::new(),
            meeting_id: meeting.id,
            epoch: scene.meeting.starts_at,
            duration_ms: 36_000,
            has_video: false,
            finished: !plan.state.is_running(),
            transcribed_ms: 36_000,
            live_ms: 0,
        })
        .await
        .unwrap();
        tx.set_poster(meeting.id, true).await.unwrap();
        tx.commit().await.unwrap();

        let folder = tempfile::tempdir().unwrap();
        let media_dir = folder.path().join("media");
        let recording = media_dir.join(meeting.id.to_string());
        fs::create_dir_all(recording.join("a")).unwrap();
        fs::write(recording.join("journal.jsonl"), JOURNAL).unwrap();
        fs::create_dir(recording.join("preview")).unwrap();
        for picture in ["poster.jpg", "storyboard.vtt", "storyboard-0.jpg"] {
            fs::write(recording.join("preview").join(picture), picture).unwrap();
        }
        for file in ["init-1-0.mp4", "init-2-0.mp4", "1-0.m4s", "1-1.m4s", "2-0.m4s"] {
            let bytes: Vec<u8> = (0..1_000_u32).map(|number| number as u8).collect();
            fs::write(recording.join("a").join(file), bytes).unwrap();
        }

        let index = Index::open(&folder.path().join("index")).unwrap().index;
        if meeting.state.is_public() {
            let speaker = moothall_search::Speaker { id: person.id.to_string(), name: person.name.clone() };
            let named = |(slug, name): (&str, &str)| Named { slug: slug.to_owned(), name: name.to_owned() };
            let doc = |(row, item): (&CaptionRow, &AgendaItem)| CaptionDoc {
                id: row.id,
                start_ms: row.start_ms,
                end_ms: row.end_ms,
                text: row.text.clone(),
                turn: Some(row.turn_id),
                speaker: Some(speaker.clone()).filter(|_| row.turn_id == captions[0].turn_id),
                item: Some(Item { id: item.id, number: item.number.clone(), title: item.title.clone() }),
            };
            let docs = MeetingDocs {
                id: meeting.id,
                slug: meeting.slug.clone(),
                title: meeting.title.clone(),
                committee: named((&meeting.committee_slug, &meeting.committee_name)),
                council: named((&meeting.council_slug, &meeting.council_name)),
                start: meeting.local_start(),
                captions: captions.iter().zip([&bridge, &roof, &roof]).map(doc).collect(),
            };
            index.replace_meeting(&docs).unwrap();
            index.commit(1).unwrap();
        }

        let state = AppState::new(test_db.db.clone(), Arc::new(index), media_dir, scene.clock.clone());
        Self { meeting, captions, test_db, folder, clock: scene.clock, router: router(state) }
    }

    pub async fn get(&self, address: &str) -> Answer {
        self.send(Request::get(address).body(Body::empty()).unwrap()).await
    }

    pub async fn send(&self, request: Request<Body>) -> Answer {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = to_bytes(body, usize::MAX).await.unwrap().to_vec();
        Answer { status: parts.status, headers: parts.headers, bytes }
    }

    /// A page, with ids numbered in the order of their appearance and hashes taken out.
    pub async fn page(&self, address: &str) -> String {
        let answer = self.get(address).await;
        assert_eq!(answer.status, StatusCode::OK, "{address}: {}", answer.text());
        steady(&crate::assets::without_hashes(&answer.text()))
    }
}

/// The text with every UUID replaced by its number in the order of first appearance.
pub fn steady(text: &str) -> String {
    let mut seen: Vec<&str> = Vec::new();
    let mut out = String::new();
    let mut rest = text;
    while let Some(character) = rest.chars().next() {
        match rest.get(..36).filter(|candidate| candidate.parse::<MeetingId>().is_ok()) {
            Some(id) => {
                let number = seen.iter().position(|known| *known == id).unwrap_or_else(|| {
                    seen.push(id);
                    seen.len() - 1
                });
                out.push_str(&format!("[id {}]", number + 1));
                rest = &rest[36..];
            }
            None => {
                out.push(character);
                rest = &rest[character.len_utf8()..];
            }
        }
    }
    out
}
