//! The changing parts of a page of the console, sent as they change.

use std::{convert::Infallible, time::Duration};

use axum::response::{
    Sse,
    sse::{Event, KeepAlive},
};
use futures_util::{Stream, StreamExt, stream};

use crate::failure::Result;

/// As often as something is measured.
const EVERY: Duration = Duration::from_secs(1);
/// After so many seconds the browser asks anew, and whether it is still signed in is looked at anew.
const LASTS: usize = 300;

/// Names of elements, and what is to stand in them.
pub type Parts = Vec<(&'static str, String)>;

/// Sends each part when it is another than it was before.
pub fn sent<M, F>(make: M) -> Sse<impl Stream<Item = Result<Event, Infallible>>>
where
    M: Fn() -> F + Send + 'static,
    F: Future<Output = Result<Parts>> + Send,
{
    let seconds = stream::unfold((make, Parts::new(), 0), async |(make, mut told, second)| {
        if second >= LASTS {
            return None;
        }
        if second > 0 {
            tokio::time::sleep(EVERY).await;
        }
        let parts = make().await.unwrap_or_else(|error| {
            tracing::warn!(?error, "a page is not told what changed");
            told.clone()
        });
        let changed = parts.iter().filter(|part| !told.contains(part));
        let events: Vec<_> =
            changed.map(|(name, html)| Ok(Event::default().event(*name).data(html))).collect();
        told = parts;
        Some((stream::iter(events), (make, told, second + 1)))
    });
    Sse::new(seconds.flatten()).keep_alive(KeepAlive::default())
}
