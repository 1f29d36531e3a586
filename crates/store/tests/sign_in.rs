//! Sign-ins and the throttling of guesses, on both databases.
#![expect(clippy::unwrap_used, reason = "a test")]

use chrono::{DateTime, TimeDelta, Utc};
use moothall_core::{SignInId, UserId};
use moothall_store::{Admission, Db, Role, SignIn, User};
use moothall_testkit::{Scene, databases, noon};

const OFFICE: &str = "198.51.100.4";

async fn user(db: &Db) -> User {
    let user = User {
        id: UserId::new(),
        email: "ada@ambleford.example".to_owned(),
        name: "Ada Birch".to_owned(),
        password_hash: "hash".to_owned(),
        created_at: noon(),
    };
    let mut tx = db.begin().await.unwrap();
    let user = tx.save_user(&user).await.unwrap();
    tx.commit().await.unwrap();
    user
}

async fn sign_in(db: &Db, user: UserId, token: &str, now: DateTime<Utc>) -> SignInId {
    let sign_in = SignIn {
        id: SignInId::new(),
        user_id: user,
        address: OFFICE.to_owned(),
        browser: "Firefox".to_owned(),
        created_at: now,
        seen_at: now,
    };
    let mut tx = db.begin().await.unwrap();
    tx.insert_sign_in(&sign_in, token).await.unwrap();
    tx.commit().await.unwrap();
    sign_in.id
}

#[tokio::test]
async fn a_sign_in_lasts_while_it_is_used_and_no_longer_than_a_week() {
    for test in databases().await {
        let user = user(&test.db).await;
        let id = sign_in(&test.db, user.id, "one", noon()).await;
        assert!(test.db.signed_in("two", noon()).await.unwrap().is_none());
        let mut now = noon();
        while now - noon() < TimeDelta::days(7) {
            let (found, who) = test.db.signed_in("one", now).await.unwrap().unwrap();
            assert_eq!((found.id, &who), (id, &user), "{now}");
            assert_eq!(test.db.sign_ins(user.id, now).await.unwrap()[0].seen_at, now);
            now += TimeDelta::hours(11);
        }
        assert!(test.db.signed_in("one", noon() + TimeDelta::days(7)).await.unwrap().is_none());

        sign_in(&test.db, user.id, "idle", now).await;
        assert!(test.db.signed_in("idle", now + TimeDelta::hours(12)).await.unwrap().is_none());
        assert!(test.db.sign_ins(user.id, now + TimeDelta::hours(12)).await.unwrap().is_empty());
    }
}

#[tokio::test]
async fn sign_ins_are_ended_by_their_user_alone() {
    for test in databases().await {
        let user = user(&test.db).await;
        let here = sign_in(&test.db, user.id, "here", noon()).await;
        let there = sign_in(&test.db, user.id, "there", noon()).await;
        sign_in(&test.db, user.id, "elsewhere", noon()).await;
        let mut tx = test.db.begin().await.unwrap();
        assert!(!tx.end_sign_in(UserId::new(), there).await.unwrap(), "it is another's");
        assert!(tx.end_sign_in(user.id, there).await.unwrap());
        assert_eq!(tx.end_sign_ins(user.id, Some(here)).await.unwrap(), 1);
        tx.commit().await.unwrap();
        assert!(test.db.signed_in("there", noon()).await.unwrap().is_none());
        assert!(test.db.signed_in("here", noon()).await.unwrap().is_some());
    }
}

