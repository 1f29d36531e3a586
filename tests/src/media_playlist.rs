use crate::Server;

/// A segment as a media playlist tells of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Segment {
    pub file: String,
    pub init: String,
    /// By EXT-X-PROGRAM-DATE-TIME, in milliseconds since 1970.
    pub starts_ms: i64,
    pub duration_ms: i64,
    pub discontinuity: bool,
}

impl Segment {
    pub fn ends_ms(&self) -> i64 {
        self.starts_ms + self.duration_ms
    }
}

/// The whole segments of a media playlist; `folder` is where it lies.
#[track_caller]
pub fn segments(server: &Server, folder: &str) -> Vec<Segment> {
    let (mut segments, mut init) = (Vec::new(), String::new());
    let (mut starts_ms, mut duration_ms, mut discontinuity) = (0, 0, false);
    for line in server.page(&format!("{folder}/index.m3u8")).lines() {
        if line == "#EXT-X-DISCONTINUITY" {
            discontinuity = true;
        } else if let Some(map) = line.strip_prefix("#EXT-X-MAP:URI=\"") {
            map.trim_end_matches('"').clone_into(&mut init);
        } else if let Some(date) = line.strip_prefix("#EXT-X-PROGRAM-DATE-TIME:") {
            starts_ms = ms_of_date(date);
        } else if let Some(seconds) = line.strip_prefix("#EXTINF:") {
            duration_ms = ms_of_seconds(seconds.trim_end_matches(','));
        } else if !line.starts_with('#') {
            let (file, init) = (line.to_owned(), init.clone());
            segments.push(Segment { file, init, starts_ms, duration_ms, discontinuity });
            discontinuity = false;
        }
    }
    segments
}

/// Of segments, those that follow each other without a discontinuity.
pub fn runs(segments: &[Segment]) -> Vec<&[Segment]> {
    segments.chunk_by(|_, next| !next.discontinuity).collect()
}

/// Up to when something is aired, parts included, in milliseconds since 1970; none before anything is.
pub fn aired_until_ms(server: &Server, folder: &str) -> Option<i64> {
    let answer = server.get(&format!("{folder}/index.m3u8"));
    let (mut starts_ms, mut ends_ms) = (0, None);
    for line in answer.text().lines().filter(|_| answer.status == 200) {
        if let Some(date) = line.strip_prefix("#EXT-X-PROGRAM-DATE-TIME:") {
            starts_ms = ms_of_date(date);
            ends_ms = Some(starts_ms);
        } else if let Some(part) = line.strip_prefix("#EXT-X-PART:DURATION=") {
            let (seconds, _) = part.split_once(',').unwrap();
            ends_ms = ends_ms.map(|ends_ms| ends_ms + ms_of_seconds(seconds));
        } else if let Some(seconds) = line.strip_prefix("#EXTINF:") {
            ends_ms = Some(starts_ms + ms_of_seconds(seconds.trim_end_matches(',')));
        }
    }
    ends_ms
}

fn ms_of_date(date: &str) -> i64 {
    date.parse::<chrono::DateTime<chrono::Utc>>().unwrap().timestamp_millis()
}

fn ms_of_seconds(seconds: &str) -> i64 {
    (seconds.parse::<f64>().unwrap() * 1_000.0).round() as i64
}
