use chrono::{DateTime, SecondsFormat, Utc};
use moothall_store::{AlertEvent, ClaimedAlert};
use serde_json::{Value, json};

/// What somebody is told of a finding.
pub(super) struct Message {
    /// The same each time that it is tried, so that who gets it twice can see it.
    pub id: String,
    pub subject: String,
    pub text: String,
    pub json: Value,
}

impl Message {
    pub(super) fn of(alert: &ClaimedAlert) -> Self {
        let ClaimedAlert { finding, since_at, ended_at, meeting_slug, meeting_title, .. } = alert;
        let place = alert.room_name.as_ref().unwrap_or(meeting_title);
        let lasted_s = |until: DateTime<Utc>| (until - *since_at).num_seconds();
        let (title, text) = match alert.event {
            AlertEvent::Begin => (finding.title().to_owned(), finding.sentence(lasted_s(alert.created_at))),
            AlertEvent::End => {
                let until = shown(ended_at.unwrap_or(alert.created_at));
                let title = format!("{}: over", finding.title());
                (title, format!("It was so from {} to {until}.", shown(*since_at)))
            }
        };
        let time = |time: DateTime<Utc>| time.to_rfc3339_opts(SecondsFormat::Millis, true);
        let room = alert.room_slug.as_ref().map(|slug| json!({ "slug": slug, "name": alert.room_name }));
        let json = json!({
            "id": alert.id,
            "event": format!("finding.{}", alert.event.as_str()),
            "at": time(alert.created_at),
            "finding": finding,
            "finding_id": alert.finding_id,
            "title": title,
            "text": text,
            "since": time(*since_at),
            "ended": ended_at.map(time),
            "meeting": { "slug": meeting_slug, "title": meeting_title },
            "room": room,
        });
        let page =
            alert.room_slug.as_ref().map(|slug| format!("See /clerk/rooms/{slug} on your Moothall.\n"));
        let text = format!(
            "{text}\n\nWhere: {place}\nMeeting: {meeting_title} ({meeting_slug})\nSince: {}\n{}",
            shown(*since_at),
            page.unwrap_or_default(),
        );
        Self { id: alert.id.to_string(), subject: format!("{place}: {title}"), text, json }
    }
}

fn shown(time: DateTime<Utc>) -> String {
    time.format("%Y-%m-%d %H:%M:%S UTC").to_string()
}
