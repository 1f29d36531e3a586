use std::path::Path;

use moothall_core::formats::decode;
use serde::Serialize;

use crate::{AgendaError, input::read_file, outline, page, pdf, xml};

/// What an agenda document says.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Agenda {
    /// What the document calls the meeting, where it was seen.
    pub title: Option<String>,
    /// In the order of the document; never empty.
    pub items: Vec<Item>,
    /// Who was summoned; only web services say.
    pub attendees: Vec<Attendee>,
    /// What was mended or left out, each in a sentence for people.
    pub warnings: Vec<String>,
}

/// One entry of an agenda.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Item {
    /// As printed, without the dot after it; a sub-item has its parent's number before its own: "6a".
    ///
    /// Empty where a web service gives a heading without a number.
    pub number: String,
    /// Verbatim, but that lines are joined and words broken at a line's end are made whole.
    pub title: String,
    /// 0 for an item, 1 for an item of an item, and so on.
    pub level: u8,
    /// Whether the document says that it is not for the public.
    pub restricted: bool,
    /// The page of a PDF on which it stands, from 1.
    pub page: Option<u32>,
    /// Papers that the public may read; only web services link them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub documents: Vec<Document>,
}

/// A paper that belongs to an item.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Document {
    pub title: String,
    /// `http` or `https`.
    pub url: String,
}

/// Somebody who was expected at the meeting.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Attendee {
    /// As the council writes it, often with a title: "Councillor Basil Curley".
    pub name: String,
    pub role: Option<String>,
    pub party: Option<String>,
    pub ward: Option<String>,
}

/// Reads plain text, a PDF with text in it, or a meeting from Modern.gov's web service.
///
/// # Errors
/// Each names the file and what to do.
pub fn read(path: &Path) -> Result<Agenda, AgendaError> {
    let bytes = read_file(path)?;
    let start = &bytes[..bytes.len().min(1_024)];
    let first = start.iter().find(|byte| !byte.is_ascii_whitespace() && !matches!(byte, 0xEF | 0xBB | 0xBF));
    let unknown = |kind| Err(AgendaError::UnknownKind { path: path.to_owned(), kind });
    // ISO 32000 lets the mark stand anywhere in the first kilobyte.
    let agenda = if start.windows(5).any(|window| window == b"%PDF-") {
        outline::read(&page::pages(&pdf::text(path)?))
    } else if start.starts_with(b"PK\x03\x04") {
        return unknown("Word, OpenDocument or ZIP file");
    } else if start.starts_with(b"\xD0\xCF\x11\xE0") {
        return unknown("Microsoft Office file");
    } else if start.starts_with(b"{\\rtf") {
        return unknown("RTF file");
    } else if first == Some(&b'<') {
        let text = decode(&bytes).text;
        let head = text.trim_start().get(..100).unwrap_or(&text).to_ascii_lowercase();
        if head.starts_with("<!doctype html") || head.starts_with("<html") {
            return unknown("web page");
        }
        xml::read(&text).map_err(|error| AgendaError::BadXml {
            path: path.to_owned(),
            line: error.line,
            reason: error.reason,
        })?
    } else if start.contains(&0) && !start.starts_with(b"\xFF\xFE") && !start.starts_with(b"\xFE\xFF") {
        return unknown("binary file");
    } else {
        outline::read_typed(&page::pages(&decode(&bytes).text))
    };
    if agenda.items.is_empty() {
        return Err(AgendaError::NoItems { path: path.to_owned() });
    }
    Ok(agenda)
}
