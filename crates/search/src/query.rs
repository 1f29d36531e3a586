//! What is asked, and the tantivy query made from it. What a person typed never reaches tantivy's own parser.

use std::ops::Bound;

use chrono::NaiveDate;
use tantivy::{
    Term as IndexTerm,
    query::{
        AllQuery, BooleanQuery, ConstScoreQuery, EmptyQuery, Occur, PhrasePrefixQuery, PhraseQuery,
        Query as IndexQuery, RangeQuery, TermQuery,
    },
    schema::{Field, IndexRecordOption},
};

use crate::{
    analysis::{self, folded_words, item_number},
    input::{Input, Term},
    schema::{Facet, Fields},
    writer::date_number,
};

/// Hits per page.
pub const PAGE_SIZE: usize = 20;
/// Nobody leafs further; it bounds what a page costs.
pub const MOST_PAGES: usize = 50;
/// How many words of the index one `pre*` at the end of a phrase stands for.
const MOST_EXPANSIONS: u32 = 200;

/// A search. Across the fields "and", within one field "or"; empty texts are passed over.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Query {
    /// What was typed in the box; its language is told at the head of this crate.
    pub text: String,
    /// Ids of speakers, or words of their names.
    pub speaker: Vec<String>,
    /// Ids of agenda items, or their printed numbers ("7a").
    pub item: Vec<String>,
    /// Slugs.
    pub committee: Vec<String>,
    /// Slugs.
    pub council: Vec<String>,
    /// First local date.
    pub from: Option<NaiveDate>,
    /// Last local date.
    pub to: Option<NaiveDate>,
    pub sort: Sort,
    /// From 1; 0 is 1.
    pub page: usize,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Sort {
    #[default]
    Relevance,
    /// Latest meeting first, within a meeting in order of time.
    Date,
}

/// The box and the form as one.
#[derive(Debug)]
pub struct Request {
    pub input: Input,
    choices: [Vec<Choice>; 4],
    from: Option<NaiveDate>,
    to: Option<NaiveDate>,
}

#[derive(Debug)]
struct Choice {
    value: String,
    /// Whether words of the name will do.
    by_name: bool,
}

impl Request {
    pub fn new(query: &Query, mut input: Input) -> Self {
        let mut choices: [Vec<Choice>; 4] = Default::default();
        for (facet, values, by_name) in [
            (Facet::Speaker, &query.speaker, true),
            (Facet::Item, &query.item, false),
            (Facet::Committee, &query.committee, false),
            (Facet::Council, &query.council, false),
        ] {
            let values = values.iter().map(|value| value.trim()).filter(|value| !value.is_empty());
            choices[facet as usize].extend(values.map(|value| Choice { value: value.to_owned(), by_name }));
        }
        for (facet, value) in std::mem::take(&mut input.choices) {
            choices[facet as usize].push(Choice { value, by_name: true });
        }
        let from = query.from.max(input.from);
        let to = [query.to, input.to].into_iter().flatten().min();
        Self { input, choices, from, to }
    }

    pub fn has_words(&self) -> bool {
        !self.input.groups.is_empty()
    }

    pub fn chooses(&self, facet: Facet) -> bool {
        !self.choices[facet as usize].is_empty()
    }

    pub fn has_filters(&self) -> bool {
        self.from.is_some() || self.to.is_some() || Facet::ALL.into_iter().any(|facet| self.chooses(facet))
    }

