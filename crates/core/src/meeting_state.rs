use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// Where a meeting stands between being planned and being published.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MeetingState {
    Scheduled,
    Live,
    Adjourned,
    /// Over, its record not yet released.
    Ended,
    Published,
    /// Taken out of the public's sight.
    Withheld,
    Cancelled,
}

/// A state or a change of state that cannot be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StateError {
    #[error("{0:?} is not a state of a meeting")]
    Unknown(String),
    #[error("a meeting that is {from} cannot become {to}")]
    Forbidden { from: MeetingState, to: MeetingState },
}

impl MeetingState {
    pub const ALL: [Self; 7] = [
        Self::Scheduled,
        Self::Live,
        Self::Adjourned,
        Self::Ended,
        Self::Published,
        Self::Withheld,
        Self::Cancelled,
    ];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Scheduled => "scheduled",
            Self::Live => "live",
            Self::Adjourned => "adjourned",
            Self::Ended => "ended",
            Self::Published => "published",
            Self::Withheld => "withheld",
            Self::Cancelled => "cancelled",
        }
    }

    /// Whether the meeting goes on: its recorder runs and its page changes while one looks.
    pub const fn is_running(self) -> bool {
        matches!(self, Self::Live | Self::Adjourned)
    }

    /// Whether the public may see and search what was said.
    pub const fn is_public(self) -> bool {
        matches!(self, Self::Live | Self::Adjourned | Self::Published)
    }

    /// Whether a person or the program may move a meeting from here to `to`.
    pub const fn may_become(self, to: Self) -> bool {
        use MeetingState as S;
        matches!(
            (self, to),
            (S::Scheduled, S::Live | S::Ended | S::Published | S::Withheld | S::Cancelled)
                | (S::Live, S::Adjourned | S::Ended | S::Withheld)
                | (S::Adjourned, S::Live | S::Ended | S::Withheld)
                | (S::Ended, S::Live | S::Published | S::Withheld)
                | (S::Published, S::Withheld)
                | (S::Withheld, S::Published | S::Ended)
                | (S::Cancelled, S::Scheduled)
        )
    }

    /// # Errors
    /// [`StateError::Forbidden`] names both states.
    pub const fn become_state(self, to: Self) -> Result<Self, StateError> {
        if self.may_become(to) { Ok(to) } else { Err(StateError::Forbidden { from: self, to }) }
    }
}

impl fmt::Display for MeetingState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for MeetingState {
    type Err = StateError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|state| state.as_str() == text)
            .ok_or_else(|| StateError::Unknown(text.to_owned()))
    }
}

impl TryFrom<String> for MeetingState {
    type Error = StateError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_state_is_read_back() {
        for state in MeetingState::ALL {
            assert_eq!(state.as_str().parse(), Ok(state));
        }
        assert!("closed".parse::<MeetingState>().is_err());
    }

    #[test]
    fn a_withheld_record_comes_back_only_by_publication_or_as_ended() {
        let after_withheld: Vec<_> =
            MeetingState::ALL.into_iter().filter(|to| MeetingState::Withheld.may_become(*to)).collect();
        assert_eq!(after_withheld, [MeetingState::Ended, MeetingState::Published]);
        assert!(!MeetingState::Withheld.is_public());
    }

    #[test]
    fn no_state_becomes_itself() {
        assert!(MeetingState::ALL.into_iter().all(|state| !state.may_become(state)));
    }
}
