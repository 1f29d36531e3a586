//! `/api/v1/search`

use axum::{Json, extract::State};
use moothall_search::{Facets, Hit, Near};
use serde::Serialize;

use crate::{
    failure::{Failure, Result},
    pages::search::find,
    query::Pairs,
    state::AppState,
};

#[derive(Debug, Serialize)]
pub struct SearchAnswer {
    total: u64,
    hits: Vec<HitAnswer>,
    facets: Facets,
    /// From 1.
    page: usize,
    pages: usize,
    /// What of the question was not understood, as typed.
    ignored: Vec<String>,
    /// For which words others were searched too, because nobody said them.
    near: Vec<Near>,
    /// The address of the next page.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

#[derive(Debug, Serialize)]
struct HitAnswer {
    #[serde(flatten)]
    hit: Hit,
    /// The meeting's page at that second.
    url: String,
}

/// The page of a meeting at the second of a hit, with its caption marked.
pub fn url(hit: &Hit) -> String {
    format!("/meetings/{}?t={}#c-{}", hit.meeting.slug, hit.t.query(), hit.caption_id)
}

pub async fn search(State(state): State<AppState>, pairs: Pairs) -> Result<Json<SearchAnswer>> {
    let (query, problems) = pairs.search();
    if let Some(problem) = problems.into_iter().next() {
        return Err(Failure::BadRequest(problem));
    }
    let found = find(&state, query).await?;
    let next = (found.page < found.pages)
        .then(|| pairs.with("page", &(found.page + 1).to_string()).address("/api/v1/search"));
    let hits = found.hits.into_iter().map(|hit| HitAnswer { url: url(&hit), hit }).collect();
    Ok(Json(SearchAnswer {
        total: found.total,
        hits,
        facets: found.facets,
        page: found.page,
        pages: found.pages,
        ignored: found.ignored,
        near: found.near,
        next,
    }))
}
