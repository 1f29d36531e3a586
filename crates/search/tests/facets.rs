//! What can be chosen among what was found, and how much of it there is.

mod made_up;

use chrono::NaiveDate;
use made_up::{council, filled, found, meeting, planning, said, search, strings, words};
use moothall_search::{FacetValue, Facets, Query};

fn counts(values: &[FacetValue]) -> Vec<(&str, u64)> {
    values.iter().map(|value| (value.label.as_str(), value.count)).collect()
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
    let narrowed = |year: &[&str], speaker: &[&str]| {
        let text = "road OR parks OR bypass".to_owned();
        let query = Query { text, year: strings(year), speaker: strings(speaker), ..Query::default() };
        filled.index.search(&query).unwrap()
    };
    for (year, speaker, total, years, speakers) in [
        // Within a facet "or", across "and"; a facet's own choice does not narrow its counts, the others' do.
        (&["2026"][..], &[][..], 2, [2, 3], &[1, 1][..]),
        (&["2026", "2025"], &[], 5, [2, 3], &[3, 1, 1]),
        (&["2025"], &["p-andrea-jenkins", "p-bob-smith"], 3, [1, 3], &[2, 1]),
        (&["2026"], &["p-andrea-jenkins", "p-bob-smith"], 1, [1, 3], &[1, 1, 0]),
    ] {
        let results = narrowed(year, speaker);
        let of = |values: &[FacetValue]| values.iter().map(|value| value.count).collect::<Vec<_>>();
        let found = (results.total, of(&results.facets.year), of(&results.facets.speaker));
        assert_eq!(
            found,
            (total, years.to_vec(), speakers.to_vec()),
            "{year:?} {speaker:?}: {:?}",
            results.facets
        );
    }
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
