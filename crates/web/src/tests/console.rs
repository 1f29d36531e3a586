//! The door of the console, and who may go where behind it.

use axum::{
    body::Body,
    http::{Request, StatusCode, header},
};
use chrono::TimeDelta;
use moothall_core::{Secret, UserId, hash_password};
use moothall_store::{Role, User};

use super::scene::{Answer, Town};

pub const PASSWORD: &str = "corn exchange heron lantern";

impl Town {
    /// Gives a council, which is made where there is none, a user who may do this.
    pub async fn add_user(&self, email: &str, council: &str, role: Role) -> User {
        let now = self.clock.now();
        let user = User {
            id: UserId::new(),
            email: email.to_owned(),
            name: "Ada <Birch>".to_owned(),
            password_hash: hash_password(&Secret::new(PASSWORD)).unwrap(),
            created_at: now,
        };
        let mut tx = self.test_db.db.begin().await.unwrap();
        let user = tx.save_user(&user).await.unwrap();
        let council = tx.ensure_council(council, "Nether Wick", now).await.unwrap();
        tx.set_role(user.id, council.id, role).await.unwrap();
        tx.commit().await.unwrap();
        user
    }

    pub async fn post(&self, address: &str, cookie: &str, form: &[(&str, &str)]) -> Answer {
        let form = form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        let request = Request::post(address)
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .header(header::COOKIE, cookie)
            .header(header::USER_AGENT, "Firefox/145.0 (Linux)");
        self.send(request.body(Body::from(form)).unwrap()).await
    }

    pub async fn get_as(&self, address: &str, cookie: &str) -> Answer {
        self.send(Request::get(address).header(header::COOKIE, cookie).body(Body::empty()).unwrap()).await
    }

    pub async fn log_in(&self, email: &str, password: &str) -> Answer {
        self.post("/login", "", &[("email", email), ("password", password)]).await
    }

    /// The cookie of somebody who signs in.
    pub async fn cookie_of(&self, email: &str) -> String {
        let answer = self.log_in(email, PASSWORD).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.text());
        answer.header(header::SET_COOKIE).split(';').next().unwrap().to_owned()
    }

    async fn audit(&self, user: &User) -> Vec<String> {
        let entries = self.test_db.db.audit_of(&user.id.to_string()).await.unwrap();
        entries.into_iter().map(|entry| entry.action).collect()
    }
}

const ADA: &str = "ada@ambleford.example";

#[tokio::test]
async fn a_clerk_signs_in_and_out() {
    let town = Town::build().await;
    let ada = town.add_user(ADA, "ambleford", Role::Clerk).await;
    let sent_away = town.get("/clerk/account").await;
    assert_eq!(sent_away.status, StatusCode::SEE_OTHER);
    assert_eq!(sent_away.header(header::LOCATION), "/login?next=%2Fclerk%2Faccount");
    let page = town.get("/login?next=%2Fclerk%2Faccount").await;
    assert!(page.text().contains("name=\"next\" value=\"/clerk/account\""), "{}", page.text());

    // Addresses are not told apart by case.
    let form = [("email", " Ada@Ambleford.Example "), ("password", PASSWORD), ("next", "/clerk/account")];
    let let_in = town.post("/login", "", &form).await;
    assert_eq!(let_in.header(header::LOCATION), "/clerk/account");
    let set = let_in.header(header::SET_COOKIE).to_owned();
    assert!(set.contains("HttpOnly") && set.contains("SameSite=Lax") && !set.contains("Max-Age"), "{set}");
    let cookie = set.split(';').next().unwrap();
    let home = town.get_as("/clerk", cookie).await;
    assert_eq!(home.status, StatusCode::OK);
    assert!(home.text().contains("/clerk/meetings/planning-march"), "{}", home.text());
    for answer in [&home, &let_in, &sent_away, &page] {
        assert_eq!(answer.header(header::CACHE_CONTROL), "no-store");
    }
    let account = town.get_as("/clerk/account", cookie).await.text();
    assert!(account.contains("Ada &#60;Birch&#62;") && account.contains("Firefox on Linux"), "{account}");

    let out = town.post("/logout", cookie, &[]).await;
    assert_eq!(out.header(header::LOCATION), "/login");
    assert!(out.header(header::SET_COOKIE).contains("Max-Age=0"));
    assert_eq!(town.get_as("/clerk", cookie).await.status, StatusCode::SEE_OTHER);
    assert_eq!(town.audit(&ada).await, ["user.sign-in", "user.sign-out"]);
}

