//! What is found, in which order, and how it is shown.

mod made_up;

use chrono::NaiveDate;
use made_up::{council, filled, found, item, meeting, planning, said, search, words};
use moothall_search::{CaptionDoc, FacetValue, Facets, Index, MOST_PAGES, PAGE_SIZE, Query, Sort};
use proptest::prelude::*;

fn strings(values: &[&str]) -> Vec<String> {
    values.iter().map(|&value| value.to_owned()).collect()
}

fn counts(values: &[FacetValue]) -> Vec<(&str, u64)> {
    values.iter().map(|value| (value.label.as_str(), value.count)).collect()
}

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
fn the_form_filters_across_by_and_within_by_or() {
    let docs = planning();
    let filled = filled(&[docs.clone(), council()]);
    let total = |query: Query| filled.index.search(&query).unwrap().total;
    let all = Query { text: "the OR pays OR thank OR application OR parks".to_owned(), ..Query::default() };
    assert_eq!(total(all.clone()), 6);
    let item_id = docs.captions[0].item.as_ref().unwrap().id.to_string();
    let date = NaiveDate::from_ymd_opt;
    for (query, expected) in [
        (Query { speaker: strings(&["p-andrea-jenkins"]), ..all.clone() }, 3),
        (Query { speaker: strings(&["Jenkins", "p-bob-smith", ""]), ..all.clone() }, 4),
        (Query { speaker: strings(&["zoe williams"]), ..all.clone() }, 2),
        (Query { item: vec![item_id], ..all.clone() }, 2),
        (Query { item: strings(&["7 (A)", "8"]), ..all.clone() }, 3),
        (Query { committee: strings(&["planning-committee"]), ..all.clone() }, 3),
        (Query { committee: strings(&["planning"]), ..all.clone() }, 3),
        (Query { committee: strings(&["planning-committee", "full-council"]), ..all.clone() }, 6),
        (Query { council: strings(&["elsewhere"]), ..all.clone() }, 0),
        (Query { from: date(2026, 1, 1), ..all.clone() }, 3),
        (Query { to: date(2025, 12, 31), ..all.clone() }, 3),
        (Query { speaker: strings(&["Jenkins"]), committee: strings(&["full-council"]), ..all.clone() }, 2),
        (Query { text: "speaker:smith".to_owned(), speaker: strings(&["Jenkins"]), ..Query::default() }, 4),
    ] {
        assert_eq!(total(query.clone()), expected, "{query:?}");
    }
}

#[test]
fn facets_count_what_was_found() {
    let filled = filled(&[planning(), council()]);
    let facets = search(&filled.index, "road OR parks OR bypass").facets;
    assert_eq!(counts(&facets.speaker), [("Andrea Jenkins", 3), ("Bob Smith", 1), ("Zoë Ŵilliams", 1)]);
    assert_eq!(
        counts(&facets.item),
        [("7 Budget", 2), ("7(a) Northern road scheme", 1), ("8 Play areas & parks", 1)]
    );
    assert_eq!(counts(&facets.committee), [("Full Council", 3), ("Planning Committee", 2)]);
    assert_eq!(counts(&facets.council), [("Sallowby Town Council", 5)]);
    assert_eq!(counts(&facets.year), [("2026", 2), ("2025", 3)]);
    assert_eq!(facets.committee[1].id, "planning-committee");
}

#[test]
fn a_chosen_facet_still_offers_its_other_values() {
    let filled = filled(&[planning(), council()]);
    let results = search(&filled.index, "road OR parks OR bypass speaker:smith");
    assert_eq!(results.total, 1);
    assert_eq!(
        counts(&results.facets.speaker),
        [("Andrea Jenkins", 3), ("Bob Smith", 1), ("Zoë Ŵilliams", 1)]
    );
    assert_eq!(counts(&results.facets.committee), [("Full Council", 1)]);
}

