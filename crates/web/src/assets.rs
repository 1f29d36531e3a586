//! Styles, scripts and fonts: built by `web/`, carried inside the binary.

use std::{collections::HashMap, sync::LazyLock};

use axum::{
    body::Body,
    extract::Path,
    http::{HeaderValue, header},
    response::{IntoResponse, Response},
};
use rust_embed::RustEmbed;

use crate::{
    failure::{Failure, Result},
    headers::IMMUTABLE,
};

#[derive(RustEmbed)]
#[folder = "../../web/dist/"]
struct Dist;

/// From the name of a source to the name of the file that was built from it, which carries a hash.
static NAMES: LazyLock<HashMap<String, String>> = LazyLock::new(|| {
    Dist::get("manifest.json").and_then(|file| serde_json::from_slice(&file.data).ok()).unwrap_or_default()
});

/// Where a browser finds what was built from `source`, for instance `site.css`.
/// The build script refuses a binary without a manifest; a name that is in none leads to no file.
pub fn url(source: &str) -> String {
    format!("/static/{}", NAMES.get(source).map_or(source, String::as_str))
}

/// `/static/{file}`. A name changes with its contents, so that it may be kept for ever.
pub async fn serve(Path(name): Path<String>) -> Result<Response> {
    let file = Dist::get(&name).ok_or(Failure::NotFound)?;
    let kind = HeaderValue::from_str(file.metadata.mimetype()).map_err(axum::http::Error::from)?;
    let headers = [(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, IMMUTABLE)];
    Ok((headers, Body::from(file.data)).into_response())
}

/// Replaces the names of built files by those of their sources.
#[cfg(test)]
pub fn without_hashes(html: &str) -> String {
    NAMES.iter().fold(html.to_owned(), |html, (source, file)| html.replace(file, source))
}
