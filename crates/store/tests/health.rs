//! What is measured, what was found, and who is told of it, on both databases.
#![expect(clippy::unwrap_used, reason = "a test")]

use chrono::{DateTime, TimeDelta, Utc};
use moothall_core::{
    MeetingState,
    health::{Finding, Level, Reading, Side},
};
use moothall_store::{AlertEvent, AlertTarget, Db, Meeting};
use moothall_testkit::{Scene, databases, noon};

const LEFT: Finding = Finding::OneSided { silent: Side::Left };

fn at(seconds: i64) -> DateTime<Utc> {
    noon() + TimeDelta::seconds(seconds)
}

fn reading(from: i64, until: i64) -> Reading {
    let level = Level { peak_dbfs: -9.5, rms_dbfs: -20.25, clipped_per_mille: 0.0 };
    Reading { sound: vec![level; 2], sound_kbps: 128.5, ..Reading::empty(at(from), at(until)) }
}

/// Whether both the last second and the row were kept.
async fn save(db: &Db, meeting: &Meeting, reading: &Reading) -> bool {
    let mut tx = db.begin().await.unwrap();
    let now = tx.save_health_now(meeting.id, reading).await.unwrap();
    let row = tx.save_health(meeting.id, reading).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(now, row);
    now
}

/// A meeting that is live.
async fn live(db: &Db) -> Meeting {
    let mut meeting = Scene::set(db).await.meeting;
    let mut tx = db.begin().await.unwrap();
    assert!(tx.set_meeting_state(meeting.id, MeetingState::Published, MeetingState::Live).await.unwrap());
    tx.commit().await.unwrap();
    meeting.state = MeetingState::Live;
    meeting
}

#[tokio::test]
async fn what_is_measured_is_kept_for_so_long_and_not_longer() {
    for test in databases().await {
        let meeting = Scene::set(&test.db).await.meeting;
        assert_eq!(test.db.health_now(meeting.id).await.unwrap(), None);
        let readings = [reading(0, 10), reading(10, 20), reading(20, 30)];
        for reading in &readings {
            assert!(save(&test.db, &meeting, reading).await);
        }
        assert_eq!(test.db.health_series(meeting.id).await.unwrap(), readings);
        assert_eq!(test.db.health_now(meeting.id).await.unwrap().as_ref(), Some(&readings[2]));
        let mut tx = test.db.begin().await.unwrap();
        tx.prune_health(at(20)).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(test.db.health_series(meeting.id).await.unwrap(), readings[1..]);
    }
}

#[tokio::test]
async fn nothing_of_a_private_session_is_kept() {
    for test in databases().await {
        let meeting = live(&test.db).await;
        for from in [0, 10, 20] {
            assert!(save(&test.db, &meeting, &reading(from, from + 10)).await);
        }
        // What was not aired yet, ten seconds before the clerk's action, is private too.
        let mut tx = test.db.begin().await.unwrap();
        tx.begin_private(&meeting, "a reason", None, at(25)).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(test.db.health_series(meeting.id).await.unwrap(), [reading(0, 10)]);
        assert_eq!(test.db.health_now(meeting.id).await.unwrap(), None);
        for (from, until) in [(24, 25), (30, 31), (14, 16), (0, 300)] {
            assert!(!save(&test.db, &meeting, &reading(from, until)).await, "{from} to {until}");
        }
        let mut tx = test.db.begin().await.unwrap();
        tx.reopen(&meeting, None, at(100)).await.unwrap();
        tx.commit().await.unwrap();
        assert!(!save(&test.db, &meeting, &reading(99, 101)).await);
        assert!(save(&test.db, &meeting, &reading(100, 101)).await);
    }
}