#[test]
fn what_was_chosen_by_name_or_number_is_told_as_chosen() {
    let docs = planning();
    let road = docs.captions[0].item.as_ref().unwrap().id.to_string();
    let filled = filled(&[docs, council()]);
    let all = Query { text: "road OR parks OR bypass OR application".to_owned(), ..Query::default() };
    let chosen = |query: Query| {
        let Facets { speaker, item, committee, .. } = filled.index.search(&query).unwrap().facets;
        let values = [speaker, item, committee].into_iter().flatten();
        let chosen = values.filter_map(|value| Some((value.chosen?, value.label, value.count)));
        chosen.collect::<Vec<_>>()
    };
    let told = |given: &str, label: &str, count| vec![(given.to_owned(), label.to_owned(), count)];
    for (query, expected) in [
        (Query { item: strings(&["7A"]), ..all.clone() }, told("7A", "7(a) Northern road scheme", 2)),
        (Query { item: vec![road.clone()], ..all.clone() }, told(&road, "7(a) Northern road scheme", 2)),
        (Query { speaker: strings(&["smith"]), ..all.clone() }, told("smith", "Bob Smith", 1)),
        (
            Query { speaker: strings(&["williams", " williams "]), ..all.clone() },
            told("williams", "Zoë Ŵilliams", 2),
        ),
        (
            Query { committee: strings(&["full council"]), ..all.clone() },
            told("full council", "Full Council", 3),
        ),
        (Query { text: "parks speaker:smith".to_owned(), ..Query::default() }, told("smith", "Bob Smith", 1)),
        // Known, but not heard on this.
        (
            Query { text: "bypass speaker:smith".to_owned(), ..Query::default() },
            told("smith", "Bob Smith", 0),
        ),
        (Query { speaker: strings(&["nobody"]), ..all.clone() }, told("nobody", "nobody", 0)),
        (
            Query { text: all.text.clone(), item: strings(&["road"]), ..Query::default() },
            told("road", "7(a) Northern road scheme", 2),
        ),
    ] {
        assert_eq!(chosen(query.clone()), expected, "{query:?}");
    }
    let items = search(&filled.index, "road OR parks OR bypass OR application item:7a").facets.item;
    let same: Vec<_> = items.iter().filter(|value| value.id == road).collect();
    assert_eq!((same.len(), items.len()), (1, 3), "the others are offered, and it only once: {items:?}");
}

#[test]
fn a_choice_that_stands_for_several_is_one_value() {
    let turn = |name: &str, text: &str| said(name, None, text);
    let captions = vec![turn("Ann Lee", "trees"), turn("Tom Lee", "a tree"), turn("Bo Day", "tree tops")];
    let filled = filled(&[meeting("m", "Council", "2026-01-01T10:00:00Z", captions)]);
    let speakers = search(&filled.index, "tree speaker:lee").facets.speaker;
    assert_eq!(counts(&speakers), [("lee", 2), ("Bo Day", 1)]);
}

#[test]
fn a_slug_chooses_its_committee_and_no_other_of_these_words() {
    let captions = || vec![words("trees")];
    let start = "2026-01-01T10:00:00Z";
    let joint = meeting("joint", "Joint Planning Committee", start, captions());
    let filled = filled(&[joint, meeting("planning", "Planning Committee", start, captions())]);
    for (text, expected) in [("committee:planning-committee", 1), ("committee:planning", 2)] {
        assert_eq!(found(&filled.index, &format!("trees {text}")), expected, "{text}");
    }
}

#[test]
fn chosen_values_are_told_however_few_their_matches() {
    let mut turns: Vec<_> =
        (0..50).map(|number| said(&format!("Member {}", number % 25), None, "I agree.")).collect();
    turns.push(said("Quiet Member", None, "I agree."));
    let filled = filled(&[meeting("m", "Council", "2026-01-01T10:00:00Z", turns)]);
    let speakers = search(&filled.index, "agree speaker:quiet").facets.speaker;
    assert_eq!(speakers.len(), 21);
    assert_eq!(speakers.last().unwrap().label, "Quiet Member");
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
    for beyond in [4, MOST_PAGES + 1, 10_000, usize::MAX] {
        let results = page(beyond);
        assert_eq!((results.total, results.page, results.hits.len()), (45, beyond, 0));
    }
}

