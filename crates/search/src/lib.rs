//! Full-text search over what was said: tantivy behind [`Index`].
//!
//! The index is a cache of the database: fed with whole meetings ([`Index::replace_meeting`]), committed with
//! the number of the last change it contains ([`Index::commit`]), begun anew where it cannot be trusted
//! ([`Index::open`]). A result needs no database to be shown.
//!
//! The search box reads whatever is typed and never refuses; what it did not understand is told in
//! [`Results::ignored`].
//!
//! | typed | means |
//! | --- | --- |
//! | `park bench` | both words, in any form (parks, benches); one that nobody said stands for what is spelt almost so |
//! | `"park bench"` | exactly these words in this order |
//! | `24/01150/FULL` | likewise: signs inside a word make a phrase of it |
//! | `N.H.S.` | the same as `NHS` |
//! | `park OR garden` | either |
//! | `-bench`, `NOT bench` | without |
//! | `plan*` | words that begin so |
//! | `speaker:` `item:` `committee:` `council:` `year:` | as the form's filters, by id or by name: `speaker:"Ann Lee"` |
//! | `from:` `to:` | dates: `2026`, `2026-07` or `2026-07-23` |
//!
//! Architecture invariant: this crate knows nothing of the store, and never decides what is public: whoever
//! feeds it does.

mod analysis;
mod document;
mod facets;
mod index;
mod input;
mod near;
mod passage;
mod query;
mod schema;
mod search;
mod snippet;
mod writer;

pub use document::{CaptionDoc, Item, MeetingDocs, Named, Speaker};
pub use facets::{FacetValue, Facets};
pub use index::{Index, OpenError, Opened, Reason};
pub use near::Near;
pub use query::{MOST_HITS, MOST_PAGES, PAGE_SIZE, Query, Sort};
pub use search::{Hit, HitMeeting, Results, SearchError};
pub use writer::WriteError;
