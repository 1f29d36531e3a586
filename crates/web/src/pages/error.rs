//! What a visitor reads when a page is not there or could not be made.

use askama::Template;

use crate::views::Site;

#[derive(Debug, Template)]
#[template(path = "not_found.html")]
pub struct NotFoundPage {
    pub site: Site,
}

#[derive(Debug, Template)]
#[template(path = "error.html")]
pub struct ErrorPage {
    pub site: Site,
    pub title: &'static str,
    pub text: String,
}
