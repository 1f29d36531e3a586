use axum::http::{StatusCode, header};
use moothall_core::MeetingState;

use super::scene::{Plan, Town};

#[tokio::test]
async fn every_page_of_a_small_archive() {
    let town = Town::build().await;
    let person = "/people/ngozi-okafor";
    for (name, address) in [
        ("home", "/"),
        ("meetings", "/meetings?committee=planning-committee"),
        ("meeting", "/meetings/planning-march?t=2"),
        ("transcript", "/meetings/planning-march/transcript"),
        ("committee", "/committees/planning-committee"),
        ("person", person),
        ("search", "/search?q=footbridge&speaker="),
    ] {
        insta::assert_snapshot!(name, town.page(address).await);
    }
}

#[tokio::test]
async fn captions_in_capitals_are_shown_as_sentences() {
    let town = Town::planned(Plan { upper_case: true, ..Plan::default() }).await;
    let page = town.page("/meetings/planning-march").await;
    assert!(page.contains(">We come to the footbridge.</a>"), "{page}");
    assert!(page.contains(">Ngozi Okafor is in</a>"), "{page}");
    let grown = town.get("/api/v1/meetings/planning-march/transcript?after_ms=0").await.json();
    assert_eq!(grown["captions"][0]["text"], "Ngozi Okafor is in");
}

#[tokio::test]
async fn a_search_narrows_down_and_explains_itself() {
    let town = Town::build().await;
    let page = town.page("/search?q=bridge&from=2026-01-01&to=2025-01-01").await;
    assert!(page.contains("Nothing found") && page.contains("/search?q=bridge\""), "{page}");
    let page = town.page("/search?q=roof&from=soon").await;
    assert!(page.contains("“soon” in “from” is not a date") && page.contains("<mark>roof</mark>"), "{page}");
    let page = town.page("/search?q=fotbridge+from:soon+%26").await;
    assert!(page.contains("Not understood and left out: “from:soon”, “&#38;”."), "{page}");
    assert!(page.contains("saying “fotbridge”: searched for “footbridge” instead"), "{page}");
    assert!(page.contains("<mark>footbridge</mark>"), "{page}");
    let page = town.page("/search").await;
    assert!(!page.contains("Nothing found"), "nothing was asked yet");
    for hostile in ["%22", "%3Cscript%3Ealert(1)%3C/script%3E", "((", "AND%20OR", "%00", "-"] {
        let page = town.page(&format!("/search?q={hostile}&page=99999999&speaker=%27")).await;
        assert!(!page.contains("<script>alert"), "{hostile}");
    }
}

#[tokio::test]
async fn what_was_chosen_by_number_or_name_is_ticked_and_can_be_taken_back() {
    let town = Town::build().await;
    for (name, value) in
        [("item", "6a"), ("speaker", "okafor"), ("committee", "Planning Committee"), ("year", "2026")]
    {
        let query = form_urlencoded::Serializer::new(String::new()).append_pair(name, value).finish();
        let page = town.page(&format!("/search?q=footbridge&{query}&page=1")).await;
        let ticked = format!("name=\"{name}\" value=\"{value}\" form=\"search\" checked>");
        assert_eq!(page.matches(&ticked).count(), 1, "{value}: {page}");
        assert_eq!(page.matches(" checked").count(), 1, "{value}: {page}");
        assert!(
            page.contains("<a class=\"mh-chosen__link\" href=\"/search?q=footbridge\">"),
            "{value}: {page}"
        );
    }
    // What is typed in the box is taken back there: the form does not send it twice.
    let page = town.page("/search?q=footbridge+item:6a").await;
    let ticked = "name=\"item\" value=\"6a\" form=\"search\" checked disabled>";
    assert!(page.contains(ticked) && !page.contains("mh-chosen__link"), "{page}");
}

#[tokio::test]
async fn results_stand_under_their_meeting() {
    let town = Town::build().await;
    for sort in ["", "&sort=date"] {
        let page = town.page(&format!("/search?q=the{sort}")).await;
        assert_eq!(page.matches("mh-result__link").count(), 3, "{page}");
        assert_eq!(page.matches("<article").count(), 1, "{page}");
        assert!(page.contains("/search.csv?q=the") && page.contains("All of these, each"), "{page}");
    }
}

#[tokio::test]
async fn a_choice_stays_where_nothing_of_it_is_found() {
    let town = Town::build().await;
    let page = town.page("/search?q=roof&item=6a&item=7&from=2026-01-01").await;
    assert_eq!(page.matches("form=\"search\" checked>").count(), 2, "{page}");
    assert!(page.contains("6a Footbridge over the mill race"), "{page}");
    for without in ["q=roof&#38;item=7&#38;from=2026-01-01", "q=roof&#38;item=6a&#38;item=7", "q=roof"] {
        assert!(page.contains(&format!("href=\"/search?{without}\"")), "{without}: {page}");
    }
}

