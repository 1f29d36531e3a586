//! Searching: from a query to a page of results.

use std::{cmp::Reverse, ops::Range};

use moothall_core::{CaptionId, MediaTime, MeetingId};
use serde::{Deserialize, Serialize, Serializer};
use tantivy::{
    DocAddress, DocId, Searcher, SegmentReader, TantivyDocument, TantivyError, collector::TopDocs,
    query::Query as IndexQuery, schema::Value,
};

use crate::{
    document::{Item, Speaker},
    facets::{self, Counting, Facets},
    index::Index,
    input,
    near::{self, Near},
    query::{MOST_HITS, MOST_PAGES, Narrowed, PAGE_SIZE, Query, Request, Sort},
    schema::{Facet, Fields, MEETING_ORDER, START_MS, START_S},
    snippet::Marker,
    writer::Stored,
};

/// The index could not be read: a fault of disk or program, never of what was asked.
#[derive(Debug, thiserror::Error)]
pub enum SearchError {
    #[error("the search index cannot be read: {0}; restart to have it checked")]
    Index(#[from] TantivyError),
    #[error("the search index holds a result that cannot be read: {0}; run `moothall reindex`")]
    Stored(#[from] serde_json::Error),
}

/// One page of results.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Results {
    /// Passages found.
    pub total: u64,
    pub hits: Vec<Hit>,
    pub facets: Facets,
    /// From 1; as asked for, even where there is no such page.
    pub page: usize,
    /// 0 where nothing was found; never above 50, however much was.
    pub pages: usize,
    /// What of the box was not understood, as typed; long pieces are cut off with an ellipsis.
    pub ignored: Vec<String>,
    /// For which words others were searched too, because nobody said them.
    pub near: Vec<Near>,
}

/// A moment at which it was said.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Hit {
    pub meeting: HitMeeting,
    pub caption_id: CaptionId,
    /// When that caption begins; seconds in JSON.
    #[serde(serialize_with = "seconds")]
    pub t: MediaTime,
    pub speaker: Option<Speaker>,
    pub item: Option<Item>,
    /// HTML: everything escaped but the `<mark>` around what was asked for.
    pub snippet: String,
    /// The same as plain text.
    #[serde(skip)]
    pub text: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HitMeeting {
    pub id: MeetingId,
    pub slug: String,
    pub title: String,
    /// Its name.
    pub committee: String,
    /// Its name.
    pub council: String,
    /// RFC 3339 with the council's offset.
    pub start: String,
}

fn seconds<S: Serializer>(time: &MediaTime, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(time.seconds())
}

impl Index {
    /// Answers in bounded time whatever was typed. Without words and filters nothing is found; with filters
    /// alone, all they let through, by date.
    ///
    /// # Errors
    /// Only where the index cannot be read.
    pub fn search(&self, query: &Query) -> Result<Results, SearchError> {
        let first = (query.page.max(1) - 1).saturating_mul(PAGE_SIZE).min(MOST_HITS);
        self.answer(query, first..(first + PAGE_SIZE).min(MOST_HITS))
    }

    /// The hits of all pages at once, at most [`MOST_HITS`].
    ///
    /// # Errors
    /// As [`Index::search`].
    pub fn search_all(&self, query: &Query) -> Result<Vec<Hit>, SearchError> {
        Ok(self.answer(query, 0..MOST_HITS)?.hits)
    }

    /// With the hits from one place to another of the order.
    fn answer(&self, query: &Query, places: Range<usize>) -> Result<Results, SearchError> {
        let page = query.page.max(1);
        let searcher = self.reader.searcher();
        let mut input = input::read(&query.text);
        let near = near::widen(&mut input, &self.fields, &searcher)?;
        let request = Request::new(query, input, &self.fields, &searcher)?;
        if !request.has_words() && !request.has_filters() {
            // There is nothing to take these away from.
            let mut input = request.input;
            for (_, typed) in std::mem::take(&mut input.without) {
                input.ignore(&typed);
            }
            return Ok(Results { page, ignored: input.ignored, ..Results::default() });
        }
        let built = request.build(&self.fields, Narrowed::Fully);

        let counting = Counting { facets: Facet::ALL.map(|facet| !request.chooses(facet)) };
        let counted = searcher.search(&built, &counting)?;
        let values = |facet| facets::values(&searcher, &self.fields, &request, &counted, facet);
        let facets = Facets {
            speaker: values(Facet::Speaker)?,
            item: values(Facet::Item)?,
            committee: values(Facet::Committee)?,
            council: values(Facet::Council)?,
            year: values(Facet::Year)?,
        };

        let total = usize::try_from(counted.total).unwrap_or(usize::MAX);
        let pages = total.div_ceil(PAGE_SIZE).min(MOST_PAGES);
        let places = places.start..places.end.min(total);
        let sort = if request.has_words() { query.sort } else { Sort::Date };
        let found = if places.is_empty() { Vec::new() } else { top(&searcher, &built, sort, places)? };
        let mut marker = Marker::new(request.input.groups.iter().flatten());
        let hits = found
            .into_iter()
            .map(|address| hit(searcher.doc(address)?, &self.fields, &mut marker))
            .collect::<Result<_, _>>()?;
        Ok(Results { total: counted.total, hits, facets, page, pages, ignored: request.input.ignored, near })
    }
}

fn top(
    searcher: &Searcher,
    query: &dyn IndexQuery,
    sort: Sort,
    places: Range<usize>,
) -> Result<Vec<DocAddress>, TantivyError> {
    let top = TopDocs::with_limit(places.len()).and_offset(places.start);
    Ok(match sort {
        Sort::Relevance => {
            searcher.search(query, &top.order_by_score())?.into_iter().map(|(_, address)| address).collect()
        }
        Sort::Date => {
            searcher.search(query, &top.order_by(by_date))?.into_iter().map(|(_, address)| address).collect()
        }
    })
}

type DateKey = (i64, u64, Reverse<u64>);

/// Greatest first: the latest meeting, then one of those that began together, then its earliest passage.
fn by_date(segment: &SegmentReader) -> impl FnMut(DocId) -> DateKey + use<> {
    let columns = segment.fast_fields();
    let start_s = columns.column_first_or_default::<i64>(START_S).ok();
    let meeting = columns.column_first_or_default::<u64>(MEETING_ORDER).ok();
    let start_ms = columns.column_first_or_default::<u64>(START_MS).ok();
    move |doc| {
        (
            start_s.as_ref().map_or(0, |column| column.get_val(doc)),
            meeting.as_ref().map_or(0, |column| column.get_val(doc)),
            Reverse(start_ms.as_ref().map_or(0, |column| column.get_val(doc))),
        )
    }
}

fn hit(document: TantivyDocument, fields: &Fields, marker: &mut Marker) -> Result<Hit, SearchError> {
    let json = document.get_first(fields.stored).and_then(|value| value.as_str()).unwrap_or_default();
    let Stored { meeting, speaker, item, text, next, places } = serde_json::from_str(json)?;
    let snippet = marker.snippet(&text, &next);
    let place = match places.partition_point(|place| place.offset <= snippet.landing) {
        0 => None,
        after => places.get(after - 1),
    };
    let place =
        place.ok_or_else(|| <serde_json::Error as serde::de::Error>::custom("a passage without captions"))?;
    Ok(Hit {
        meeting,
        caption_id: place.caption_id,
        t: place.start_ms,
        speaker,
        item,
        snippet: snippet.html,
        text: snippet.plain,
    })
}