#[test]
fn passages_end_with_the_turn_the_item_and_after_half_a_minute() {
    let long = (0..60).map(|number| words(&format!("word{number} and"))).collect();
    let filled = filled(&[planning(), meeting("long", "Council", "2026-01-01T10:00:00Z", long)]);
    assert_eq!(found(&filled.index, "word0 word15"), 1);
    assert_eq!(found(&filled.index, "word0 word25"), 0, "fifty seconds apart");
    assert_eq!(found(&filled.index, "county application"), 0, "another speaker");
    assert_eq!(found(&filled.index, "refused café"), 0, "another item");
}

/// One turn of 120 words, word0 to word119, in captions of three: four passages.
fn long_turn() -> Vec<CaptionDoc> {
    let caption = |number: usize| {
        let text =
            (number * 3..number * 3 + 3).map(|word| format!("word{word}")).collect::<Vec<_>>().join(" ");
        said("Ann Lee", None, &text)
    };
    (0..40).map(caption).collect()
}

#[test]
fn a_phrase_is_found_once_wherever_its_turn_is_cut_into_passages() {
    let filled = filled(&[meeting("m", "Council", "2026-01-01T10:00:00Z", long_turn())]);
    let passages = found(&filled.index, "speaker:lee");
    assert!(passages >= 2, "a turn of 80 seconds in {passages} passages");
    for length in [2, 5, 40] {
        for first in 0..=120 - length {
            let words: Vec<_> = (first..first + length).map(|word| format!("word{word}")).collect();
            let results = search(&filled.index, &format!("\"{}\"", words.join(" ")));
            let hit = (results.total, &results.facets.speaker[..]);
            assert!(matches!(hit, (1, [FacetValue { count: 1, .. }])), "{words:?}: {hit:?}");
            // The caption of its first word, and all of it shown.
            let hit = &results.hits[0];
            assert_eq!(hit.t.ms(), (first as i64 / 3 + 1) * 2_000, "{words:?}");
            let marked = hit.snippet.contains(&format!("<mark>{}</mark>", words.join(" ")));
            assert!(marked || length > 30, "{}", hit.snippet);
        }
    }
    assert_eq!(found(&filled.index, "\"word38 word40\""), 0);
    let prefixes = (0..119).map(|word| found(&filled.index, &format!("\"word{word} word{}*\"", word + 1)));
    assert_eq!(prefixes.collect::<Vec<_>>(), [1; 119]);
    let without =
        (0..119).map(|word| found(&filled.index, &format!("speaker:lee -\"word{word} word{}\"", word + 1)));
    assert_eq!(without.collect::<Vec<_>>(), vec![passages - 1; 119]);
}

#[test]
fn a_phrase_does_not_go_on_with_another_turn() {
    let mut captions = long_turn();
    captions[20].speaker = said("Tom Lee", None, "").speaker;
    let filled = filled(&[meeting("m", "Council", "2026-01-01T10:00:00Z", captions)]);
    assert_eq!(found(&filled.index, "\"word58 word59\""), 1);
    assert_eq!(found(&filled.index, "\"word59 word60\""), 0);
}

#[test]
fn what_is_said_next_finds_nothing_by_itself() {
    let filled = filled(&[meeting("m", "Council", "2026-01-01T10:00:00Z", long_turn())]);
    for word in 0..120 {
        for text in [format!("word{word}"), format!("\"word{word}\""), format!("\"word{word}*\" -zebra")] {
            let hits = search(&filled.index, &text).hits;
            assert!(hits.iter().any(|hit| hit.t.ms() == (word / 3 + 1) * 2_000), "{text}: {hits:?}");
            assert!(text.contains('*') || hits.len() == 1, "{text}: {hits:?}");
        }
    }
}

#[test]
fn a_long_passage_is_cut_around_the_words_found() {
    let mut captions: Vec<_> = (0..15).map(|_| words("a long way to go, everybody, before")).collect();
    captions.push(words("the swimming pool is mentioned"));
    let id = captions[15].id;
    let filled = filled(&[meeting("m", "Council", "2026-01-01T10:00:00Z", captions)]);
    let hit = search(&filled.index, "pools").hits.remove(0);
    assert_eq!((hit.caption_id, hit.t.ms()), (id, 32_000));
    assert!(hit.text.starts_with('…') && hit.text.ends_with("mentioned"), "{}", hit.text);
    assert!(hit.text.len() < 120, "{}", hit.text);
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
