//! What is found, in which order, and how it is shown.

mod made_up;

use chrono::NaiveDate;
use made_up::{council, filled, found, item, meeting, planning, said, search, strings, words};
use moothall_search::{Index, MOST_PAGES, PAGE_SIZE, Query, Sort};
use proptest::prelude::*;

#[test]
fn a_hit_shows_all_that_a_page_needs() {
    let docs = planning();
    let filled = filled(std::slice::from_ref(&docs));
    let results = search(&filled.index, "bypass county");
    assert_eq!((results.total, results.page, results.pages), (1, 1, 1));
    let hit = &results.hits[0];
    // The words stand in two captions; the link goes to the first of them.
    assert_eq!((hit.caption_id, hit.t), (docs.captions[1].id, docs.captions[1].start_ms));
    assert_eq!(hit.meeting.id, docs.id);
    assert_eq!(hit.meeting.slug, "planning-2026-07-23");
    assert_eq!(hit.meeting.committee, "Planning Committee");
    assert_eq!(hit.meeting.council, "Sallowby Town Council");
    assert_eq!(hit.meeting.start, "2026-07-23T17:30:00-05:00");
    assert_eq!(hit.speaker.as_ref().unwrap().name, "Andrea Jenkins");
    assert_eq!(hit.item.as_ref().unwrap().number, "7(a)");
    assert_eq!(
        hit.snippet,
        "Thank you. The northern <mark>bypass</mark> would be paid for by the <mark>county</mark>, I am told."
    );
    assert_eq!(hit.text, "Thank you. The northern bypass would be paid for by the county, I am told.");
    let json = serde_json::to_value(hit).unwrap();
    assert_eq!(json["t"], 4.0);
    assert_eq!(json["speaker"]["id"], "p-andrea-jenkins");
}

#[test]
fn words_phrases_references_and_prefixes() {
    let filled = filled(&[planning(), council()]);
    for (text, expected) in [
        ("BYPASS", 1),
        ("paying", 3),
        ("parks", 3),
        ("\"parks\"", 2),
        ("\"northern bypass\"", 1),
        ("\u{201c}northern bypass\u{201d}", 1),
        ("\"bypass northern\"", 0),
        ("\"pay for\"", 0),
        ("\"pays for\"", 3),
        ("24/01150/FULL", 1),
        ("24/01150/full", 1),
        ("01150", 1),
        ("24/01150/FU*", 1),
        ("24/01151/FULL", 0),
        ("café", 1),
        ("CAFE", 1),
        ("cafe\u{301}", 1),
        ("play areas", 1),
        ("by*", 1),
        ("\"northern by*\"", 1),
        ("pays -\"parking\"", 2),
        ("pays NOT parking", 1),
        ("pays -\"who pays\" -parking", 1),
        ("bypass OR \"parking\"", 2),
        ("pays \"parking\" OR road", 2),
        ("bypass AND county", 1),
        ("nowhere", 0),
        ("\"northern bypass", 1),
    ] {
        assert_eq!(found(&filled.index, text), expected, "{text}");
    }
}

#[test]
fn the_box_takes_filters_by_name_and_by_id() {
    let filled = filled(&[planning(), council()]);
    for (text, expected) in [
        ("speaker:jenkins", 3),
        ("Speaker:\"Andrea Jenkins\" county", 2),
        ("speaker: smith", 1),
        ("speaker:p-bob-smith", 1),
        ("speaker:smith speaker:williams", 3),
        ("item:7", 2),
        ("item:7a", 2),
        ("item:budget", 2),
        ("committee:planning", 3),
        ("committee:full-council", 3),
        ("council:sallowby", 6),
        ("from:2026", 3),
        ("year:2026", 3),
        ("year:2026 year:2025", 6),
        ("year:2024", 0),
        ("to:2025", 3),
        ("from:2025-12-31 to:2025-12-31", 3),
        ("from:2025-12 to:2026-07", 6),
        ("from:2026-07-24", 0),
        ("from:2026 to:2025", 0),
        ("committee:planning speaker:jenkins", 1),
    ] {
        assert_eq!(found(&filled.index, text), expected, "{text}");
    }
}

