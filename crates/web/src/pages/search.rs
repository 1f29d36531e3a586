//! `/search`: what was said, by whom, on which item.

use askama::Template;

use axum::{extract::State, response::Html};
use moothall_search::{Facets, Hit, MOST_HITS, Query, Results};

use super::html;
use crate::{
    api::search::url,
    failure::Result,
    query::Pairs,
    state::AppState,
    take_away,
    views::{Link, Paging, Site, When, count},
};

/// What can be chosen from a list, several of each.
const FACETS: [&str; 5] = ["speaker", "item", "committee", "council", "year"];

#[derive(Debug, Template)]
#[template(path = "search.html")]
pub struct SearchPage {
    pub site: Site,
    pub form: Form,
    /// None until something was asked.
    pub answer: Option<Answer>,
}

impl SearchPage {
    /// Whether the part of the form that is folded away holds something.
    fn has_dates(&self) -> bool {
        !self.form.from.is_empty() || !self.form.to.is_empty() || self.form.newest_first
    }
}

/// The question as it was asked, to be shown again.
#[derive(Debug, Clone, Default)]
pub struct Form {
    pub q: String,
    /// `YYYY-MM-DD` or empty.
    pub from: String,
    pub to: String,
    /// Whether results come newest first instead of best first.
    pub newest_first: bool,
}

#[derive(Debug, Clone, Default)]
pub struct Answer {
    /// `12 moments`.
    pub total: String,
    /// In the order of the best, or latest, moment of each.
    pub meetings: Vec<FoundMeeting>,
    /// The same question's results as files.
    pub files: Vec<Link>,
    /// Whether there are more results than are told.
    pub cut_off: bool,
    pub facets: Vec<FacetView>,
    pub paging: Paging,
    /// What of the question was not understood or was taken otherwise, in sentences.
    pub told: Vec<String>,
    /// What narrows the question, each with the address of the question without it.
    pub chosen: Vec<Link>,
    /// The same question without any filter, where there is one.
    pub without_filters: Option<String>,
}

/// What was found in one meeting, of a page of results.
#[derive(Debug, Clone)]
pub struct FoundMeeting {
    pub href: String,
    pub title: String,
    pub committee: String,
    pub when: Option<When>,
    pub hits: Vec<HitView>,
}

#[derive(Debug, Clone)]
pub struct HitView {
    /// The meeting's page at that second.
    pub href: String,
    pub clock: String,
    /// HTML, escaped but for the `<mark>` around what was asked for.
    pub snippet: String,
    pub speaker: Option<String>,
    pub item: Option<String>,
}

#[derive(Debug, Clone)]
pub struct FacetView {
    pub title: &'static str,
    /// The parameter by which it is asked for.
    pub name: &'static str,
    pub values: Vec<FacetValue>,
}

#[derive(Debug, Clone)]
pub struct FacetValue {
    pub label: String,
    pub count: u64,
    /// What is asked for; where it is chosen, by what it was chosen.
    pub value: String,
    pub chosen: bool,
    /// Whether the search box chooses it, where alone that can be taken back.
    pub in_box: bool,
}

impl Form {
    fn new(pairs: &Pairs) -> Self {
        let text = |name| pairs.first(name).unwrap_or_default().to_owned();
        Self { q: text("q"), from: text("from"), to: text("to"), newest_first: pairs.has("sort", "date") }
    }
}

impl HitView {
    fn new(hit: Hit) -> Self {
        let item = hit.item.as_ref().map(|item| match item.number.is_empty() {
            true => item.title.clone(),
            false => format!("{}. {}", item.number, item.title),
        });
        Self {
            href: url(&hit),
            clock: hit.t.clock(),
            snippet: hit.snippet,
            speaker: hit.speaker.map(|speaker| speaker.name),
            item,
        }
    }
}

fn by_meeting(hits: Vec<Hit>) -> Vec<FoundMeeting> {
    let mut meetings: Vec<FoundMeeting> = Vec::new();
    for hit in hits {
        let href = format!("/meetings/{}", hit.meeting.slug);
        let place = meetings.iter().position(|meeting| meeting.href == href).unwrap_or_else(|| {
            meetings.push(FoundMeeting {
                href,
                title: hit.meeting.title.clone(),
                committee: hit.meeting.committee.clone(),
                when: hit.meeting.start.parse().ok().map(When),
                hits: Vec::new(),
            });
            meetings.len() - 1
        });
        meetings[place].hits.push(HitView::new(hit));
    }
    meetings
}

