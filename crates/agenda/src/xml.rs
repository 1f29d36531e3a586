//! A meeting as Modern.gov's web service gives it (`GetMeeting`).
//!
//! Texts are encoded twice in real answers: the parser takes out one layer of entities, we the other.

use moothall_core::formats::decode_entities;
use quick_xml::{
    Reader,
    events::{BytesStart, Event},
};

use crate::document::{Agenda, Attendee, Document, Item};

/// The service nests seven deep.
const MAX_DEPTH: usize = 32;
/// Ten times what the longest agenda needs.
const MAX_ITEMS: usize = 2_000;

/// What is wrong with the feed, and where.
#[derive(Debug, PartialEq, Eq)]
pub struct XmlError {
    /// From 1.
    pub line: usize,
    pub reason: String,
}

/// An item while its elements are read; the names are those of the service.
#[derive(Default)]
struct Raw {
    title: String,
    number: String,
    sub_number: String,
    restricted: bool,
    hidden: bool,
    documents: Vec<Document>,
}

#[derive(Default)]
struct RawDocument {
    title: String,
    url: String,
    restricted: bool,
}

#[derive(Default)]
struct Feed {
    path: Vec<String>,
    text: String,
    item: Raw,
    document: RawDocument,
    agenda: Agenda,
}

/// # Errors
/// Where it is not well-formed, nested too deep, or no meeting.
pub fn read(text: &str) -> Result<Agenda, XmlError> {
    let mut reader = Reader::from_str(text);
    let mut feed = Feed::default();
    loop {
        let event = reader.read_event();
        let position = event.as_ref().map_or(reader.error_position(), |_| reader.buffer_position());
        let fail = |reason: String| XmlError { line: line_of(text, position as usize), reason };
        match event.map_err(|error| fail(error.to_string()))? {
            Event::Start(start) => {
                feed.start(&start).map_err(fail)?;
                feed.text.clear();
            }
            Event::Empty(empty) => {
                feed.start(&empty).map_err(&fail)?;
                feed.text.clear();
                feed.end().map_err(fail)?;
            }
            Event::End(_) => feed.end().map_err(fail)?,
            Event::Text(part) => feed.text.push_str(&part.xml10_content()),
            Event::CData(part) => feed.text.push_str(&part.xml10_content()),
            Event::GeneralRef(reference) => {
                let entity = format!("&{};", reference.xml10_content());
                feed.text.push_str(&decode_entities(&entity));
            }
            Event::Eof if !feed.path.is_empty() => {
                return Err(fail(format!("the file ends inside <{}>", feed.path.join("><"))));
            }
            Event::Eof => return Ok(feed.agenda),
            Event::Comment(_) | Event::Decl(_) | Event::PI(_) | Event::DocType(_) => {}
        }
    }
}

impl Feed {
    fn start(&mut self, start: &BytesStart<'_>) -> Result<(), String> {
        let name = start.name().into_inner().to_owned();
        if self.path.is_empty() && name != "meeting" {
            return Err(format!(
                "<{name}> is no meeting of Modern.gov's web service, which begins with <meeting>"
            ));
        }
        if self.path.len() >= MAX_DEPTH {
            return Err(format!("elements are nested more than {MAX_DEPTH} deep"));
        }
        match name.as_str() {
            "agendaitem" => self.item = Raw::default(),
            "linkeddoc" => self.document = RawDocument::default(),
            "attendee" => self.attendee(start)?,
            _ => {}
        }
        self.path.push(name);
        Ok(())
    }

    fn attendee(&mut self, start: &BytesStart<'_>) -> Result<(), String> {
        let mut attendee = Attendee { name: String::new(), role: None, party: None, ward: None };
        for attribute in start.attributes() {
            let attribute = attribute.map_err(|error| error.to_string())?;
            let value = plain(&decode_entities(&attribute.value));
            let some = Some(value.clone()).filter(|value| !value.is_empty());
            match attribute.key.into_inner() {
                "name" => attendee.name = value,
                "roledescription" => attendee.role = some,
                "politicalparty" => attendee.party = some,
                "ward" => attendee.ward = some,
                _ => {}
            }
        }
        if !attendee.name.is_empty() {
            self.agenda.attendees.push(attendee);
        }
        Ok(())
    }

    fn end(&mut self) -> Result<(), String> {
        let name = self.path.pop().unwrap_or_default();
        let parent = self.path.last().map_or("", String::as_str);
        let value = plain(&self.text);
        self.text.clear();
        let is_true = value.eq_ignore_ascii_case("true");
        match (parent, name.as_str()) {
            ("agendaitem", "agendaitemtitle") => self.item.title = value,
            ("agendaitem", "fulldisplaynumberformat") => self.item.number = value,
            ("agendaitem", "agendaitemsubnumber") => self.item.sub_number = value,
            ("agendaitem", "isrestricted") => self.item.restricted = is_true,
            ("agendaitem", "isdisplayallowed") => self.item.hidden = !is_true,
            ("linkeddoc", "title") => self.document.title = value,
            ("linkeddoc", "url") => self.document.url = value,
            ("linkeddoc", "isrestricted") => self.document.restricted = is_true,
            (_, "linkeddoc") => self.finish_document(),
            (_, "agendaitem") => self.finish_item()?,
            _ => {}
        }
        Ok(())
    }

    fn finish_document(&mut self) {
        let document = std::mem::take(&mut self.document);
        let is_web = ["http://", "https://"].iter().any(|scheme| document.url.starts_with(scheme));
        if document.restricted {
            self.agenda.warnings.push("a restricted document was left out".to_owned());
        } else if is_web {
            self.item.documents.push(Document { title: document.title, url: document.url });
        } else {
            let message = format!("the document {:?} was left out: it has no web address", document.title);
            self.agenda.warnings.push(message);
        }
    }

    fn finish_item(&mut self) -> Result<(), String> {
        if self.agenda.items.len() >= MAX_ITEMS {
            return Err(format!("there are more than {MAX_ITEMS} agenda items"));
        }
        let raw = std::mem::take(&mut self.item);
        let number = raw.number.trim_end_matches('.').to_owned();
        if raw.title.is_empty() {
            self.agenda.warnings.push(format!("item {number:?} has no title and was left out"));
            return Ok(());
        }
        let level = if raw.sub_number.is_empty() { level_of(&number) } else { level_of(&number).max(1) };
        // What may not be displayed is treated as what may not be known.
        let restricted = raw.restricted || raw.hidden;
        let item = Item { number, title: raw.title, level, restricted, page: None, documents: raw.documents };
        self.agenda.items.push(item);
        Ok(())
    }
}

/// Takes out the second layer of entities and joins lines.
fn plain(text: &str) -> String {
    decode_entities(text).split_whitespace().collect::<Vec<_>>().join(" ")
}

/// "5" is 0, "5.1" and "5a" are 1, "5.1.2" is 2.
fn level_of(number: &str) -> u8 {
    let parts = number.split('.').filter(|part| !part.is_empty()).count().saturating_sub(1);
    let lettered = number.starts_with(|first: char| first.is_ascii_digit())
        && number.ends_with(|last: char| last.is_ascii_alphabetic());
    u8::try_from(parts + usize::from(lettered)).unwrap_or(u8::MAX)
}

fn line_of(text: &str, position: usize) -> usize {
    let before = &text.as_bytes()[..position.min(text.len())];
    1 + before.iter().filter(|byte| **byte == b'\n').count()
}
