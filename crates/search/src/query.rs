//! What is asked, and the tantivy query made from it. What a person typed never reaches tantivy's own parser.

use std::ops::Bound;

use chrono::NaiveDate;
use tantivy::{
    Searcher, TantivyError, Term as IndexTerm,
    query::{
        AllQuery, BooleanQuery, ConstScoreQuery, EmptyQuery, Occur, PhrasePrefixQuery, PhraseQuery,
        Query as IndexQuery, RangeQuery, TermQuery,
    },
    schema::{Field, IndexRecordOption},
};

use crate::{
    analysis::{folded_words, item_number, said_next, stem},
    input::{Input, Term},
    schema::{FACETS, Facet, Fields},
    writer::date_number,
};

/// Hits per page.
pub const PAGE_SIZE: usize = 20;
/// Nobody leafs further; it bounds what a page costs.
pub const MOST_PAGES: usize = 50;
/// As many are taken away at once: those of all pages.
pub const MOST_HITS: usize = PAGE_SIZE * MOST_PAGES;
/// How many words of the index one `pre*` at the end of a phrase stands for.
const MOST_EXPANSIONS: u32 = 200;

/// A search. Across the fields "and", within one field "or"; empty texts are passed over.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Query {
    /// What was typed in the box; its language is told at the head of this crate.
    pub text: String,
    /// Ids of speakers; what is no id is words of a name.
    pub speaker: Vec<String>,
    /// Ids of agenda items or their printed numbers ("7a"); what is neither is words of a title.
    pub item: Vec<String>,
    /// Slugs; what is none is words of a name.
    pub committee: Vec<String>,
    /// As `committee`.
    pub council: Vec<String>,
    /// Local years ("2026").
    pub year: Vec<String>,
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
    choices: [Vec<Choice>; FACETS],
    from: Option<NaiveDate>,
    to: Option<NaiveDate>,
}

/// What was chosen in a facet.
#[derive(Debug)]
pub struct Choice {
    /// As it was given: an id, a number or words of a name.
    pub value: String,
    pub query: Box<dyn IndexQuery>,
}

/// Which of a facet's choices a query is built with; those of the other facets always count.
#[derive(Clone, Copy)]
pub enum Narrowed<'a> {
    Fully,
    /// As if nothing was chosen in this facet: so are its other values counted.
    Without(Facet),
    /// As if only this was chosen in this facet.
    By(Facet, &'a Choice),
}

impl Request {
    /// # Errors
    /// Where the index cannot be read.
    pub fn new(
        query: &Query,
        mut input: Input,
        fields: &Fields,
        searcher: &Searcher,
    ) -> Result<Self, TantivyError> {
        let form = [
            (Facet::Speaker, &query.speaker),
            (Facet::Item, &query.item),
            (Facet::Committee, &query.committee),
            (Facet::Council, &query.council),
            (Facet::Year, &query.year),
        ];
        let form =
            form.into_iter().flat_map(|(facet, values)| values.iter().map(move |value| (facet, value)));
        let form = form.map(|(facet, value)| (facet, value.trim().to_owned()));
        let typed = std::mem::take(&mut input.choices);
        let mut choices: [Vec<Choice>; FACETS] = Default::default();
        for (facet, value) in form.filter(|(_, value)| !value.is_empty()).chain(typed) {
            let choices = &mut choices[facet as usize];
            if choices.iter().all(|choice| choice.value != value) {
                let query = choice_query(fields, searcher, facet, &value)?;
                choices.push(Choice { value, query });
            }
        }
        let from = query.from.max(input.from);
        let to = [query.to, input.to].into_iter().flatten().min();
        Ok(Self { input, choices, from, to })
    }

    pub fn has_words(&self) -> bool {
        !self.input.groups.is_empty()
    }

    pub fn choices(&self, facet: Facet) -> &[Choice] {
        &self.choices[facet as usize]
    }

    pub fn chooses(&self, facet: Facet) -> bool {
        !self.choices(facet).is_empty()
    }

    pub fn has_filters(&self) -> bool {
        self.from.is_some() || self.to.is_some() || Facet::ALL.into_iter().any(|facet| self.chooses(facet))
    }

    pub fn build(&self, fields: &Fields, narrowed: Narrowed) -> Box<dyn IndexQuery> {
        let mut clauses: Vec<(Occur, Box<dyn IndexQuery>)> = Vec::new();
        for group in &self.input.groups {
            clauses.push((Occur::Must, union(group.iter().map(|term| term_query(fields, term)).collect())));
        }
        for facet in Facet::ALL {
            let choices: Vec<&Choice> = match narrowed {
                Narrowed::Without(without) if without == facet => Vec::new(),
                Narrowed::By(by, choice) if by == facet => vec![choice],
                _ => self.choices(facet).iter().collect(),
            };
            if !choices.is_empty() {
                let any = union(choices.into_iter().map(|choice| choice.query.box_clone()).collect());
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
        for (term, _) in &self.input.without {
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
            let term = IndexTerm::from_field_text(fields.stems, &stem(word));
            Box::new(TermQuery::new(term, IndexRecordOption::WithFreqs))
        }
        Term::Phrase { words, prefix } => {
            // Whole in the passage, or begun there and ended, after any of its words, in what is said next.
            let row = |cut: usize| {
                let (here, next) = words.split_at(cut);
                let row =
                    here.iter().cloned().chain(next.iter().map(|word| said_next(word))).collect::<Vec<_>>();
                phrase_query(fields.exact, &row, *prefix)
            };
            union((1..=words.len()).map(row).collect())
        }
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

/// An id or number where there is such a one, else words of the name: a committee's slug is not to find the
/// others that have its words in their names.
fn choice_query(
    fields: &Fields,
    searcher: &Searcher,
    facet: Facet,
    value: &str,
) -> Result<Box<dyn IndexQuery>, TantivyError> {
    let fields = fields.facet(facet);
    let exactly = |term| -> Box<dyn IndexQuery> { Box::new(TermQuery::new(term, IndexRecordOption::Basic)) };
    let mut keys = vec![value.to_owned()];
    if facet == Facet::Item {
        keys.push(item_number(value));
    }
    for key in keys {
        let term = IndexTerm::from_field_text(fields.key, &key);
        if searcher.doc_freq(&term)? > 0 {
            return Ok(exactly(term));
        }
    }
    // "7" is an item's number and not every title with a 7 in it.
    let is_number = facet == Facet::Item && value.contains(char::is_numeric);
    let words = folded_words(value);
    if is_number || words.is_empty() {
        return Ok(Box::new(EmptyQuery));
    }
    let words = words.iter().map(|word| exactly(IndexTerm::from_field_text(fields.name, word)));
    Ok(Box::new(BooleanQuery::intersection(words.collect())))
}
