//! A transcript as a file to take away.

use axum::{
    extract::{Path, State},
    http::{HeaderValue, header},
    response::{IntoResponse, Response},
};
use moothall_core::{
    MediaTime,
    formats::{Cue, srt, txt, vtt},
};
use moothall_store::{Meeting, Speaker};

use crate::{
    api::transcript::{answer, public_meeting},
    failure::{Failure, Result},
    record::Record,
    state::AppState,
    views::{Link, When},
};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    Vtt,
    Srt,
    Txt,
    Csv,
    Json,
}

impl Form {
    pub const ALL: [Self; 5] = [Self::Vtt, Self::Srt, Self::Txt, Self::Csv, Self::Json];

    pub const fn ending(self) -> &'static str {
        match self {
            Self::Vtt => "vtt",
            Self::Srt => "srt",
            Self::Txt => "txt",
            Self::Csv => "csv",
            Self::Json => "json",
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Vtt => "Captions (VTT)",
            Self::Srt => "Captions (SRT)",
            Self::Txt => "Text",
            Self::Csv => "Table (CSV)",
            Self::Json => "Data (JSON)",
        }
    }

    const fn media_type(self) -> &'static str {
        match self {
            Self::Vtt => "text/vtt; charset=utf-8",
            Self::Srt => "application/x-subrip; charset=utf-8",
            Self::Txt => "text/plain; charset=utf-8",
            Self::Csv => "text/csv; charset=utf-8; header=present",
            Self::Json => "application/json",
        }
    }
}

/// The forms in which a meeting's transcript can be had.
pub fn links(slug: &str) -> Vec<Link> {
    let link = |form: Form| Link {
        text: form.name().to_owned(),
        href: format!("/meetings/{slug}/transcript.{}", form.ending()),
    };
    Form::ALL.into_iter().map(link).collect()
}

pub async fn download(
    form: Form,
    State(state): State<AppState>,
    Path(slug): Path<String>,
) -> Result<Response> {
    let meeting = public_meeting(&state, &slug).await?;
    let record = Record::load(&state.db, &meeting, MediaTime::ZERO).await?;
    if record.captions.is_empty() {
        return Err(Failure::NotFound);
    }
    let file = match form {
        Form::Vtt => vtt::write(Some(&note(&meeting)), cues(&record, meeting.language.as_deref())),
        Form::Srt => srt::write(cues(&record, meeting.language.as_deref())),
        Form::Txt => txt::write(cues(&record, meeting.language.as_deref())),
        Form::Csv => table(&record)?,
        Form::Json => serde_json::to_string(&answer(record)).map_err(std::io::Error::from)?,
    };
    let name = format!("attachment; filename=\"{}.{}\"", meeting.slug, form.ending());
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static(form.media_type())),
        (header::CONTENT_DISPOSITION, HeaderValue::from_str(&name).map_err(axum::http::Error::from)?),
    ];
    Ok((headers, file).into_response())
}

/// Where the captions are from.
fn note(meeting: &Meeting) -> String {
    let when = When(meeting.local_start());
    format!("{}: {}, {}, {}", meeting.council_name, meeting.title, meeting.committee_name, when.day())
}

/// What was said; where it is in another language than `main`, that is told.
pub fn cues<'a>(record: &'a Record, main: Option<&'a str>) -> impl Iterator<Item = Cue<'a>> {
    let (turns, speakers) = (record.turns_by_id(), record.speakers_by_id());
    let mut before = None;
    record.captions.iter().map(move |caption| {
        let speaker = turns.get(&caption.turn_id).and_then(|turn| turn.speaker_id);
        let speaker = speaker.and_then(|id| speakers.get(&id).copied());
        Cue {
            start_ms: caption.start_ms,
            end_ms: caption.end_ms,
            text: &caption.text,
            new_turn: before.replace(caption.turn_id).is_some_and(|before| before != caption.turn_id),
            speaker: speaker.map(|speaker: &Speaker| speaker.name.as_str()),
            language: caption.language.as_deref(),
        }
        .in_file_of(main)
    })
}

fn table(record: &Record) -> Result<String> {
    let (turns, speakers) = (record.turns_by_id(), record.speakers_by_id());
    let mut table = csv::Writer::from_writer(Vec::new());
    table.write_record(["start", "end", "speaker", "role", "item", "item title", "text", "caption id"])?;
    for caption in &record.captions {
        let speaker = turns.get(&caption.turn_id).and_then(|turn| turn.speaker_id);
        let speaker = speaker.and_then(|id| speakers.get(&id).copied());
        let item = record.item_at(caption.start_ms);
        table.write_record([
            caption.start_ms.to_string().as_str(),
            caption.end_ms.to_string().as_str(),
            speaker.map_or("", |speaker| speaker.name.as_str()),
            speaker.and_then(|speaker| speaker.role.as_deref()).unwrap_or(""),
            item.map_or("", |item| item.number.as_str()),
            item.map_or("", |item| item.title.as_str()),
            caption.text.replace('\n', " ").as_str(),
            caption.id.to_string().as_str(),
        ])?;
    }
    let bytes = table.into_inner().map_err(|error| error.into_error())?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
