//! Jobs survive their workers: none lost, none done twice.
#![expect(clippy::unwrap_used, reason = "a test")]

use chrono::TimeDelta;
use moothall_core::MeetingState;
use moothall_store::{Db, JobKind, JobState, LEASE, Lane, MAX_ATTEMPTS, Meeting, NewJob, StoreError};
use moothall_testkit::{Scene, databases};

async fn enqueue(db: &Db, scene: &Scene) {
    let mut tx = db.begin().await.unwrap();
    let job = NewJob { kind: JobKind::Transcribe, meeting_id: scene.meeting.id, priority: 1 };
    tx.enqueue(&job, scene.clock.now()).await.unwrap();
    tx.commit().await.unwrap();
}

#[tokio::test]
async fn work_that_is_rolled_back_was_never_called_for() {
    for test in databases().await {
        let scene = Scene::set(&test.db).await;
        let mut tx = test.db.begin().await.unwrap();
        let job = NewJob { kind: JobKind::Transcribe, meeting_id: scene.meeting.id, priority: 1 };
        tx.enqueue(&job, scene.clock.now()).await.unwrap();
        drop(tx);
        assert_eq!(test.db.claim_job("a", Lane::Prompt, scene.clock.now()).await.unwrap(), None);
    }
}

#[tokio::test]
async fn the_same_work_waits_only_once() {
    for test in databases().await {
        let scene = Scene::set(&test.db).await;
        enqueue(&test.db, &scene).await;
        enqueue(&test.db, &scene).await;
        assert_eq!(test.db.count_pending_jobs().await.unwrap(), 1);
        assert!(test.db.claim_job("a", Lane::Prompt, scene.clock.now()).await.unwrap().is_some());
        enqueue(&test.db, &scene).await;
        assert_eq!(test.db.claim_job("b", Lane::Prompt, scene.clock.now()).await.unwrap(), None);
    }
}

#[tokio::test]
async fn a_dead_workers_job_goes_to_another_and_the_dead_one_cannot_write() {
    for test in databases().await {
        let scene = Scene::set(&test.db).await;
        enqueue(&test.db, &scene).await;
        let first = test.db.claim_job("a", Lane::Prompt, scene.clock.now()).await.unwrap().unwrap();
        assert_eq!(test.db.claim_job("b", Lane::Prompt, scene.clock.now()).await.unwrap(), None);

        scene.clock.advance(LEASE + TimeDelta::seconds(1));
        let second = test.db.claim_job("b", Lane::Prompt, scene.clock.now()).await.unwrap().unwrap();
        assert_eq!(second.id, first.id);

        // The first comes back from the dead with a transcript of its own: none of it is kept.
        let mut tx = test.db.begin().await.unwrap();
        let mut renamed = scene.meeting.clone();
        renamed.title = "Written by the dead".to_owned();
        tx.update_meeting(&renamed).await.unwrap();
        let lost = tx.finish_job(&first).await;
        assert!(matches!(lost, Err(StoreError::LeaseLost)), "{lost:?}");
        drop(tx);
        let meeting = test.db.meeting(scene.meeting.id).await.unwrap().unwrap();
        assert_eq!(meeting.title, scene.meeting.title);

        let mut tx = test.db.begin().await.unwrap();
        tx.finish_job(&second).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(test.db.jobs_of(scene.meeting.id).await.unwrap()[0].state, JobState::Done);
    }
}

#[tokio::test]
async fn a_sign_of_life_keeps_the_lease() {
    for test in databases().await {
        let scene = Scene::set(&test.db).await;
        enqueue(&test.db, &scene).await;
        let job = test.db.claim_job("a", Lane::Prompt, scene.clock.now()).await.unwrap().unwrap();
        for _ in 0..3 {
            scene.clock.advance(LEASE - TimeDelta::seconds(1));
            test.db.renew_job(&job, scene.clock.now()).await.unwrap();
            assert_eq!(test.db.claim_job("b", Lane::Prompt, scene.clock.now()).await.unwrap(), None);
        }
        let mut tx = test.db.begin().await.unwrap();
        tx.hold_job(&job, 3, 4, scene.clock.now()).await.unwrap();
        tx.put_back_job(&job, scene.clock.now()).await.unwrap();
        tx.commit().await.unwrap();
        let waiting = test.db.jobs_of(scene.meeting.id).await.unwrap().remove(0);
        assert_eq!((waiting.state, waiting.done, waiting.total), (JobState::Ready, 3, 4));
    }
}