#[tokio::test]
async fn a_sign_in_leads_into_the_console_and_nowhere_else() {
    let town = Town::build().await;
    town.add_user(ADA, "ambleford", Role::Clerk).await;
    for next in ["https://evil.example/", "//evil.example", "/meetings", "/clerk\\evil", ""] {
        let form = [("email", ADA), ("password", PASSWORD), ("next", next)];
        assert_eq!(town.post("/login", "", &form).await.header(header::LOCATION), "/clerk", "{next}");
    }
}

#[tokio::test]
async fn an_unknown_address_and_a_wrong_password_are_answered_alike() {
    let town = Town::build().await;
    let ada = town.add_user(ADA, "ambleford", Role::Clerk).await;
    let wrong = town.log_in(ADA, "wrong").await;
    let unknown = town.log_in("bea@ambleford.example", "wrong").await;
    assert_eq!((wrong.status, unknown.status), (StatusCode::FORBIDDEN, StatusCode::FORBIDDEN));
    assert_eq!(wrong.text().replace(ADA, ""), unknown.text().replace("bea@ambleford.example", ""));
    assert!(wrong.header(header::SET_COOKIE).is_empty());
    assert_eq!(town.audit(&ada).await, ["user.sign-in-failed"]);
}

#[tokio::test]
async fn who_guesses_has_to_wait() {
    let town = Town::build().await;
    town.add_user(ADA, "ambleford", Role::Clerk).await;
    for _ in 0..5 {
        assert_eq!(town.log_in(ADA, "a guess").await.status, StatusCode::FORBIDDEN);
    }
    let answer = town.log_in(ADA, PASSWORD).await;
    assert_eq!(answer.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(answer.header(header::RETRY_AFTER), "901");
    assert!(answer.text().contains("Wait 16 minutes"), "{}", answer.text());
    town.clock.advance(TimeDelta::seconds(901));
    assert_eq!(town.log_in(ADA, PASSWORD).await.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn a_cookie_that_was_there_before_is_worth_nothing_afterwards() {
    let town = Town::build().await;
    town.add_user(ADA, "ambleford", Role::Clerk).await;
    let before = town.cookie_of(ADA).await;
    let form = [("email", ADA), ("password", PASSWORD)];
    let again = town.post("/login", &before, &form).await;
    let after = again.header(header::SET_COOKIE).split(';').next().unwrap();
    assert_ne!(before, after);
    assert_eq!(town.get_as("/clerk", &before).await.status, StatusCode::SEE_OTHER);
    assert_eq!(town.get_as("/clerk", after).await.status, StatusCode::OK);
    // One that was planted does not become a sign-in.
    town.post("/login", "moothall=planted", &form).await;
    assert_eq!(town.get_as("/clerk", "moothall=planted").await.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn another_sites_page_changes_nothing() {
    let town = Town::build().await;
    town.add_user(ADA, "ambleford", Role::Clerk).await;
    let cookie = town.cookie_of(ADA).await;
    for (name, value) in [("sec-fetch-site", "cross-site"), ("origin", "https://evil.example")] {
        let request = Request::post("/logout")
            .header(header::HOST, "meetings.ambleford.example")
            .header(header::COOKIE, &cookie)
            .header(name, value);
        let answer = town.send(request.body(Body::empty()).unwrap()).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN);
        assert!(answer.text().contains("a page of another site"), "{}", answer.text());
    }
    let request = Request::post("/logout")
        .header(header::HOST, "meetings.ambleford.example")
        .header(header::COOKIE, &cookie)
        .header("origin", "https://meetings.ambleford.example");
    assert_eq!(town.send(request.body(Body::empty()).unwrap()).await.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn sign_ins_are_seen_and_ended_by_their_owner() {
    let town = Town::build().await;
    town.add_user(ADA, "ambleford", Role::Clerk).await;
    town.add_user("bea@ambleford.example", "ambleford", Role::Clerk).await;
    let (here, there, everywhere) =
        (town.cookie_of(ADA).await, town.cookie_of(ADA).await, town.cookie_of(ADA).await);
    let beas = town.cookie_of("bea@ambleford.example").await;
    let page = town.get_as("/clerk/account", &here).await.text();
    let ids: Vec<&str> =
        page.split("name=\"sign_in\" value=\"").skip(1).map(|rest| rest.split('"').next().unwrap()).collect();
    assert_eq!(ids.len(), 2, "{page}");
    town.post("/clerk/account/sign-out", &beas, &[("sign_in", ids[0])]).await;
    assert_eq!(town.get_as("/clerk", &there).await.status, StatusCode::OK, "it is not hers to end");
    for id in &ids[..1] {
        town.post("/clerk/account/sign-out", &here, &[("sign_in", id)]).await;
    }
    let open = [
        town.get_as("/clerk", &there).await.status == StatusCode::OK,
        town.get_as("/clerk", &everywhere).await.status == StatusCode::OK,
    ];
    assert_eq!(open.iter().filter(|open| **open).count(), 1);
    town.post("/clerk/account/sign-out", &here, &[]).await;
    assert_eq!(town.get_as("/clerk", &there).await.status, StatusCode::SEE_OTHER);
    assert_eq!(town.get_as("/clerk", &everywhere).await.status, StatusCode::SEE_OTHER);
    assert_eq!(town.get_as("/clerk", &here).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_password_is_changed_by_who_knows_it() {
    let town = Town::build().await;
    let ada = town.add_user(ADA, "ambleford", Role::Clerk).await;
    let (here, there) = (town.cookie_of(ADA).await, town.cookie_of(ADA).await);
    let change = async |current: &str, new: &str| {
        town.post("/clerk/account/password", &here, &[("current", current), ("new", new)]).await
    };
    let new = "mill race gravel Tuesday";
    assert!(change("wrong", new).await.text().contains("present password is not right"));
    assert!(change(PASSWORD, "short").await.text().contains("too short"));
    assert!(change(PASSWORD, "ambleford1234").await.text().contains("easily guessed"));
    assert_eq!(town.get_as("/clerk", &there).await.status, StatusCode::OK);
    let answer = change(PASSWORD, new).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert!(answer.text().contains("Your password is changed"));
    assert_eq!(town.get_as("/clerk", &there).await.status, StatusCode::SEE_OTHER);
    assert_eq!(town.get_as("/clerk", &here).await.status, StatusCode::OK);
    assert_eq!(town.log_in(ADA, PASSWORD).await.status, StatusCode::FORBIDDEN);
    assert_eq!(town.log_in(ADA, new).await.status, StatusCode::SEE_OTHER);
    let audit = town.audit(&ada).await;
    assert_eq!(audit.iter().filter(|action| *action == "user.password").count(), 1, "{audit:?}");
}

#[tokio::test]
async fn what_is_another_councils_is_not_there() {
    let town = Town::build().await;
    town.add_user(ADA, "ambleford", Role::Viewer).await;
    town.add_user("bea@wick.example", "nether-wick", Role::Administrator).await;
    let (ada, bea) = (town.cookie_of(ADA).await, town.cookie_of("bea@wick.example").await);
    let meeting = "/clerk/meetings/planning-march";
    let page = town.get_as(meeting, &ada).await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(page.text().contains("You may look at this meeting"), "{}", page.text());
    let not_hers = town.get_as(meeting, &bea).await;
    assert_eq!(not_hers.status, StatusCode::NOT_FOUND);
    assert_eq!(not_hers.header(header::CACHE_CONTROL), "no-store");
    assert!(!town.get_as("/clerk", &bea).await.text().contains("planning-march"));
    assert_eq!(town.get_as("/clerk/meetings/none", &ada).await.status, StatusCode::NOT_FOUND);
}