    /// The query, without the choices in `except`: that facet's other values are counted as if none was chosen.
    pub fn build(&self, fields: &Fields, except: Option<Facet>) -> Box<dyn IndexQuery> {
        let mut clauses: Vec<(Occur, Box<dyn IndexQuery>)> = Vec::new();
        for group in &self.input.groups {
            clauses.push((Occur::Must, union(group.iter().map(|term| term_query(fields, term)).collect())));
        }
        for facet in Facet::ALL {
            let choices = &self.choices[facet as usize];
            if Some(facet) != except && !choices.is_empty() {
                let any = union(choices.iter().map(|choice| choice_query(fields, facet, choice)).collect());
                clauses.push((Occur::Must, unscored(any)));
            }
        }
        if self.from.is_some() || self.to.is_some() {
            let bound = |date: Option<NaiveDate>| match date {
                Some(date) => Bound::Included(IndexTerm::from_field_u64(fields.date, date_number(date))),
                None => Bound::Unbounded,
            };
            let range = RangeQuery::new(bound(self.from), bound(self.to));
            clauses.push((Occur::Must, unscored(Box::new(range))));
        }
        if clauses.is_empty() {
            clauses.push((Occur::Must, Box::new(AllQuery)));
        }
        for term in &self.input.without {
            clauses.push((Occur::MustNot, term_query(fields, term)));
        }
        Box::new(BooleanQuery::new(clauses))
    }
}

fn union(mut queries: Vec<Box<dyn IndexQuery>>) -> Box<dyn IndexQuery> {
    match queries.len() {
        1 => queries.remove(0),
        _ => Box::new(BooleanQuery::union(queries)),
    }
}

/// Filters choose; they do not rank.
fn unscored(query: Box<dyn IndexQuery>) -> Box<dyn IndexQuery> {
    Box::new(ConstScoreQuery::new(query, 0.0))
}

fn term_query(fields: &Fields, term: &Term) -> Box<dyn IndexQuery> {
    match term {
        Term::Word(word) => {
            let stem = analysis::words(&mut analysis::english(), word)
                .pop()
                .map_or_else(String::new, |(stem, _)| stem);
            let term = IndexTerm::from_field_text(fields.stems, &stem);
            Box::new(TermQuery::new(term, IndexRecordOption::WithFreqs))
        }
        Term::Phrase { words, prefix } => phrase_query(fields.exact, words, *prefix),
    }
}

fn phrase_query(field: Field, words: &[String], prefix: bool) -> Box<dyn IndexQuery> {
    let terms: Vec<_> = words.iter().map(|word| IndexTerm::from_field_text(field, word)).collect();
    match (words, prefix) {
        ([], _) => Box::new(EmptyQuery),
        ([word], true) => {
            let end = IndexTerm::from_field_text(field, &format!("{word}{}", char::MAX));
            let start = IndexTerm::from_field_text(field, word);
            Box::new(RangeQuery::new(Bound::Included(start), Bound::Excluded(end)))
        }
        ([word], false) => {
            let term = IndexTerm::from_field_text(field, word);
            Box::new(TermQuery::new(term, IndexRecordOption::WithFreqs))
        }
        (_, true) => {
            let mut query = PhrasePrefixQuery::new(terms);
            query.set_max_expansions(MOST_EXPANSIONS);
            Box::new(query)
        }
        (_, false) => Box::new(PhraseQuery::new(terms)),
    }
}

fn choice_query(fields: &Fields, facet: Facet, choice: &Choice) -> Box<dyn IndexQuery> {
    let fields = fields.facet(facet);
    let exactly = |field, text: &str| -> Box<dyn IndexQuery> {
        Box::new(TermQuery::new(IndexTerm::from_field_text(field, text), IndexRecordOption::Basic))
    };
    let mut any = vec![exactly(fields.key, &choice.value)];
    if facet == Facet::Item {
        any.push(exactly(fields.key, &item_number(&choice.value)));
    }
    // "7" is an item's number and not every title with a 7 in it.
    let by_name =
        choice.by_name && !(facet == Facet::Item && choice.value.contains(|c: char| c.is_numeric()));
    let words = folded_words(&choice.value);
    if by_name && !words.is_empty() {
        any.push(Box::new(BooleanQuery::intersection(
            words.iter().map(|word| exactly(fields.name, word)).collect(),
        )));
    }
    union(any)
}
