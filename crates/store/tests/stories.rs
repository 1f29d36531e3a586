//! What the store is asked for by the rest of the program, on both databases.
#![expect(clippy::unwrap_used, reason = "a test")]

use moothall_core::{
    AgendaItemId, CaptionId, Evidence, MediaTime, MeetingState, RecordingId, SpanId, SpeakerId, SpeakerMark,
    TurnId, Word,
};
use moothall_store::{
    AgendaItem, Backlog, CaptionRow, Db, FormerCaption, ItemSpan, MeetingFilter, Membership, Recording, Role,
    Speaker, SpeakerKind, Turn, User,
};
use moothall_testkit::{Scene, databases, noon};

fn item(number: &str, parent: Option<&AgendaItem>) -> AgendaItem {
    AgendaItem {
        id: AgendaItemId::new(),
        parent_id: parent.map(|parent| parent.id),
        number: number.to_owned(),
        title: format!("Title of {number}"),
        level: i64::from(parent.is_some()),
        restricted: false,
    }
}

fn span(item: &AgendaItem, start_ms: i64) -> ItemSpan {
    ItemSpan {
        id: SpanId::new(),
        item_id: item.id,
        start_ms,
        end_ms: None,
        source: Evidence::Clerk,
        confidence: 1.0,
        confirmed: true,
    }
}

#[tokio::test]
async fn an_agenda_that_changes_keeps_the_times_of_what_stays() {
    for test in databases().await {
        let scene = Scene::set(&test.db).await;
        let meeting = scene.meeting.id;
        let (one, two) = (item("1", None), item("2", None));
        let two_a = item("2a", Some(&two));
        let mut tx = test.db.begin().await.unwrap();
        tx.replace_agenda(meeting, &[one.clone(), two.clone(), two_a.clone()]).await.unwrap();
        tx.start_item(meeting, &span(&one, 1_000)).await.unwrap();
        tx.start_item(meeting, &span(&two_a, 5_000)).await.unwrap();
        tx.commit().await.unwrap();
        let spans = test.db.item_spans(meeting).await.unwrap();
        assert_eq!(spans[0].end_ms, Some(5_000), "an item ends where the next starts");

        let renamed = AgendaItem { title: "Renamed".to_owned(), level: 0, parent_id: None, ..two_a.clone() };
        let mut tx = test.db.begin().await.unwrap();
        tx.replace_agenda(meeting, &[renamed.clone(), one.clone()]).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(test.db.agenda_items(meeting).await.unwrap(), [renamed, one]);
        assert_eq!(test.db.item_spans(meeting).await.unwrap().len(), 2);
    }
}

fn turn(speaker_id: Option<SpeakerId>, start_ms: i64, end_ms: i64) -> Turn {
    let evidence = if speaker_id.is_some() { Evidence::Clerk } else { Evidence::None };
    Turn { id: TurnId::new(), start_ms, end_ms, speaker_id, evidence, confidence: None }
}

fn caption(turn: &Turn, start_ms: i64, text: &str) -> CaptionRow {
    let (start_ms, end_ms) = (MediaTime::from_ms(start_ms), MediaTime::from_ms(start_ms + 900));
    let word = Word { start_ms, end_ms, text: text.to_owned(), confidence: 0.5 };
    CaptionRow {
        id: CaptionId::new(),
        turn_id: turn.id,
        start_ms,
        end_ms,
        text: text.to_owned(),
        words: sqlx::types::Json(vec![word]),
        confidence: Some(0.5),
        corrected: false,
        language: None,
    }
}

