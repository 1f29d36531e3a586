//! The line between browsers that call and the recorder that takes what they send.

use std::fmt;

use moothall_core::CallId;

/// What a browser says when it calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    pub id: CallId,
    /// What it can send, in SDP (RFC 8866).
    pub offer: String,
}

/// Brings the calls of browsers to their recorders, and the answers back (WHIP, RFC 9725). Pages and recorders
/// may be programs of their own, so this crate does not know how.
pub trait Switchboard: Send + Sync {
    /// The oldest call with the key of this SHA-256 (hexadecimal) that waits for an answer.
    fn next(&self, key_sha256: &str) -> Option<Call>;

    /// Gives a call what is to be sent how, in SDP; or why not, in a sentence without its full stop.
    fn answer(&self, call: CallId, answer: Result<&str, &str>);

    /// Whether the caller still holds the line, as far as is known.
    fn is_held(&self, call: CallId) -> bool;

    /// Nothing more is taken from this caller.
    fn hang_up(&self, call: CallId);
}

impl fmt::Debug for dyn Switchboard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Switchboard")
    }
}
