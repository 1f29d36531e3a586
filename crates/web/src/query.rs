//! Questions in addresses: read once for the search page and the API, written again into links.

use axum::{
    extract::{FromRequestParts, Query as AxumQuery},
    http::request::Parts,
};
use chrono::NaiveDate;
use moothall_search::{Query, Sort};

use crate::failure::{Failure, Result};

/// As many values of one filter are read.
const MOST_VALUES: usize = 20;

/// The names and values after the `?`, in order; values are trimmed, empty ones left out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pairs(Vec<(String, String)>);

impl<S: Send + Sync> FromRequestParts<S> for Pairs {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self> {
        let AxumQuery(mut pairs) = AxumQuery::<Vec<(String, String)>>::from_request_parts(parts, state)
            .await
            .map_err(|error| Failure::BadRequest(error.body_text()))?;
        pairs.iter_mut().for_each(|(_, value)| *value = value.trim().to_owned());
        pairs.retain(|(_, value)| !value.is_empty());
        Ok(Self(pairs))
    }
}

impl Pairs {
    pub fn first(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    pub fn all(&self, name: &str) -> Vec<String> {
        let values = self.0.iter().filter(|(key, _)| key == name).map(|(_, value)| value.clone());
        values.take(MOST_VALUES).collect()
    }

    pub fn has(&self, name: &str, value: &str) -> bool {
        self.0.iter().any(|(key, other)| key == name && other == value)
    }

    /// Only what has one of these names.
    pub fn only(&self, names: &[&str]) -> Self {
        Self(self.0.iter().filter(|(key, _)| names.contains(&key.as_str())).cloned().collect())
    }

    /// The same with one value instead of all of that name.
    pub fn with(&self, name: &str, value: &str) -> Self {
        let mut pairs = self.without(name);
        pairs.0.push((name.to_owned(), value.to_owned()));
        pairs
    }

    pub fn without(&self, name: &str) -> Self {
        Self(self.0.iter().filter(|(key, _)| key != name).cloned().collect())
    }

    /// The same with this value as well, or without it where it is there.
    pub fn toggled(&self, name: &str, value: &str) -> Self {
        let mut pairs = self.clone();
        if self.has(name, value) {
            pairs.0.retain(|(key, other)| key != name || other != value);
        } else {
            pairs.0.push((name.to_owned(), value.to_owned()));
        }
        pairs
    }

    /// `/search?q=a+b`, or only the path where there is nothing to ask.
    pub fn address(&self, path: &str) -> String {
        if self.0.is_empty() {
            return path.to_owned();
        }
        let start = path.len() + 1;
        form_urlencoded::Serializer::for_suffix(format!("{path}?"), start).extend_pairs(&self.0).finish()
    }

    /// The page asked for, from 1; whatever is no number is the first.
    pub fn page(&self) -> usize {
        self.first("page").and_then(|page| page.parse().ok()).unwrap_or(1).max(1)
    }

    /// A date as `2026-07-23`.
    ///
    /// # Errors
    /// [`Failure::BadRequest`] names the parameter and how to write it.
    pub fn date(&self, name: &str) -> Result<Option<NaiveDate>> {
        self.read_date(name).map_err(Failure::BadRequest)
    }

    fn read_date(&self, name: &str) -> Result<Option<NaiveDate>, String> {
        let read = |text: &str| {
            text.parse().map_err(|_| format!("“{text}” in “{name}” is not a date: write it as 2026-07-23."))
        };
        self.first(name).map(read).transpose()
    }

    /// The question, and for each part of it that was not understood, and is passed over, why.
    pub fn search(&self) -> (Query, Vec<String>) {
        let mut problems = Vec::new();
        let mut date = |name| {
            self.read_date(name).unwrap_or_else(|problem| {
                problems.push(problem);
                None
            })
        };
        let (from, to) = (date("from"), date("to"));
        let query = Query {
            text: self.first("q").unwrap_or_default().to_owned(),
            speaker: self.all("speaker"),
            item: self.all("item"),
            committee: self.all("committee"),
            council: self.all("council"),
            year: self.all("year"),
            from,
            to,
            sort: if self.first("sort") == Some("date") { Sort::Date } else { Sort::Relevance },
            page: self.page(),
        };
        (query, problems)
    }
}

#[cfg(test)]
mod tests {
    use axum::http::Request;
    use proptest::prelude::*;

    use super::*;

    fn read(address: &str) -> Result<Pairs> {
        let (mut parts, ()) = Request::get(address).body(()).unwrap().into_parts();
        futures_util::FutureExt::now_or_never(Pairs::from_request_parts(&mut parts, &())).unwrap()
    }

    fn pairs(list: &[(&str, &str)]) -> Pairs {
        Pairs(list.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect())
    }

    #[test]
    fn filters_are_switched_on_and_off() {
        let asked = pairs(&[("q", "bridge"), ("speaker", "1"), ("page", "3")]);
        assert_eq!(
            asked.toggled("speaker", "2").address("/search"),
            "/search?q=bridge&speaker=1&page=3&speaker=2"
        );
        assert_eq!(asked.toggled("speaker", "1").without("page").address("/search"), "/search?q=bridge");
        assert_eq!(asked.with("page", "4").address(""), "?q=bridge&speaker=1&page=4");
        assert_eq!(pairs(&[]).address("/search"), "/search");
    }

    #[test]
    fn a_wrong_date_is_explained() {
        let pairs = read("/?from=yesterday&to=2026-07-23").unwrap();
        assert!(matches!(pairs.date("from"), Err(Failure::BadRequest(text)) if text.contains("“yesterday”")));
        let (query, problems) = pairs.search();
        assert_eq!((query.to, problems.len()), (pairs.date("to").unwrap(), 1));
        let nothing = (Query { page: 1, ..Query::default() }, Vec::new());
        assert_eq!(read("/?from=&page=x").unwrap().search(), nothing);
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(name in "[a-z]{1,5}", value in "\\PC{1,20}") {
            prop_assume!(!value.trim().is_empty());
            let value = value.trim();
            let pairs = pairs(&[(&name, value)]);
            prop_assert_eq!(read(&pairs.address("/")).unwrap(), pairs);
        }
    }
}
