//! Counting how many passages each speaker, item, committee, council and year has among the matches.
//!
//! Values are counted by their ordinals, one array per segment, and become text once at the end: that costs
//! some nanoseconds a match, so that even the commonest word can be counted in full.

use std::{cmp::Reverse, collections::HashMap};

use serde::Serialize;
use tantivy::{
    DocId, Score, Searcher, SegmentOrdinal, SegmentReader, TantivyError,
    collector::{Collector, SegmentCollector},
    columnar::StrColumn,
    query::Query,
};

use crate::{
    query::{Narrowed, Request},
    schema::{FACETS, Facet, Fields, LABEL_SEPARATOR},
};

/// As many values of a facet are told, and all that are chosen.
const MOST_VALUES: usize = 20;

/// The commonest values first; years latest first.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Facets {
    pub speaker: Vec<FacetValue>,
    pub item: Vec<FacetValue>,
    pub committee: Vec<FacetValue>,
    pub council: Vec<FacetValue>,
    pub year: Vec<FacetValue>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FacetValue {
    /// What to filter by.
    pub id: String,
    pub label: String,
    /// Matches if only this value were chosen in its facet.
    pub count: u64,
    /// Where it is chosen, what it was chosen by: id, number or words of the name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub chosen: Option<String>,
}

/// Counts the facets named.
#[derive(Clone, Copy)]
pub struct Counting {
    pub facets: [bool; FACETS],
}

/// By facet from "id, separator, label" to the number of passages.
#[derive(Default)]
pub struct Counted {
    pub total: u64,
    facets: [HashMap<String, u64>; FACETS],
}

impl Counted {
    /// All of them, in no order.
    fn values(&self, facet: Facet) -> Vec<FacetValue> {
        // One id may bear several labels while a new name is on its way into the index.
        let mut by_id: HashMap<&str, (&str, u64, u64)> = HashMap::new();
        for (value, &count) in &self.facets[facet as usize] {
            let (id, label) = value.split_once(LABEL_SEPARATOR).unwrap_or((value, value));
            let (best, best_count, sum) = by_id.entry(id).or_insert((label, count, 0));
            *sum += count;
            if (count, label) > (*best_count, best) {
                (*best, *best_count) = (label, count);
            }
        }
        let value = |(id, (label, _, count)): (&str, (&str, u64, u64))| FacetValue {
            id: id.to_owned(),
            label: label.to_owned(),
            count,
            chosen: None,
        };
        by_id.into_iter().map(value).collect()
    }
}

/// The values of a facet, of which everything found by `request` was counted.
///
/// # Errors
/// Where the index cannot be read.
pub fn values(
    searcher: &Searcher,
    fields: &Fields,
    request: &Request,
    counted: &Counted,
    facet: Facet,
) -> Result<Vec<FacetValue>, TantivyError> {
    let mut values = if request.chooses(facet) {
        offered(searcher, fields, request, facet)?
    } else {
        counted.values(facet)
    };
    match facet {
        Facet::Year => values.sort_unstable_by(|a, b| b.id.cmp(&a.id)),
        _ => values.sort_unstable_by(|a, b| {
            (Reverse(a.count), &a.label, &a.id).cmp(&(Reverse(b.count), &b.label, &b.id))
        }),
    }
    let mut place = 0..;
    values.retain(|value| place.next().is_some_and(|place| place < MOST_VALUES) || value.chosen.is_some());
    Ok(values)
}

/// What is chosen and what could be, where something is: each choice as one value, also where it stands for
/// several or for none.
fn offered(
    searcher: &Searcher,
    fields: &Fields,
    request: &Request,
    facet: Facet,
) -> Result<Vec<FacetValue>, TantivyError> {
    let mut facets = [false; FACETS];
    facets[facet as usize] = true;
    let counting = Counting { facets };
    let count = |query: &dyn Query| Ok::<_, TantivyError>(searcher.search(query, &counting)?.values(facet));
    let mut others = count(&request.build(fields, Narrowed::Without(facet)))?;
    let mut chosen = Vec::new();
    for choice in request.choices(facet) {
        let found = count(&request.build(fields, Narrowed::By(facet, choice)))?;
        others.retain(|other| found.iter().all(|value| value.id != other.id));
        let count_found = found.iter().map(|value| value.count).sum();
        // Nothing of it was found: its name is where nothing else is asked.
        let mut named = if found.is_empty() { count(&choice.query)? } else { found };
        let one = if named.len() == 1 { named.pop() } else { None };
        let (id, label) =
            one.map_or_else(|| (choice.value.clone(), choice.value.clone()), |value| (value.id, value.label));
        chosen.push(FacetValue { id, label, count: count_found, chosen: Some(choice.value.clone()) });
    }
    chosen.append(&mut others);
    Ok(chosen)
}

impl Collector for Counting {
    type Fruit = Counted;
    type Child = CountingSegment;

    fn for_segment(&self, _: SegmentOrdinal, reader: &SegmentReader) -> tantivy::Result<CountingSegment> {
        let columns = reader.fast_fields();
        let mut facets: [Option<(StrColumn, Vec<u32>)>; FACETS] = Default::default();
        for facet in Facet::ALL {
            if self.facets[facet as usize] {
                facets[facet as usize] = columns.str(facet.column())?.map(|column| {
                    let counts = vec![0; column.num_terms()];
                    (column, counts)
                });
            }
        }
        Ok(CountingSegment { total: 0, facets })
    }

    fn requires_scoring(&self) -> bool {
        false
    }

    fn merge_fruits(&self, segments: Vec<tantivy::Result<Counted>>) -> tantivy::Result<Counted> {
        let mut sum = Counted::default();
        for segment in segments {
            let segment = segment?;
            sum.total += segment.total;
            for (sum, segment) in sum.facets.iter_mut().zip(segment.facets) {
                if sum.is_empty() {
                    *sum = segment;
                } else {
                    segment.into_iter().for_each(|(value, count)| *sum.entry(value).or_default() += count);
                }
            }
        }
        Ok(sum)
    }
}

pub struct CountingSegment {
    total: u64,
    facets: [Option<(StrColumn, Vec<u32>)>; FACETS],
}

impl SegmentCollector for CountingSegment {
    type Fruit = tantivy::Result<Counted>;

    fn collect(&mut self, doc: DocId, _: Score) {
        self.total += 1;
        for (column, counts) in self.facets.iter_mut().flatten() {
            let ordinal = column.ords().first(doc);
            if let Some(count) = ordinal.and_then(|ordinal| counts.get_mut(ordinal as usize)) {
                *count += 1;
            }
        }
    }

    fn harvest(self) -> Self::Fruit {
        let mut counted = Counted { total: self.total, ..Counted::default() };
        for (values, segment) in counted.facets.iter_mut().zip(self.facets) {
            let Some((column, counts)) = segment else { continue };
            let found = || counts.iter().enumerate().filter(|(_, count)| **count > 0);
            let ordinals: Vec<u64> = found().map(|(ordinal, _)| ordinal as u64).collect();
            let mut counts = found().map(|(_, &count)| u64::from(count));
            values.reserve(ordinals.len());
            column.dictionary().sorted_ords_to_term_cb(&ordinals, |term| {
                values.extend(counts.next().map(|count| (String::from_utf8_lossy(term).into_owned(), count)));
            })?;
        }
        Ok(counted)
    }
}
