//! `/search`: what was said, by whom, on which item.

use askama::Template;

use crate::views::{Paging, Site, When};

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

#[derive(Debug, Clone)]
pub struct Answer {
    /// `12 moments`.
    pub total: String,
    pub hits: Vec<HitView>,
    pub facets: Vec<FacetView>,
    pub paging: Paging,
    /// A question that could not be understood, in words.
    pub problem: Option<String>,
    /// The same question without any filter, where there is one.
    pub without_filters: Option<String>,
}

#[derive(Debug, Clone)]
pub struct HitView {
    /// The meeting's page at that second.
    pub href: String,
    pub clock: String,
    pub words: Vec<Piece>,
    pub speaker: Option<String>,
    pub item: Option<String>,
    pub meeting: String,
    pub committee: String,
    pub when: When,
}

/// A piece of a snippet: a word that was searched for, or what stands between.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    pub text: String,
    pub found: bool,
}

#[derive(Debug, Clone)]
pub struct FacetView {
    pub title: &'static str,
    pub values: Vec<FacetValue>,
}

#[derive(Debug, Clone)]
pub struct FacetValue {
    pub label: String,
    pub count: usize,
    /// The same question with this filter, or without it where it is chosen.
    pub href: String,
    pub chosen: bool,
}