#[test]
fn what_is_not_understood_is_told() {
    let filled = filled(&[planning()]);
    for (text, ignored, total) in [
        ("bypass from:2026-13-01", &["from:2026-13-01"][..], 1),
        ("bypass from:yesterday & * \"\"", &["from:yesterday", "&", "*", "\"\""], 1),
        ("OR bypass", &["OR"], 1),
        ("bypass -speaker:jenkins", &["-speaker:jenkins"], 1),
        ("speaker:", &["speaker:"], 0),
        ("-bypass", &["-bypass"], 0),
        ("NOT bypass", &["bypass"], 0),
        ("-\"northern by\"", &["-\"northern by\""], 0),
        ("http://bypass", &[], 0),
        ("((bypass))", &[], 1),
    ] {
        let results = search(&filled.index, text);
        assert_eq!((results.ignored, results.total), (strings(ignored), total), "{text}");
    }
    let long = search(&filled.index, &"bypass ".repeat(2_000));
    assert_eq!(long.total, 1);
    assert!(!long.ignored.is_empty());
}

#[test]
fn a_word_that_nobody_said_stands_for_those_spelt_almost_so() {
    let filled = filled(&[planning(), council()]);
    for (text, near, total) in [
        ("bypas", &[("bypas", "bypass")][..], 1),
        ("byapss", &[("byapss", "bypass")], 1),
        ("northren BYPAS", &[("northren", "northern"), ("bypas", "bypass")], 1),
        ("aplicattion", &[("aplicattion", "application")], 1),
        ("Ŵoners", &[("woners", "owners")], 1),
        // It was said, though not here.
        ("bypass committee:full-council", &[], 0),
        ("bypasses", &[], 1),
        // Two letters of a short word, a number, a short word, a quotation and a beginning are not guessed at.
        ("bybess", &[], 0),
        ("01151", &[], 0),
        ("pey", &[], 0),
        ("\"bypas\"", &[], 0),
        ("bypaz*", &[], 0),
        ("pays -bypas", &[], 3),
    ] {
        let results = search(&filled.index, text);
        let told: Vec<_> =
            results.near.iter().map(|near| (near.typed.as_str(), near.found[0].as_str())).collect();
        assert_eq!((&told[..], results.total), (near, total), "{text}");
        assert!(near.is_empty() || results.hits[0].snippet.contains("<mark>"), "{text}");
    }
}

#[test]
fn initialisms_are_found_with_and_without_stops() {
    let filled = filled(&[meeting(
        "m",
        "Council",
        "2026-01-01T10:00:00Z",
        vec![words("The N.H.S. pays for S.E.N.D"), words("and the NHS pays again.")],
    )]);
    for text in ["nhs", "N.H.S.", "\"the nhs pays\"", "\"the N.H.S. pays\"", "send", "\"nhs pays for\""] {
        assert_eq!(found(&filled.index, text), 1, "{text}");
    }
    let snippet = search(&filled.index, "NHS").hits.remove(0).snippet;
    assert!(snippet.contains("<mark>N.H.S</mark>.") && snippet.contains("<mark>NHS</mark>"), "{snippet}");
}

#[test]
fn nothing_asked_gives_nothing_and_filters_alone_list_by_date() {
    let filled = filled(&[council(), planning()]);
    for text in ["", "   ", "***", "\u{0}"] {
        let results = search(&filled.index, text);
        assert_eq!((results.total, results.pages, results.hits.len()), (0, 0, 0), "{text:?}");
    }
    let results = search(&filled.index, "council:sallowby");
    let order: Vec<_> = results.hits.iter().map(|hit| (&hit.meeting.slug[..4], hit.t.ms())).collect();
    let expected = [
        ("plan", 2_000),
        ("plan", 8_000),
        ("plan", 10_000),
        ("coun", 2_000),
        ("coun", 4_000),
        ("coun", 6_000),
    ];
    assert_eq!(order, expected);
    assert!(results.hits.iter().all(|hit| !hit.snippet.contains("<mark>")));
}

#[test]
fn the_better_match_comes_first_unless_dates_are_asked_for() {
    let old = meeting("old", "Council", "2020-01-01T10:00:00Z", vec![words("Trees, trees and more trees.")]);
    let text = "One tree was mentioned among very many other things that the council had on its mind.";
    let new = meeting("new", "Council", "2026-01-01T10:00:00Z", vec![words(text)]);
    let filled = filled(&[old, new]);
    let first = |sort| {
        let query = Query { text: "tree".to_owned(), sort, ..Query::default() };
        filled.index.search(&query).unwrap().hits[0].meeting.slug.clone()
    };
    assert_eq!(first(Sort::Relevance), "old");
    assert_eq!(first(Sort::Date), "new");
}

