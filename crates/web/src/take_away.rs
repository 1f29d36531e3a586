//! `/search.csv` and `/search.json`: what a search found, to take away and to quote from.

use std::sync::Arc;

use axum::{
    extract::State,
    http::{HeaderMap, HeaderValue, header, uri::Authority},
    response::{IntoResponse, Response},
};
use moothall_search::Hit;
use serde::Serialize;

use crate::{
    api::search::url,
    failure::{Failure, Result},
    query::Pairs,
    sign_in::by_https,
    state::AppState,
    views::When,
};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    Csv,
    Json,
}

impl Form {
    pub const ALL: [Self; 2] = [Self::Csv, Self::Json];

    pub const fn path(self) -> &'static str {
        match self {
            Self::Csv => "/search.csv",
            Self::Json => "/search.json",
        }
    }

    pub const fn name(self) -> &'static str {
        match self {
            Self::Csv => "Table (CSV)",
            Self::Json => "Data (JSON)",
        }
    }
}

/// One result: a row of the table.
#[derive(Debug, Serialize)]
struct Moment {
    /// A line to quote it by.
    citation: String,
    /// The meeting's page at that second.
    link: String,
    words: String,
    speaker: Option<String>,
    item: Option<String>,
    item_title: Option<String>,
    meeting: String,
    committee: String,
    council: String,
    /// RFC 3339 with the council's offset.
    start: String,
    /// Seconds of media time.
    t: f64,
    caption_id: String,
}

impl Moment {
    /// `site` is the site's address, without a slash at its end.
    fn new(hit: Hit, site: &str) -> Self {
        let link = format!("{site}{}", url(&hit));
        Self {
            citation: citation(&hit, &link),
            link,
            words: hit.text,
            speaker: hit.speaker.map(|speaker| speaker.name),
            item: hit.item.as_ref().map(|item| item.number.clone()),
            item_title: hit.item.map(|item| item.title),
            meeting: hit.meeting.title,
            committee: hit.meeting.committee,
            council: hit.meeting.council,
            start: hit.meeting.start,
            t: hit.t.seconds(),
            caption_id: hit.caption_id.to_string(),
        }
    }
}

/// `Ann Lee, Planning Committee, Ambleford Town Council, 12 March 2026, item 6a (Footbridge), at 1:02, https://…`
fn citation(hit: &Hit, link: &str) -> String {
    let mut parts: Vec<String> = hit.speaker.iter().map(|speaker| speaker.name.clone()).collect();
    parts.extend([hit.meeting.committee.clone(), hit.meeting.council.clone()]);
    parts.extend(hit.meeting.start.parse().ok().map(|start| When(start).date()));
    parts.extend(hit.item.as_ref().map(|item| match item.number.is_empty() {
        true => item.title.clone(),
        false => format!("item {} ({})", item.number, item.title),
    }));
    parts.extend([format!("at {}", hit.t.clock()), link.to_owned()]);
    parts.join(", ")
}

pub async fn download(
    form: Form,
    State(state): State<AppState>,
    headers: HeaderMap,
    pairs: Pairs,
) -> Result<Response> {
    let (query, problems) = pairs.search();
    // A file cannot say what it passed over.
    if let Some(problem) = problems.into_iter().next() {
        return Err(Failure::BadRequest(problem));
    }
    let index = Arc::clone(&state.index);
    let hits = tokio::task::spawn_blocking(move || index.search_all(&query)).await??;
    let site = site_address(&headers);
    let moments: Vec<Moment> = hits.into_iter().map(|hit| Moment::new(hit, &site)).collect();
    let (media_type, file, name) = match form {
        Form::Csv => ("text/csv; charset=utf-8", table(&moments)?, "search.csv"),
        Form::Json => {
            let json = serde_json::to_string(&moments).map_err(std::io::Error::from)?;
            ("application/json", json, "search.json")
        }
    };
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static(media_type)),
        (
            header::CONTENT_DISPOSITION,
            HeaderValue::from_str(&format!("attachment; filename=\"{name}\""))
                .map_err(axum::http::Error::from)?,
        ),
    ];
    Ok((headers, file).into_response())
}

fn table(moments: &[Moment]) -> Result<String> {
    let mut table = csv::Writer::from_writer(Vec::new());
    for moment in moments {
        table.serialize(moment)?;
    }
    let bytes = table.into_inner().map_err(|error| error.into_error())?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// `https://meetings.example.org`, as the visitor called it; empty where that is not said, so that links are
/// at least good within the site.
fn site_address(headers: &HeaderMap) -> String {
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    let host = host.filter(|host| host.parse::<Authority>().is_ok());
    let scheme = if by_https(headers) { "https" } else { "http" };
    host.map_or_else(String::new, |host| format!("{scheme}://{host}"))
}
