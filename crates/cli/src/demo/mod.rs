//! The fictional council behind `moothall demo`: its debate, written in `script.toml`, is spoken by flite and
//! filmed by [`studio`], and [`live`] sends the film to an SRT listener as an encoder in a chamber would.

pub mod clerk;
mod elements;
mod film;
pub mod live;
mod picture;
mod script;
pub mod studio;
mod voice;

use std::{io, path::PathBuf};

use gst::{glib, prelude::*};

/// Why the demo's film was not made.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    #[error("the speech program flite is missing: install it with `apt install flite`")]
    FliteMissing,
    #[error("flite could not speak: {0}")]
    Flite(String),
    #[error("the GStreamer element {element} is missing: install it with `apt install {package}`")]
    ElementMissing { element: &'static str, package: &'static str },
    #[error("the film could not be made: {element}: {reason}")]
    Pipeline { element: String, reason: String },
    #[error("the script of the demo is faulty: {0}")]
    Script(String),
    #[error("{}: {source}", path.display())]
    File { path: PathBuf, source: io::Error },
}

impl DemoError {
    fn from_message(error: &gst::message::Error) -> Self {
        let element = error.src().map_or_else(|| "pipeline".to_owned(), |source| source.name().to_string());
        Self::Pipeline { element, reason: error.error().to_string() }
    }
}

/// An element refused a link or a pad.
impl From<glib::BoolError> for DemoError {
    fn from(error: glib::BoolError) -> Self {
        Self::Pipeline { element: "pipeline".to_owned(), reason: error.to_string() }
    }
}

impl From<gst::StateChangeError> for DemoError {
    fn from(error: gst::StateChangeError) -> Self {
        Self::Pipeline { element: "pipeline".to_owned(), reason: error.to_string() }
    }
}
