//! The fields of the index.
//!
//! Whoever changes a field, an analyser or the way passages are cut raises [`VERSION`]: an index that bears
//! another is thrown away and fed anew.

use tantivy::schema::{
    FAST, Field, INDEXED, IndexRecordOption, STORED, STRING, Schema, TextFieldIndexing, TextOptions,
};

use crate::analysis::{ENGLISH, FOLDED};

pub const VERSION: u32 = 5;

/// Parts id from label in the values of facets; no id holds this character.
pub const LABEL_SEPARATOR: char = '\u{1f}';

pub const START_S: &str = "start_s";
pub const MEETING_ORDER: &str = "meeting_order";
pub const START_MS: &str = "start_ms";
pub const DATE: &str = "date";

pub const FACETS: usize = 5;

/// What can be chosen from a list of counted values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Facet {
    Speaker,
    Item,
    Committee,
    Council,
    Year,
}

impl Facet {
    pub const ALL: [Self; FACETS] = [Self::Speaker, Self::Item, Self::Committee, Self::Council, Self::Year];

    /// The fast field that holds id and label.
    pub const fn column(self) -> &'static str {
        match self {
            Self::Speaker => "speaker_facet",
            Self::Item => "item_facet",
            Self::Committee => "committee_facet",
            Self::Council => "council_facet",
            Self::Year => "year_facet",
        }
    }
}

/// How one facet is found by: `key` holds ids, slugs and numbers whole, `name` the folded words of the name.
#[derive(Debug, Clone, Copy)]
pub struct FacetFields {
    pub key: Field,
    pub name: Field,
    pub label: Field,
}

#[derive(Debug, Clone)]
pub struct Fields {
    pub meeting: Field,
    /// The passage's words, stemmed.
    pub stems: Field,
    /// The passage's words, folded, with positions; after them, marked, what is said next.
    pub exact: Field,
    facets: [FacetFields; FACETS],
    /// The local date as a number, 20260723.
    pub date: Field,
    /// Seconds since 1970 of the meeting's planned start.
    pub start_s: Field,
    /// Keeps meetings apart that start at the same moment: the last 8 bytes of the id.
    pub meeting_order: Field,
    /// Media time of the passage's first caption.
    pub start_ms: Field,
    /// All that a result shows, as JSON.
    pub stored: Field,
}

impl Fields {
    pub fn facet(&self, facet: Facet) -> FacetFields {
        self.facets[facet as usize]
    }
}

pub fn schema() -> (Schema, Fields) {
    let mut builder = Schema::builder();
    let mut text = |name: &str, tokenizer, record| {
        let indexing = TextFieldIndexing::default().set_tokenizer(tokenizer).set_index_option(record);
        builder.add_text_field(name, TextOptions::default().set_indexing_options(indexing))
    };
    let stems = text("stems", ENGLISH, IndexRecordOption::WithFreqs);
    let exact = text("exact", FOLDED, IndexRecordOption::WithFreqsAndPositions);
    let names = ["speaker_name", "item_title", "committee_name", "council_name", "year_name"]
        .map(|name| text(name, FOLDED, IndexRecordOption::Basic));
    let facets = Facet::ALL.map(|facet| FacetFields {
        key: builder.add_text_field(facet.column().trim_end_matches("_facet"), STRING),
        name: names[facet as usize],
        label: builder.add_text_field(facet.column(), TextOptions::default().set_fast("raw")),
    });
    let fields = Fields {
        meeting: builder.add_text_field("meeting", STRING),
        stems,
        exact,
        facets,
        date: builder.add_u64_field(DATE, FAST | INDEXED),
        start_s: builder.add_i64_field(START_S, FAST),
        meeting_order: builder.add_u64_field(MEETING_ORDER, FAST),
        start_ms: builder.add_u64_field(START_MS, FAST),
        stored: builder.add_text_field("stored", STORED),
    };
    (builder.build(), fields)
}
