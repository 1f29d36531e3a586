use std::{fmt, sync::mpsc::Sender};

use gst::prelude::*;
use url::Url;

use super::SourceError;
use crate::{
    branch::Event,
    hls_relay,
    pipeline::{Input, make},
    reach::Reach,
    record::RecordError,
};

pub(crate) const REMEDY: &str = "check that a browser on this machine gets the playlist at this address";
/// The most that the element takes.
const MAX_SPEED_KBIT: u32 = u32::MAX / 1_000;

/// A live HLS playlist that is followed, read from `https://HOST/PATH.m3u8`.
#[derive(Clone, PartialEq, Eq)]
pub struct HlsAddress {
    /// What follows its question mark is often a password; never shown.
    pub(crate) url: Url,
}

impl HlsAddress {
    pub(super) fn parse(text: &str) -> Result<Self, SourceError> {
        let url = Url::parse(text).map_err(|error| SourceError::Url { reason: error.to_string() })?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err(SourceError::Login);
        }
        if !url.path().ends_with(".m3u8") {
            return Err(SourceError::NoPlaylist);
        }
        Ok(Self { url })
    }

    /// `souphttpsrc ! hlsdemux`, which read through a relay of our own.
    pub(crate) fn input(&self, reach: Reach, events: &Sender<Event>) -> Result<Input, RecordError> {
        let (uri, attendant) = hls_relay::start(self, reach, events)?;
        let source = make("souphttpsrc")?;
        source.set_property("location", uri);
        let demuxer = make("hlsdemux")?;
        // Always the best picture: a change from one to another would break the recording.
        demuxer.set_property("connection-speed", MAX_SPEED_KBIT);
        let mut input = Input::new([source, demuxer]);
        input.attendant = Some(attendant);
        Ok(input)
    }
}

impl fmt::Display for HlsAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = self.url.clone();
        shown.set_query(None);
        shown.set_fragment(None);
        shown.fmt(f)
    }
}

impl fmt::Debug for HlsAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("HlsAddress").field(&self.to_string()).finish()
    }
}