#[tokio::test]
async fn a_removed_user_stays_in_the_books_and_comes_back_with_nothing() {
    for test in databases().await {
        let scene = Scene::set(&test.db).await;
        let user = user(&test.db).await;
        sign_in(&test.db, user.id, "here", noon()).await;
        let mut tx = test.db.begin().await.unwrap();
        tx.set_role(user.id, scene.council.id, Role::Clerk).await.unwrap();
        tx.commit().await.unwrap();
        let roles = test.db.roles_of(user.id).await.unwrap();
        assert_eq!((roles[0].council_slug.as_str(), roles[0].role), ("ambleford", Role::Clerk));

        let mut tx = test.db.begin().await.unwrap();
        tx.remove_user(user.id, noon()).await.unwrap();
        tx.commit().await.unwrap();
        assert!(test.db.signed_in("here", noon()).await.unwrap().is_none());
        assert!(test.db.user_by_email(&user.email).await.unwrap().is_none());
        assert!(test.db.users().await.unwrap().is_empty());

        let mut tx = test.db.begin().await.unwrap();
        let again = tx.save_user(&User { id: UserId::new(), ..user.clone() }).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(again.id, user.id, "what was done before was done by the same");
        assert!(test.db.roles_of(user.id).await.unwrap().is_empty());
    }
}

/// Makes attempts that fail until one is not let through; returns how many were, and when the next is.
async fn guess(
    db: &Db,
    account: &str,
    address: impl Fn(i64) -> String,
    now: DateTime<Utc>,
) -> (i64, DateTime<Utc>) {
    for count in 0..1_000 {
        if let Admission::NotBefore(at) = db.admit_attempt(account, &address(count), now).await.unwrap() {
            return (count, at);
        }
    }
    panic!("guessing goes on for ever");
}

async fn succeed(db: &Db, account: &str, now: DateTime<Utc>) -> bool {
    let Admission::Admitted(id) = db.admit_attempt(account, OFFICE, now).await.unwrap() else { return false };
    let mut tx = db.begin().await.unwrap();
    tx.attempt_succeeded(id, account, OFFICE).await.unwrap();
    tx.commit().await.unwrap();
    true
}

#[tokio::test]
async fn guesses_are_few_and_a_success_forgives_what_was_mistyped() {
    for test in databases().await {
        let office = |_| OFFICE.to_owned();
        let (count, at) = guess(&test.db, "ada@ambleford.example", office, noon()).await;
        assert_eq!((count, at), (5, noon() + TimeDelta::minutes(15)));
        assert_eq!(guess(&test.db, "ADA@ambleford.example", office, noon()).await.0, 0, "it is the same");
        assert!(succeed(&test.db, "bea@ambleford.example", noon()).await, "others in the office go on");
        assert!(!succeed(&test.db, "ada@ambleford.example", at - TimeDelta::seconds(1)).await);
        assert!(succeed(&test.db, "ada@ambleford.example", at).await);
        assert_eq!(guess(&test.db, "ada@ambleford.example", office, at).await.0, 5);
    }
}

#[tokio::test]
async fn one_address_cannot_try_every_account() {
    for test in databases().await {
        let mut tried = 0;
        for account in 0..1_000 {
            let account = format!("{account}@ambleford.example");
            match test.db.admit_attempt(&account, OFFICE, noon()).await.unwrap() {
                Admission::Admitted(_) => tried += 1,
                Admission::NotBefore(_) => break,
            }
        }
        assert_eq!(tried, 30);
    }
}

#[tokio::test]
async fn many_who_guess_together_do_not_lock_the_clerk_out() {
    for test in databases().await {
        let account = "ada@ambleford.example";
        assert!(succeed(&test.db, account, noon() - TimeDelta::days(20)).await);
        let crowd = |count| format!("203.0.113.{count}");
        assert_eq!(guess(&test.db, account, crowd, noon()).await.0, 50);
        assert!(succeed(&test.db, account, noon()).await, "at the office she is known");

        let stranger = test.db.admit_attempt(account, "192.0.2.1", noon()).await.unwrap();
        assert!(matches!(stranger, Admission::NotBefore(_)), "{stranger:?}");
        let mut tx = test.db.begin().await.unwrap();
        tx.forgive_attempts(account).await.unwrap();
        tx.commit().await.unwrap();
        let stranger = test.db.admit_attempt(account, "192.0.2.1", noon()).await.unwrap();
        assert!(matches!(stranger, Admission::Admitted(_)), "{stranger:?}");
    }
}