#[tokio::test]
async fn a_finding_is_told_once_when_it_begins_and_once_when_it_ends() {
    for test in databases().await {
        let (db, meeting) = (&test.db, live(&test.db).await);
        let mut tx = db.begin().await.unwrap();
        let id = tx.begin_finding(meeting.id, &LEFT, at(0)).await.unwrap().unwrap();
        assert_eq!(tx.begin_finding(meeting.id, &LEFT, at(5)).await.unwrap(), None, "it is known");
        for _ in 0..2 {
            tx.insert_alert(id, AlertTarget::Webhook, AlertEvent::Begin, at(30)).await.unwrap();
        }
        tx.commit().await.unwrap();
        assert_eq!(db.open_findings().await.unwrap().len(), 1);

        let mut tx = db.begin().await.unwrap();
        assert_eq!(tx.end_finding(meeting.id, LEFT.name(), at(60)).await.unwrap(), Some(id));
        assert_eq!(tx.end_finding(meeting.id, LEFT.name(), at(61)).await.unwrap(), None);
        tx.insert_alert(id, AlertTarget::Webhook, AlertEvent::End, at(60)).await.unwrap();
        tx.commit().await.unwrap();
        let row = &db.findings_of(meeting.id).await.unwrap()[0];
        assert_eq!((row.finding, row.since_at, row.ended_at), (LEFT, at(0), Some(at(60))));

        // That it ended waits until it is told that it began, even if that fails at first.
        assert_eq!(db.claim_alert(at(29)).await.unwrap(), None);
        let first = db.claim_alert(at(60)).await.unwrap().unwrap();
        assert_eq!(
            (first.event, first.finding, first.meeting_slug.as_str()),
            (AlertEvent::Begin, LEFT, meeting.slug.as_str())
        );
        assert_eq!(db.claim_alert(at(60)).await.unwrap(), None, "another process has it");
        db.alert_failed(&first, "no answer", Some(at(80)), at(70)).await.unwrap();
        assert_eq!(db.alert_trouble(at(0)).await.unwrap().as_deref(), Some("no answer"));
        assert_eq!(db.claim_alert(at(79)).await.unwrap(), None);
        let again = db.claim_alert(at(80)).await.unwrap().unwrap();
        assert_eq!((again.id, again.attempts), (first.id, 1));
        // Whoever lost it cannot say that it was sent.
        db.alert_sent(&first, at(81)).await.unwrap();
        assert_eq!(db.claim_alert(at(81)).await.unwrap(), None);
        db.alert_sent(&again, at(82)).await.unwrap();
        assert_eq!(db.alert_trouble(at(0)).await.unwrap(), None);
        let second = db.claim_alert(at(83)).await.unwrap().unwrap();
        assert_eq!(second.event, AlertEvent::End);

        // Its process dies: another one takes it when the lease is over.
        assert_eq!(db.claim_alert(at(100)).await.unwrap(), None);
        let taken = db.claim_alert(at(83 + 121)).await.unwrap().unwrap();
        assert_eq!(taken.id, second.id);
        db.alert_failed(&taken, "gone", None, at(205)).await.unwrap();
        assert_eq!(db.claim_alert(at(100_000)).await.unwrap(), None, "given up");
        let mut tx = db.begin().await.unwrap();
        tx.prune_health(at(1_000)).await.unwrap();
        tx.commit().await.unwrap();
        assert!(db.findings_of(meeting.id).await.unwrap().is_empty(), "with its messages");
    }
}

#[tokio::test]
async fn what_is_open_of_a_meeting_that_is_over_or_forgotten_is_found() {
    for test in databases().await {
        let (db, meeting) = (&test.db, live(&test.db).await);
        let mut tx = db.begin().await.unwrap();
        tx.begin_finding(meeting.id, &Finding::NoSource, at(0)).await.unwrap().unwrap();
        tx.commit().await.unwrap();
        assert!(db.stale_findings(at(1)).await.unwrap().is_empty(), "it is live");
        let to = async |from, to| {
            let mut tx = db.begin().await.unwrap();
            assert!(tx.set_meeting_state(meeting.id, from, to).await.unwrap());
            tx.commit().await.unwrap();
        };
        to(MeetingState::Live, MeetingState::Scheduled).await;
        assert!(db.stale_findings(at(0)).await.unwrap().is_empty(), "it may still begin");
        assert_eq!(db.stale_findings(at(1)).await.unwrap().len(), 1);
        to(MeetingState::Scheduled, MeetingState::Ended).await;
        assert_eq!(db.stale_findings(at(0)).await.unwrap().len(), 1);
    }
}
