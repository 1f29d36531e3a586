use std::{io, path::PathBuf};

/// Why a file could not be read at all. Smaller troubles are warnings beside what was read.
#[derive(Debug, thiserror::Error)]
pub enum AgendaError {
    #[error("cannot read {}: {source}", path.display())]
    Io { path: PathBuf, source: io::Error },

    #[error("{} is larger than {limit_mib} MiB, which no agenda, caption file or log is; check the file", path.display())]
    TooBig { path: PathBuf, limit_mib: u64 },

    #[error("{} is a {kind}; save it as PDF or plain text and use that", path.display())]
    UnknownKind { path: PathBuf, kind: &'static str },

    #[error(
        "{} has no text in it, so it was probably scanned; run OCR over it (for instance ocrmypdf in.pdf out.pdf), \
         or paste the agenda as plain text", path.display()
    )]
    Scanned { path: PathBuf },

    #[error("{} is protected by a password; save a copy without one", path.display())]
    Password { path: PathBuf },

    #[error("{} is a damaged PDF ({reason}); print it to PDF again or paste the agenda as plain text", path.display())]
    DamagedPdf { path: PathBuf, reason: String },

    #[error("{} kept pdftotext busy beyond its limit of {limit_s} s; paste the agenda as plain text", path.display())]
    TooSlow { path: PathBuf, limit_s: u64 },

    #[error("the program {program} is missing; install Debian's package {package}")]
    MissingProgram { program: &'static str, package: &'static str },

    #[error("{}, line {line}: {reason}; fetch the meeting from the web service again", path.display())]
    BadXml { path: PathBuf, line: usize, reason: String },

    #[error(
        "no agenda items were found in {}; write one item a line with its number, as in: 1. Apologies", path.display()
    )]
    NoItems { path: PathBuf },

    #[error("{}, line 1: the header is {found:?}; write {expected}", path.display())]
    BadHeader { path: PathBuf, found: String, expected: String },

    #[error("{} holds no captions; give a WebVTT or SubRip file", path.display())]
    NoCaptions { path: PathBuf },
}
