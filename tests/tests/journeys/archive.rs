//! An archive without media comes in, is read, taken away and searched.

use moothall_tests::{Home, Server, shared_data};
use serde_json::Value;

use crate::fixtures::{SLUG, import_meeting};

#[test]
fn a_meeting_of_text_files_is_read_and_searched() {
    for home in Home::on_each_database() {
        let told = import_meeting(&home, "").ok();
        assert!(told.stdout.starts_with(&format!("/meetings/{SLUG}\n")), "{told:?}");
        assert!(told.stdout.contains("agenda: 6 items"), "{told:?}");
        let server = home.serve();
        pages_show_it(&server);
        downloads_hold_it(&server);
        the_api_tells_it(&server);
        search_finds_it(&server);
        importing_again_changes_nothing(&home, &server);
        assert!(server.stop());
    }
}

fn pages_show_it(server: &Server) {
    let page = server.page(&format!("/meetings/{SLUG}"));
    for part in ["Mill Lane footbridge", "heron walk", "Cllr Ruth Amin", "Dana Whitlock", "?t=14.000"] {
        assert!(page.contains(part), "no {part} in {page}");
    }
    // Nothing was recorded, so there is nothing to play.
    assert!(!page.contains("<video") && !page.contains("<audio"));
    let transcript = server.page(&format!("/meetings/{SLUG}/transcript"));
    for part in ["heron walk", "Highways officer", "Market Street parking"] {
        assert!(transcript.contains(part), "no {part} in {transcript}");
    }
    assert!(server.page("/").contains("Planning Committee"));
    assert!(server.page("/meetings").contains(&format!("/meetings/{SLUG}")));
    assert_eq!(server.get("/meetings/no-such-meeting").status, 404);
}

fn downloads_hold_it(server: &Server) {
    let start = [
        ("vtt", "text/vtt", "WEBVTT"),
        ("srt", "application/x-subrip", "1\n"),
        ("txt", "text/plain", ""),
        ("json", "application/json", "{"),
        ("csv", "text/csv", ""),
    ];
    for (ending, content_type, start) in start {
        let answer = server.get(&format!("/meetings/{SLUG}/transcript.{ending}"));
        assert_eq!(answer.status, 200, "{ending}");
        assert!(answer.content_type.starts_with(content_type), "{ending}: {}", answer.content_type);
        let text = answer.text();
        assert!(text.trim_start_matches('\u{feff}').starts_with(start), "{ending}: {text}");
        assert!(text.contains("heron walk"), "{ending}: {text}");
    }
}

fn the_api_tells_it(server: &Server) {
    let meeting = server.json(&format!("/api/v1/meetings/{SLUG}"));
    assert_eq!(meeting["state"], "published");
    assert_eq!(meeting["start"], "2026-02-26T18:30:00Z");
    assert_eq!(meeting["media"], Value::Null);
    let item = &meeting["items"][3];
    assert_eq!((&item["number"], &item["title"]), (&"3a".into(), &"Mill Lane footbridge".into()));
    let span = &item["spans"][0];
    assert_eq!((&span["start_ms"], &span["end_ms"]), (&14_000.into(), &40_000.into()));
    assert_eq!((&span["source"], &span["confirmed"]), (&"clerk".into(), &true.into()));

    let transcript = server.json(&format!("/api/v1/meetings/{SLUG}/transcript"));
    assert_eq!(transcript["captions"].as_array().unwrap().len(), 11);
    let caption = &transcript["captions"][5];
    assert_eq!(caption["start_ms"], 26_400);
    assert_eq!(caption["item_id"], item["id"]);
    let turns = transcript["turns"].as_array().unwrap();
    let turn = turns.iter().find(|turn| turn["id"] == caption["turn_id"]).unwrap();
    assert_eq!(turn["speaker"]["name"], "Dana Whitlock");
    assert_eq!(turn["evidence"], "clerk");
    // Nobody is made a person for having spoken from the public seats.
    let public = turns.iter().find(|turn| turn["start_ms"] == 32_250).unwrap();
    assert_eq!((&public["speaker"]["kind"], &public["speaker"]["person"]), (&"public".into(), &Value::Null));
}

