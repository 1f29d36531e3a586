//! The pages that people see: one file per page, each with the struct that its template shows.

use askama::Template;
use axum::response::Html;

use crate::failure::Result;

pub mod committee;
pub mod error;
pub mod home;
pub mod meeting;
pub mod meetings;
pub mod person;
pub mod search;
pub mod transcript;

#[cfg(test)]
pub mod samples;

fn html(page: &impl Template) -> Result<Html<String>> {
    Ok(Html(page.render()?))
}