#[tokio::test]
async fn a_transcript_grows_and_comes_back_as_it_was() {
    for test in databases().await {
        let scene = Scene::set(&test.db).await;
        let meeting = scene.meeting.id;
        let mut tx = test.db.begin().await.unwrap();
        let person = tx.ensure_person(&scene.council, "Ngozi Okafor").await.unwrap();
        let chair = Membership {
            person_id: person.id,
            committee_id: Some(scene.committee.id),
            role: "Chair".to_owned(),
            party: None,
            ward: Some("Riverside".to_owned()),
            from_date: noon().date_naive().into(),
            to_date: None,
        };
        tx.ensure_membership(&chair).await.unwrap();
        tx.ensure_membership(&chair).await.unwrap();
        let speaker = Speaker {
            id: SpeakerId::new(),
            person_id: Some(person.id),
            person_slug: Some(person.slug.clone()),
            kind: SpeakerKind::Person,
            name: "Ngozi Okafor".to_owned(),
            role: Some("Chair".to_owned()),
        };
        let id = tx.save_speaker(meeting, &speaker).await.unwrap();
        let again = Speaker { id: SpeakerId::new(), role: None, ..speaker.clone() };
        assert_eq!(tx.save_speaker(meeting, &again).await.unwrap(), id, "one speaker of a name");
        let mut first = turn(Some(id), 0, 900);
        // More than one INSERT's worth.
        let captions: Vec<_> = (0..1_201).map(|n| caption(&first, n * 1_000, &format!("word {n}"))).collect();
        tx.append_transcript(meeting, &[first.clone()], &captions).await.unwrap();
        first.end_ms = 1_201_000;
        tx.append_transcript(meeting, &[first.clone()], &[]).await.unwrap();
        assert_eq!(tx.turn_before(meeting, MediaTime::from_ms(1)).await.unwrap(), Some(first.clone()));
        tx.commit().await.unwrap();

        assert_eq!(test.db.memberships(person.id).await.unwrap(), [chair]);
        assert_eq!(test.db.speakers(meeting).await.unwrap(), [speaker]);
        assert_eq!(test.db.captions(meeting, MediaTime::ZERO).await.unwrap(), captions);
        assert_eq!(test.db.captions(meeting, MediaTime::from_ms(1_199_001)).await.unwrap().len(), 1);
        assert_eq!(test.db.turns(meeting, MediaTime::ZERO).await.unwrap(), [first]);
        assert_eq!(test.db.person_meetings(person.id).await.unwrap()[0].spoken_ms, 1_201_000);
    }
}

#[tokio::test]
async fn a_caption_is_cut_and_voices_that_say_nothing_are_forgotten() {
    for test in databases().await {
        let scene = Scene::set(&test.db).await;
        let meeting = scene.meeting.id;
        let mut tx = test.db.begin().await.unwrap();
        let voice = |name: &str| Speaker {
            id: SpeakerId::new(),
            person_id: None,
            person_slug: None,
            kind: SpeakerKind::Voice,
            name: name.to_owned(),
            role: None,
        };
        let (heard, marked) = (voice("Speaker 1"), voice("Speaker 2"));
        for speaker in [&heard, &marked, &voice("Speaker 3")] {
            tx.save_speaker(meeting, speaker).await.unwrap();
        }
        let mark = SpeakerMark {
            at_ms: 5_000,
            speaker_id: Some(marked.id),
            evidence: Evidence::Voice,
            strength: 0.8,
        };
        tx.save_speaker_mark(meeting, &mark).await.unwrap();
        let spoken = turn(Some(heard.id), 0, 900);
        let row = caption(&spoken, 0, "I so move. Seconded.");
        tx.append_transcript(meeting, &[spoken], std::slice::from_ref(&row)).await.unwrap();
        let cut =
            CaptionRow { end_ms: MediaTime::from_ms(500), text: "I so move.".to_owned(), ..row.clone() };
        tx.set_caption_words(&cut).await.unwrap();
        tx.forget_unheard_voices(meeting).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(test.db.captions(meeting, MediaTime::ZERO).await.unwrap(), [cut]);
        assert_eq!(test.db.speakers(meeting).await.unwrap(), [heard, marked]);
    }
}