fn search_finds_it(server: &Server) {
    let all = server.found("q=footbridge");
    assert_eq!(all["total"], 3, "{all:#}");
    let hits = all["hits"].as_array().unwrap();
    let hit = hits.iter().find(|hit| hit["t"] == 14.3).unwrap();
    assert_eq!(hit["meeting"]["slug"], SLUG);
    assert_eq!(hit["meeting"]["committee"], "Planning Committee");
    assert_eq!(hit["speaker"]["name"], "Dana Whitlock");
    assert_eq!(hit["item"]["number"], "3a");
    assert!(hit["snippet"].as_str().unwrap().contains("<mark>footbridge</mark>"), "{hit}");
    let caption = hit["caption_id"].as_str().unwrap();
    assert_eq!(hit["url"], format!("/meetings/{SLUG}?t=14.300#c-{caption}"));
    assert!(server.page(&format!("/meetings/{SLUG}?t=14.300")).contains(&format!("id=\"c-{caption}\"")));

    for (facet, values) in [("speaker", 3), ("item", 2), ("committee", 1), ("year", 1)] {
        assert_eq!(all["facets"][facet].as_array().unwrap().len(), values, "{facet}: {all:#}");
    }
    let hale = hits.iter().find(|hit| hit["speaker"]["name"] == "Cllr Tom Hale").unwrap();
    let of_hale = format!("q=footbridge&speaker={}", hale["speaker"]["id"].as_str().unwrap());
    let his = server.json(&format!("/api/v1/search?{of_hale}"));
    assert_eq!((&his["total"], &his["hits"][0]["t"]), (&1.into(), &46.75.into()));
    let on_parking = server.json("/api/v1/search?q=footbridge&item=3b");
    assert_eq!((&on_parking["total"], &on_parking["hits"][0]["t"]), (&1.into(), &46.75.into()));
    assert_eq!(server.json("/api/v1/search?q=heron&committee=planning-committee")["total"], 1);
    assert_eq!(server.json("/api/v1/search?q=heron&from=2026-03-01")["total"], 0);
    let page = server.page("/search?q=footbridge&item=3a");
    assert!(page.contains(&format!("/meetings/{SLUG}?t=14.300#c-{caption}")), "{page}");
    assert!(page.contains("name=\"item\" value=\"3a\" form=\"search\" checked>"), "{page}");
    let both = server.json("/api/v1/search?q=footbridge&item=3a&item=3b");
    assert_eq!(both["total"], 3, "or within a facet: {both:#}");
    let counts = |facet: &str| -> Vec<u64> {
        both["facets"][facet]
            .as_array()
            .unwrap()
            .iter()
            .map(|value| value["count"].as_u64().unwrap())
            .collect()
    };
    assert_eq!((counts("item"), counts("committee"), counts("year")), (vec![2, 1], vec![3], vec![3]));
}

fn importing_again_changes_nothing(home: &Home, server: &Server) {
    let everything = || {
        let meeting = server.json(&format!("/api/v1/meetings/{SLUG}"));
        (meeting, server.json(&format!("/api/v1/meetings/{SLUG}/transcript")))
    };
    let before = everything();
    let told = import_meeting(home, "").ok();
    assert_eq!(told.stdout.trim(), format!("/meetings/{SLUG} is as it was"));
    assert_eq!(everything(), before);
}

/// The real archive that the issue speaks of.
#[test]
fn huntsville_is_imported_and_the_bypass_is_found() {
    let parts = [
        ("--agenda", "agendas/huntsville-2026-07-23-city-council-meeting.pdf"),
        ("--items", "transcripts/huntsville-2026-07-23.items.csv"),
        ("--captions", "transcripts/huntsville-2026-07-23-city-council-meeting.captions.vtt"),
    ];
    let mut arguments = vec!["import", "meeting", "--committee", "City Council", "--title"];
    arguments.extend(["City Council Regular Meeting", "--start", "2026-07-23T17:30:00-05:00", "--publish"]);
    arguments.extend(["--council", "huntsville"]);
    let mut files = Vec::new();
    for (flag, file) in parts {
        let Some(path) = shared_data(file) else { return };
        files.push((flag, path.display().to_string()));
    }
    arguments.extend(files.iter().flat_map(|(flag, path)| [*flag, path.as_str()]));
    for home in Home::on_each_database() {
        home.run(&arguments).ok();
        let server = home.serve();
        let answer = server.found("q=bypass&item=7a");
        let hits = answer["hits"].as_array().unwrap();
        assert!(hits.iter().all(|hit| hit["item"]["number"] == "7a"), "{answer:#}");
        // Item 7a is a presentation; the item log says when it was given.
        let meeting = server.json("/api/v1/meetings/city-council-2026-07-23");
        let items = meeting["items"].as_array().unwrap();
        let span = &items.iter().find(|item| item["number"] == "7a").unwrap()["spans"][0];
        for hit in hits {
            let at_ms = (hit["t"].as_f64().unwrap() * 1_000.0) as i64;
            assert!(at_ms >= span["start_ms"].as_i64().unwrap(), "{hit}");
            assert!(at_ms < span["end_ms"].as_i64().unwrap(), "{hit}");
        }
        let hit = &hits[0];
        let link = hit["url"].as_str().unwrap();
        assert!(link.starts_with("/meetings/city-council-2026-07-23?t="), "{link}");
        assert!(server.page("/search?q=bypass&item=7a").contains(link));
        let (address, anchor) = link.split_once('#').unwrap();
        assert!(server.page(address).contains(&format!("id=\"{anchor}\"")));
        // The city's time, not ours.
        assert!(meeting["start"].as_str().unwrap().ends_with("-05:00"), "{meeting}");
    }
}
