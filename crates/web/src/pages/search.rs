//! `/search`: what was said, by whom, on which item.

use askama::Template;

use axum::{extract::State, response::Html};
use moothall_search::{Facets, Hit, Query, Results};

use super::html;
use crate::{
    api::search::url,
    failure::Result,
    query::Pairs,
    state::AppState,
    views::{Paging, Site, When, count},
};

/// Filters that are chosen by links.
const FACETS: [&str; 4] = ["speaker", "item", "committee", "council"];

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
    /// Filters chosen by links, carried along by the form: name and value.
    pub kept: Vec<(String, String)>,
}

#[derive(Debug, Clone, Default)]
pub struct Answer {
    /// `12 moments`.
    pub total: String,
    pub hits: Vec<HitView>,
    pub facets: Vec<FacetView>,
    pub paging: Paging,
    /// What of the question was not understood or was taken otherwise, in sentences.
    pub told: Vec<String>,
    /// The same question without any filter, where there is one.
    pub without_filters: Option<String>,
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
    pub meeting: String,
    pub committee: String,
    pub when: Option<When>,
}

#[derive(Debug, Clone)]
pub struct FacetView {
    pub title: &'static str,
    pub values: Vec<FacetValue>,
}

#[derive(Debug, Clone)]
pub struct FacetValue {
    pub label: String,
    pub count: u64,
    /// The same question with this filter, or without it where it is chosen; none where the box chooses it.
    pub href: Option<String>,
    pub chosen: bool,
}

impl Form {
    fn new(pairs: &Pairs) -> Self {
        let text = |name| pairs.first(name).unwrap_or_default().to_owned();
        Self {
            q: text("q"),
            from: text("from"),
            to: text("to"),
            newest_first: pairs.has("sort", "date"),
            kept: pairs.only(&FACETS).iter().cloned().collect(),
        }
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
            meeting: hit.meeting.title,
            committee: hit.meeting.committee,
            when: hit.meeting.start.parse().ok().map(When),
        }
    }
}

/// Only what there is to choose from; a choice already made can always be taken back.
fn facets(found: Facets, pairs: &Pairs, many_councils: bool) -> Vec<FacetView> {
    let pairs = pairs.without("page");
    let view = |title, name: &'static str, values: Vec<moothall_search::FacetValue>| FacetView {
        title,
        values: values
            .into_iter()
            .map(|value| {
                let asked = match &value.chosen {
                    None => Some(pairs.toggled(name, &value.id)),
                    Some(given) => pairs.has(name, given).then(|| pairs.toggled(name, given)),
                };
                FacetValue {
                    href: asked.map(|asked| asked.address("/search")),
                    chosen: value.chosen.is_some(),
                    label: value.label,
                    count: value.count,
                }
            })
            .collect(),
    };
    let years = found.year.into_iter().map(|year| {
        let (from, to) = (format!("{}-01-01", year.id), format!("{}-12-31", year.id));
        let chosen = pairs.has("from", &from) && pairs.has("to", &to);
        let asked = if chosen {
            pairs.without("from").without("to")
        } else {
            pairs.with("from", &from).with("to", &to)
        };
        FacetValue { href: Some(asked.address("/search")), label: year.label, count: year.count, chosen }
    });
    let mut views = vec![
        view("Speaker", "speaker", found.speaker),
        view("Agenda item", "item", found.item),
        view("Committee", "committee", found.committee),
        FacetView { title: "Year", values: years.collect() },
    ];
    if many_councils {
        views.push(view("Council", "council", found.council));
    }
    views.retain(|facet| facet.values.len() > 1 || facet.values.iter().any(|value| value.chosen));
    views
}

impl Answer {
    fn new(found: Results, problems: Vec<String>, pairs: &Pairs, many_councils: bool) -> Self {
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
        Self {
            total: count(found.total, "moment", "moments"),
            hits: found.hits.into_iter().map(HitView::new).collect(),
            facets: facets(found.facets, pairs, many_councils),
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
        Some(Answer::new(find(&state, query).await?, problems, &pairs, site.many_councils))
    } else {
        None
    };
    html(&SearchPage { form: Form::new(&pairs), answer, site })
}
