//! How it goes in a chamber: what is measured there, and what is wrong with it, in words.

mod diagnosis;
mod finding;
mod preflight;
mod reading;
mod thresholds;

pub use diagnosis::{Change, Diagnosis};
pub use finding::{Finding, Side};
pub use preflight::{Arrival, Check, ClockSource, Facts, Verdict, preflight};
pub use reading::{Level, Link, Look, Reading, SILENT_DBFS};
pub use thresholds::Thresholds;
