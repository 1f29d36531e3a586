use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// How the program knows who spoke, or which item was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Evidence {
    /// The conference system said whose microphone was on.
    Microphone,
    /// Somebody listened again and said who it is, whatever was noted before.
    Correction,
    /// A clerk's mark, or a log that somebody kept.
    Clerk,
    /// The sound of the voice.
    Voice,
    /// What was said: the chair calls on someone.
    Wording,
    /// Captions made elsewhere that named the speaker.
    Captions,
    /// Nothing: the speaker is not known.
    None,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a kind of evidence")]
pub struct UnknownEvidence(pub String);

impl Evidence {
    const ALL: [Self; 7] = [
        Self::Microphone,
        Self::Correction,
        Self::Clerk,
        Self::Voice,
        Self::Wording,
        Self::Captions,
        Self::None,
    ];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Microphone => "microphone",
            Self::Correction => "correction",
            Self::Clerk => "clerk",
            Self::Voice => "voice",
            Self::Wording => "wording",
            Self::Captions => "captions",
            Self::None => "none",
        }
    }
}

impl fmt::Display for Evidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Evidence {
    type Err = UnknownEvidence;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|evidence| evidence.as_str() == text)
            .ok_or_else(|| UnknownEvidence(text.to_owned()))
    }
}

impl TryFrom<String> for Evidence {
    type Error = UnknownEvidence;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}