#[tokio::test]
async fn a_job_that_fails_is_tried_again_later_and_given_up_in_the_end() {
    for test in databases().await {
        let scene = Scene::set(&test.db).await;
        enqueue(&test.db, &scene).await;
        for attempt in 1..=MAX_ATTEMPTS {
            let job = test.db.claim_job("a", Lane::Prompt, scene.clock.now()).await.unwrap().unwrap();
            test.db.fail_job(&job, &format!("failure {attempt}"), scene.clock.now()).await.unwrap();
            assert_eq!(
                test.db.claim_job("a", Lane::Prompt, scene.clock.now()).await.unwrap(),
                None,
                "not at once"
            );
            scene.clock.advance(TimeDelta::minutes(10));
        }
        assert_eq!(test.db.claim_job("a", Lane::Prompt, scene.clock.now()).await.unwrap(), None);
        let job = test.db.jobs_of(scene.meeting.id).await.unwrap().remove(0);
        assert_eq!((job.state, job.error.as_deref()), (JobState::Failed, Some("failure 5")));
    }
}

#[tokio::test]
async fn a_job_that_kills_its_workers_is_given_up() {
    for test in databases().await {
        let scene = Scene::set(&test.db).await;
        enqueue(&test.db, &scene).await;
        for _ in 0..=MAX_ATTEMPTS {
            assert!(test.db.claim_job("doomed", Lane::Prompt, scene.clock.now()).await.unwrap().is_some());
            scene.clock.advance(LEASE + TimeDelta::seconds(1));
        }
        assert_eq!(test.db.claim_job("doomed", Lane::Prompt, scene.clock.now()).await.unwrap(), None);
        assert_eq!(test.db.jobs_of(scene.meeting.id).await.unwrap()[0].state, JobState::Failed);
    }
}

#[tokio::test]
async fn eight_workers_share_forty_jobs_without_doing_one_twice() {
    for test in databases().await {
        let scene = Scene::set(&test.db).await;
        for number in 0..40 {
            let mut tx = test.db.begin().await.unwrap();
            let meeting = Meeting {
                id: moothall_core::MeetingId::new(),
                slug: format!("meeting-{number}"),
                state: MeetingState::Ended,
                ..scene.meeting.clone()
            };
            tx.insert_meeting(&meeting).await.unwrap();
            let job = NewJob { kind: JobKind::Transcribe, meeting_id: meeting.id, priority: number };
            tx.enqueue(&job, scene.clock.now()).await.unwrap();
            tx.commit().await.unwrap();
        }
        let workers = (0..8).map(|number| {
            let (db, clock) = (test.db.clone(), scene.clock.clone());
            tokio::spawn(async move {
                let mut claimed = Vec::new();
                while let Some(job) =
                    db.claim_job(&format!("worker {number}"), Lane::Prompt, clock.now()).await.unwrap()
                {
                    claimed.push(job.id);
                }
                claimed
            })
        });
        let mut claimed = Vec::new();
        for worker in workers.collect::<Vec<_>>() {
            claimed.extend(worker.await.unwrap());
        }
        claimed.sort();
        assert_eq!(claimed.len(), 40);
        claimed.dedup();
        assert_eq!(claimed.len(), 40, "each once");
    }
}

#[tokio::test]
async fn each_kind_of_work_has_its_lane() {
    for test in databases().await {
        let scene = Scene::set(&test.db).await;
        let mut tx = test.db.begin().await.unwrap();
        for kind in [JobKind::Voices, JobKind::Live] {
            let job = NewJob { kind, meeting_id: scene.meeting.id, priority: 1 };
            tx.enqueue(&job, scene.clock.now()).await.unwrap();
        }
        tx.commit().await.unwrap();
        assert_eq!(test.db.claim_job("a", Lane::Prompt, scene.clock.now()).await.unwrap(), None);
        enqueue(&test.db, &scene).await;
        let lanes =
            [(Lane::Live, JobKind::Live), (Lane::Prompt, JobKind::Transcribe), (Lane::Long, JobKind::Voices)];
        for (lane, kind) in lanes {
            let claimed = test.db.claim_job("a", lane, scene.clock.now()).await.unwrap().unwrap();
            assert_eq!(claimed.kind, kind);
            assert_eq!(test.db.claim_job("b", lane, scene.clock.now()).await.unwrap(), None);
        }
    }
}