/// Only what there is to choose from; a choice already made can always be taken back.
fn facets(found: Facets, pairs: &Pairs) -> Vec<FacetView> {
    let view = |title, name: &'static str, values: Vec<moothall_search::FacetValue>| {
        let values = values.into_iter().map(|value| FacetValue {
            chosen: value.chosen.is_some(),
            in_box: value.chosen.as_ref().is_some_and(|given| !pairs.has(name, given)),
            value: value.chosen.unwrap_or(value.id),
            label: value.label,
            count: value.count,
        });
        FacetView { title, name, values: values.collect() }
    };
    let mut views = vec![
        view("Speaker", "speaker", found.speaker),
        view("Agenda item", "item", found.item),
        view("Committee", "committee", found.committee),
        view("Year", "year", found.year),
        view("Council", "council", found.council),
    ];
    views.retain(|facet| facet.values.len() > 1 || facet.values.iter().any(|value| value.chosen));
    views
}

/// What narrows the question but for its words.
fn chosen(facets: &[FacetView], query: &Query, pairs: &Pairs) -> Vec<Link> {
    let pairs = pairs.without("page");
    let values = facets.iter().flat_map(|facet| facet.values.iter().map(move |value| (facet.name, value)));
    let values = values.filter(|(_, value)| value.chosen && !value.in_box);
    let values = values.map(|(name, value)| Link {
        text: value.label.clone(),
        href: pairs.toggled(name, &value.value).address("/search"),
    });
    let dates = [("From", "from", query.from), ("To", "to", query.to)].into_iter();
    let dates = dates.filter_map(|(word, name, date)| {
        let text = format!("{word} {}", date?.format("%-d %B %Y"));
        Some(Link { text, href: pairs.without(name).address("/search") })
    });
    values.chain(dates).collect()
}

impl Answer {
    fn new(found: Results, query: &Query, problems: Vec<String>, pairs: &Pairs) -> Self {
        let mut told = problems;
        let quoted = |words: &[String]| words.iter().map(|word| format!("“{word}”")).collect::<Vec<_>>();
        if !found.ignored.is_empty() {
            told.push(format!("Not understood and left out: {}.", quoted(&found.ignored).join(", ")));
        }
        for near in found.near {
            let instead = quoted(&near.found).join(" or ");
            told.push(format!(
                "Nobody is recorded as saying “{}”: searched for {instead} instead.",
                near.typed
            ));
        }
        let filtered = pairs.only(&[&FACETS[..], &["from", "to"]].concat()) != Pairs::default();
        let facets = facets(found.facets, pairs);
        let file = |form: take_away::Form| Link {
            text: form.name().to_owned(),
            href: pairs.without("page").address(form.path()),
        };
        Self {
            total: count(found.total, "moment", "moments"),
            meetings: by_meeting(found.hits),
            files: take_away::Form::ALL.into_iter().map(file).collect(),
            cut_off: found.total > MOST_HITS as u64,
            chosen: chosen(&facets, query, pairs),
            facets,
            paging: Paging::new(found.page, found.pages, |page| {
                pairs.with("page", &page.to_string()).address("/search")
            }),
            told,
            without_filters: filtered.then(|| pairs.only(&["q", "sort"]).address("/search")),
        }
    }
}

/// Searches on a thread that may block.
///
/// # Errors
/// [`crate::failure::Failure::Internal`] where the index cannot be read.
pub async fn find(state: &AppState, query: Query) -> Result<Results> {
    let index = std::sync::Arc::clone(&state.index);
    Ok(tokio::task::spawn_blocking(move || index.search(&query)).await??)
}

pub async fn show(State(state): State<AppState>, pairs: Pairs) -> Result<Html<String>> {
    let site = state.site().await?.at("Search");
    let asked = pairs.without("sort").without("page") != Pairs::default();
    let answer = if asked {
        let (query, problems) = pairs.search();
        Some(Answer::new(find(&state, query.clone()).await?, &query, problems, &pairs))
    } else {
        None
    };
    html(&SearchPage { form: Form::new(&pairs), answer, site })
}