#[tokio::test]
async fn captions_give_way_but_for_corrected_ones_and_are_known_by_their_former_ids() {
    for test in databases().await {
        let scene = Scene::set(&test.db).await;
        let meeting = scene.meeting.id;
        let (first, second) = (turn(None, 0, 1_900), turn(None, 2_000, 3_900));
        let rows: Vec<CaptionRow> = [(&first, 0), (&first, 1_000), (&second, 2_000), (&second, 3_000)]
            .map(|(turn, start_ms)| caption(turn, start_ms, "words"))
            .into();
        let older = FormerCaption { id: CaptionId::new(), caption_id: rows[2].id };
        let mut tx = test.db.begin().await.unwrap();
        tx.append_transcript(meeting, &[first.clone(), second.clone()], &rows).await.unwrap();
        tx.save_former_captions(&[older]).await.unwrap();
        assert!(tx.correct_caption(meeting, rows[1].id, "mended", None, noon()).await.unwrap());
        tx.commit().await.unwrap();

        let (from, to) = (MediaTime::from_ms(1_000), MediaTime::from_ms(3_000));
        let mut tx = test.db.begin().await.unwrap();
        let (taken, former) = tx.take_captions(meeting, from, to).await.unwrap();
        let ids: Vec<CaptionId> = taken.iter().map(|row| row.id).collect();
        assert_eq!((ids, former), (vec![rows[1].id, rows[2].id], vec![older]));
        assert_eq!(tx.turn_before(meeting, from).await.unwrap().unwrap().id, first.id);
        let better = CaptionRow { id: rows[2].id, ..caption(&first, 2_000, "better words") };
        tx.append_transcript(meeting, &[], std::slice::from_ref(&better)).await.unwrap();
        tx.save_former_captions(&[older]).await.unwrap();
        tx.remove_empty_turns(meeting).await.unwrap();
        tx.commit().await.unwrap();

        let left = test.db.captions(meeting, MediaTime::ZERO).await.unwrap();
        let texts: Vec<&str> = left.iter().map(|row| row.text.as_str()).collect();
        assert_eq!(texts, ["words", "mended", "better words", "words"]);
        assert_eq!(test.db.former_captions(meeting).await.unwrap(), [older]);
        let turns = test.db.turns(meeting, MediaTime::ZERO).await.unwrap();
        assert_eq!(turns[1].start_ms, 3_000, "it begins with what is left of it");
    }
}

#[tokio::test]
async fn a_correction_keeps_what_stood_there_and_bars_a_replacement() {
    for test in databases().await {
        let scene = Scene::set(&test.db).await;
        let meeting = scene.meeting.id;
        let spoken = turn(None, 0, 900);
        let row = caption(&spoken, 0, "counsellor Smyth");
        let mut tx = test.db.begin().await.unwrap();
        tx.append_transcript(meeting, &[spoken], std::slice::from_ref(&row)).await.unwrap();
        assert!(tx.correct_caption(meeting, row.id, "Councillor Smith", None, noon()).await.unwrap());
        assert!(!tx.correct_caption(meeting, CaptionId::new(), "nobody", None, noon()).await.unwrap());
        tx.commit().await.unwrap();
        let corrected = test.db.caption(row.id).await.unwrap().unwrap();
        assert!(corrected.corrected && corrected.text == "Councillor Smith");
        assert_eq!(test.db.edits(row.id).await.unwrap()[0].text_before, "counsellor Smyth");

        let mut tx = test.db.begin().await.unwrap();
        assert_eq!(tx.count_corrected(meeting).await.unwrap(), 1);
        assert!(tx.clear_transcript(meeting).await.is_err());
    }
}

async fn changed(db: &Db, since: i64) -> Vec<i64> {
    db.changed_meetings(since, 10).await.unwrap().into_iter().map(|change| change.changed_seq).collect()
}

#[tokio::test]
async fn every_change_moves_the_meeting_on_in_the_change_sequence() {
    for test in databases().await {
        let scene = Scene::set(&test.db).await;
        let start = test.db.change_sequence().await.unwrap();
        assert_eq!(changed(&test.db, start).await, Vec::<i64>::new());
        let mut tx = test.db.begin().await.unwrap();
        let (published, withheld) = (MeetingState::Published, MeetingState::Withheld);
        assert!(tx.set_meeting_state(scene.meeting.id, published, withheld).await.unwrap());
        assert!(!tx.set_meeting_state(scene.meeting.id, published, withheld).await.unwrap(), "no longer");
        tx.commit().await.unwrap();
        assert_eq!(changed(&test.db, start).await, [start + 1]);
        let listed = MeetingFilter { listed_only: true, limit: 10, ..MeetingFilter::default() };
        assert_eq!(test.db.meetings(&listed).await.unwrap(), []);
        let all =
            MeetingFilter { committee_id: Some(scene.committee.id), limit: 10, ..MeetingFilter::default() };
        assert_eq!(test.db.count_meetings(&all).await.unwrap(), 1);
    }
}

