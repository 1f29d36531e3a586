//! The public's side: pages, API and media origin.
//!
//! Architecture invariant: nothing here writes what was said, and no page shows a meeting whose state is
//! not public.

mod assets;
mod pages;
mod views;