#[tokio::test]
async fn what_is_not_there_is_said_in_words() {
    let town = Town::build().await;
    for address in
        ["/nowhere", "/meetings/none", "/meetings/none/transcript", "/committees/none", "/people/none"]
    {
        let answer = town.get(address).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{address}");
        let text = answer.text();
        assert!(
            text.contains("Page not found") && text.contains("Ambleford Town Council"),
            "{address}: {text}"
        );
    }
    assert_eq!(town.get("/meetings?committee=none").await.status, StatusCode::NOT_FOUND);
    let answer = town.get("/meetings?from=never").await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    assert!(answer.text().contains("write it as 2026-07-23"));
}

#[tokio::test]
async fn a_failing_database_is_not_shown_to_visitors() {
    let town = Town::build().await;
    town.test_db.db.close().await;
    let answer = town.get("/").await;
    assert_eq!(answer.status, StatusCode::INTERNAL_SERVER_ERROR);
    let text = answer.text();
    assert!(text.contains("Sorry, something went wrong") && !text.contains("pool"), "{text}");
    assert_eq!(town.get("/readyz").await.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(town.get("/healthz").await.status, StatusCode::OK);
}

#[tokio::test]
async fn nothing_of_a_meeting_that_is_not_public_leaves() {
    for state in MeetingState::ALL.into_iter().filter(|state| !state.is_public()) {
        let town = Town::planned(Plan { state, ..Plan::default() }).await;
        let page = town.page("/meetings/planning-march").await;
        assert!(page.contains("id=\"notice\"") && page.contains("Footbridge over the mill race"), "{state}");
        let said = &town.captions[0].id.to_string();
        for address in
            ["/", "/meetings", "/search?q=footbridge", "/people/ngozi-okafor", "/meetings/planning-march"]
        {
            let text = town.get(address).await.text();
            assert!(!text.contains(said) && !text.contains("We come to"), "{state}: {address}: {text}");
        }
        for address in [
            "/meetings/planning-march/transcript",
            "/meetings/planning-march/transcript.vtt",
            "/api/v1/meetings/planning-march/transcript",
        ] {
            assert_eq!(town.get(address).await.status, StatusCode::NOT_FOUND, "{state}: {address}");
        }
        let media = format!("/media/{}", town.meeting.id);
        for kind in ["mp4", "mp3"] {
            let clip = format!("/meetings/planning-march/clip.{kind}?t=0&to=2");
            assert_eq!(town.get(&clip).await.status, StatusCode::NOT_FOUND, "{state}: {kind}");
        }
        for file in ["master.m3u8", "a/index.m3u8", "a/1-0.m4s", "poster.jpg", "storyboard.vtt"] {
            let answer = town.get(&format!("{media}/{file}")).await;
            assert_eq!(answer.status, StatusCode::NOT_FOUND, "{state}: {file}");
        }
        let detail = town.get("/api/v1/meetings/planning-march").await.json();
        assert_eq!(detail["media"], serde_json::Value::Null);
        assert_eq!(detail["speakers"], serde_json::json!([]));
        assert_eq!(detail["items"][0]["spans"], serde_json::json!([]));
    }
}

#[tokio::test]
async fn a_live_meeting_is_the_same_page() {
    let town = Town::planned(Plan { state: MeetingState::Live, ..Plan::default() }).await;
    let page = town.page("/meetings/planning-march").await;
    assert!(page.contains("data-live") && page.contains("mh-tag--live"), "{page}");
    assert!(town.page("/").await.contains("Watch now"));
}

#[tokio::test]
async fn every_answer_is_guarded_and_pages_are_compressed() {
    let town = Town::build().await;
    for address in ["/", "/nowhere", "/api/v1/meetings", "/healthz"] {
        let answer = town.get(address).await;
        let policy = answer.header(header::CONTENT_SECURITY_POLICY);
        assert!(
            policy.starts_with("default-src 'self'") && !policy.contains("unsafe"),
            "{address}: {policy}"
        );
        assert_eq!(answer.header(header::X_CONTENT_TYPE_OPTIONS), "nosniff");
        assert_eq!(answer.header(header::CACHE_CONTROL), "no-cache", "{address}");
        assert!(!answer.text().contains(" style=") && !answer.text().contains("<script>"), "{address}");
    }
    let asked = axum::http::Request::get("/").header(header::ACCEPT_ENCODING, "gzip");
    let answer = town.send(asked.body(axum::body::Body::empty()).unwrap()).await;
    assert_eq!(answer.header(header::CONTENT_ENCODING), "gzip");
}

#[tokio::test]
async fn styles_and_scripts_are_kept_for_ever() {
    let town = Town::build().await;
    let page = town.get("/meetings/planning-march").await.text();
    let addresses: Vec<&str> = page.split('"').filter(|part| part.starts_with("/static/")).collect();
    assert!(addresses.len() >= 5, "{addresses:?}");
    for address in addresses {
        let answer = town.get(address).await;
        assert_eq!(answer.status, StatusCode::OK, "{address}");
        assert!(answer.header(header::CACHE_CONTROL).contains("immutable"), "{address}");
        assert!(!answer.header(header::CONTENT_TYPE).contains("octet-stream"), "{address}");
    }
    assert_eq!(town.get("/static/none.css").await.status, StatusCode::NOT_FOUND);
}