#[tokio::test]
async fn two_councils_may_have_a_committee_of_one_name() {
    for test in databases().await {
        let scene = Scene::set(&test.db).await;
        let mut tx = test.db.begin().await.unwrap();
        let other = tx.ensure_council("nether-wick", "Nether Wick", noon()).await.unwrap();
        let theirs = tx.ensure_committee(&other, "Planning Committee").await.unwrap();
        assert_eq!(theirs.slug, "planning-committee-nether-wick");
        assert_eq!(tx.ensure_committee(&scene.council, "Planning Committee").await.unwrap(), scene.committee);
    }
}

#[tokio::test]
async fn a_recording_is_brought_up_to_date_without_touching_the_cursor() {
    for test in databases().await {
        let scene = Scene::set(&test.db).await;
        let mut recording = Recording {
            id: RecordingId::new(),
            meeting_id: scene.meeting.id,
            epoch: noon(),
            duration_ms: 1_000,
            has_video: false,
            finished: false,
            transcribed_ms: 0,
            live_ms: 0,
        };
        let mut tx = test.db.begin().await.unwrap();
        tx.save_recording(&recording).await.unwrap();
        tx.set_transcribed(scene.meeting.id, 700).await.unwrap();
        recording.duration_ms = 2_000;
        tx.save_recording(&recording).await.unwrap();
        tx.commit().await.unwrap();
        recording.transcribed_ms = 700;
        assert_eq!(test.db.recording(scene.meeting.id).await.unwrap(), Some(recording));
    }
}

#[tokio::test]
async fn a_user_has_one_address_and_a_role_per_council() {
    for test in databases().await {
        let scene = Scene::set(&test.db).await;
        let user = User {
            id: moothall_core::UserId::new(),
            email: "Clerk@Ambleford.example".to_owned(),
            name: "The clerk".to_owned(),
            password_hash: "$argon2id$…".to_owned(),
            created_at: noon(),
        };
        let mut tx = test.db.begin().await.unwrap();
        let saved = tx.save_user(&user).await.unwrap();
        tx.set_role(saved.id, scene.council.id, Role::Clerk).await.unwrap();
        tx.commit().await.unwrap();
        let found = test.db.user_by_email("clerk@ambleford.example").await.unwrap().unwrap();
        assert_eq!(found.id, user.id);
        assert_eq!(test.db.role(user.id, scene.council.id).await.unwrap(), Some(Role::Clerk));
    }
}

#[tokio::test]
async fn what_waits_to_be_copied_is_told_until_nothing_does() {
    for test in databases().await {
        let scene = Scene::set(&test.db).await;
        let mut backlog = Backlog {
            meeting_id: scene.meeting.id,
            waiting_files: 3,
            waiting_bytes: 1 << 40,
            trouble: "the store does not answer".to_owned(),
            told_at: noon(),
        };
        test.db.tell_backlog(&backlog).await.unwrap();
        backlog.waiting_files = 2;
        test.db.tell_backlog(&backlog).await.unwrap();
        assert_eq!(test.db.archive_backlog().await.unwrap(), [backlog.clone()]);
        backlog.waiting_files = 0;
        test.db.tell_backlog(&backlog).await.unwrap();
        assert_eq!(test.db.archive_backlog().await.unwrap().len(), 1, "the trouble is still told");
        backlog.trouble.clear();
        test.db.tell_backlog(&backlog).await.unwrap();
        assert!(test.db.archive_backlog().await.unwrap().is_empty());
    }
}
