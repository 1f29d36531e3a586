use serde::{Deserialize, Serialize};

use crate::MediaTime;

/// One word as it was heard.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Word {
    pub start_ms: MediaTime,
    pub end_ms: MediaTime,
    /// With its punctuation, without surrounding space.
    pub text: String,
    /// From 0 (guessed) to 1 (sure).
    pub confidence: f32,
}

/// One readable line or two of transcript with its words.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Caption {
    pub start_ms: MediaTime,
    pub end_ms: MediaTime,
    /// Lines are separated by `\n`.
    pub text: String,
    /// From 0 to 1; absent where whoever made the caption did not say.
    pub confidence: Option<f32>,
    /// Who speaks, where the caption itself says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub speaker: Option<String>,
    /// Which language all of its words are in, as in ISO 639-1; absent where nobody found it out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    /// Empty for captions made elsewhere, which carry no times of words.
    #[serde(default)]
    pub words: Vec<Word>,
}