#[test]
fn pages_follow_each_other_without_gap_or_repetition() {
    let turns = (0..45).map(|number| said(&format!("Member {number}"), None, "I agree.")).collect();
    let filled = filled(&[meeting("m", "Council", "2026-01-01T10:00:00Z", turns)]);
    let page = |page| {
        let query = Query { text: "agree".to_owned(), sort: Sort::Date, page, ..Query::default() };
        filled.index.search(&query).unwrap()
    };
    let all: Vec<_> = (1..=3).flat_map(|number| page(number).hits).map(|hit| hit.t.ms()).collect();
    assert_eq!(all, (1..=45).map(|number| number * 2_000).collect::<Vec<_>>());
    assert_eq!((page(1).pages, page(1).hits.len(), page(3).hits.len()), (3, PAGE_SIZE, 5));
    assert_eq!(page(0).hits, page(1).hits);
    let query = Query { text: "agree".to_owned(), sort: Sort::Date, page: 2, ..Query::default() };
    let at_once: Vec<_> = filled.index.search_all(&query).unwrap().iter().map(|hit| hit.t.ms()).collect();
    assert_eq!(at_once, all);
    for beyond in [4, MOST_PAGES + 1, 10_000, usize::MAX] {
        let results = page(beyond);
        assert_eq!((results.total, results.page, results.hits.len()), (45, beyond, 0));
    }
}

fn one_caption(text: &str) -> made_up::Filled {
    filled(&[meeting("m", "Council", "2026-01-01T10:00:00Z", vec![words(text)])])
}

#[test]
fn snippets_are_safe_in_a_page() {
    let filled = one_caption("<script>alert(\"x\")</script> & 'park' <b");
    assert_eq!(
        search(&filled.index, "park").hits[0].snippet,
        "&lt;script&gt;alert(&quot;x&quot;)&lt;/script&gt; &amp; &#39;<mark>park</mark>&#39; &lt;b"
    );
}

/// The made-up meetings, once for all cases of a property.
fn standing() -> &'static Index {
    static FILLED: std::sync::OnceLock<made_up::Filled> = std::sync::OnceLock::new();
    &FILLED.get_or_init(|| filled(&[planning(), council()])).index
}

proptest! {
    #[test]
    fn any_text_is_answered(text in "\\PC{0,80}|[a-z\"*: -]{0,40}|(speaker:|item:|from:|to:|-|\"|OR |NOT |\\*|24/| )*|[\\x00-\\x7f]{0,40}") {
        let results = search(standing(), &text);
        prop_assert!(results.hits.len() <= PAGE_SIZE);
        prop_assert_eq!(results.hits.is_empty(), results.total == 0);
        for ignored in &results.ignored {
            let typed = ignored.strip_suffix('…').unwrap_or(ignored);
            prop_assert!(!typed.is_empty() && text.contains(typed), "{:?} is not of {:?}", ignored, text);
        }
    }

    /// What was understood goes on meaning what it means beside what is not.
    #[test]
    fn what_is_ignored_changes_nothing(noise in "( ([&(){}^~+=*]{1,4}|from:[a-z]{1,8}|-item:[0-9a-z]{1,3}|speaker:[&;])){0,6}") {
        for text in ["bypass county", "pays OR \"northern bypass\"", "road -parking speaker:jenkins"] {
            let (plain, noisy) = (search(standing(), text), search(standing(), &format!("{text}{noise}")));
            prop_assert_eq!(&plain.hits, &noisy.hits, "{} {}", text, noise);
            prop_assert_eq!(noisy.ignored.is_empty(), noise.trim().is_empty());
        }
    }

    #[test]
    fn any_filter_is_answered(value in ".{0,30}", from in -3000..9000_i32, to in -3000..9000_i32) {
        let date = |year| NaiveDate::from_ymd_opt(year, 6, 30);
        let query = Query {
            speaker: vec![value.clone()], item: vec![value.clone()], committee: vec![value.clone()],
            council: vec![value], from: date(from), to: date(to), ..Query::default()
        };
        prop_assert!(standing().search(&query).is_ok());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn any_caption_is_shown_safely(text in "(\\PC|[<>&\"' ]|<mark>|</mark>|\\n){0,300}", other in "[<>&\"'a-z ]{0,300}") {
        let number = item("1", "x");
        let docs = meeting("m", "Council", "2026-01-01T10:00:00Z", vec![
            said("A", Some(&number), &text), said("A", Some(&number), &format!("{other} park & <park>")),
        ]);
        let filled = filled(&[docs]);
        let results = search(&filled.index, "par* OR a");
        prop_assert!(!results.hits.is_empty());
        for hit in results.hits {
            let bare = hit.snippet.replace("<mark>", "").replace("</mark>", "");
            prop_assert!(!bare.contains(['<', '>', '"', '\'']), "{}", hit.snippet);
            let unescaped = bare.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"")
                .replace("&#39;", "'").replace("&amp;", "&");
            prop_assert_eq!(unescaped, hit.text);
            prop_assert_eq!(hit.snippet.matches("<mark>").count(), hit.snippet.matches("</mark>").count());
        }
    }
}
