//! Meetings, and the change sequence that tells the search index which of them to read again.

use chrono::{DateTime, FixedOffset, TimeDelta, Utc};
use moothall_core::{CommitteeId, CouncilId, MeetingId, MeetingState};
use sqlx::FromRow;
use uuid::Uuid;

use crate::{
    Db, Tx,
    backend::{on_db, on_tx},
    error::Result,
};

/// One sitting of a committee, with the names that every page shows beside it.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct Meeting {
    pub id: MeetingId,
    pub council_id: CouncilId,
    pub council_slug: String,
    pub council_name: String,
    pub committee_id: CommitteeId,
    pub committee_slug: String,
    pub committee_name: String,
    pub slug: String,
    pub title: String,
    /// The planned start.
    pub starts_at: DateTime<Utc>,
    /// Seconds east of Greenwich where and when the meeting takes place.
    pub utc_offset_s: i64,
    #[sqlx(try_from = "String")]
    pub state: MeetingState,
    /// ISO 639-1 code of the language spoken, where somebody said so.
    pub language: Option<String>,
    /// The address a live meeting is recorded from, unless it is its room's.
    pub source: Option<String>,
    /// How long what happens is held back before the public sees it, 0 to 300.
    pub air_delay_s: i64,
    /// Captions are kept in capitals and shown in sentence case.
    pub upper_case: bool,
    /// There are pictures of its recording; set by [`Tx::set_poster`].
    pub has_poster: bool,
    pub created_at: DateTime<Utc>,
}

impl Meeting {
    /// The planned start as the clock on the wall of the chamber shows it.
    pub fn local_start(&self) -> DateTime<FixedOffset> {
        let offset = i32::try_from(self.utc_offset_s).ok().and_then(FixedOffset::east_opt);
        match offset {
            Some(offset) => self.starts_at.with_timezone(&offset),
            None => self.starts_at.fixed_offset(),
        }
    }
}

/// Which meetings to list; what is `None` does not matter.
#[derive(Debug, Clone, Default)]
pub struct MeetingFilter {
    pub council_id: Option<CouncilId>,
    pub committee_id: Option<CommitteeId>,
    pub state: Option<MeetingState>,
    /// The planned start is at or after this.
    pub from: Option<DateTime<Utc>>,
    /// The planned start is before this.
    pub until: Option<DateTime<Utc>>,
    /// Only what the public may know of: not withheld, not ended and unpublished.
    pub listed_only: bool,
    /// Earliest first instead of latest first.
    pub ascending: bool,
    pub limit: i64,
    pub offset: i64,
}

/// A meeting that changed, and where its last change stands in the change sequence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, FromRow)]
pub struct ChangedMeeting {
    pub id: MeetingId,
    pub changed_seq: i64,
}

const FAR_PAST: DateTime<Utc> = DateTime::<Utc>::UNIX_EPOCH;
/// Far enough: a thousand years from 1970.
const FAR_FUTURE_DAYS: i64 = 365_250;

macro_rules! select_meeting {
    ($rest:literal) => {
        concat!(
            "SELECT m.id, m.council_id, c.slug AS council_slug, c.name AS council_name, m.committee_id,
                k.slug AS committee_slug, k.name AS committee_name, m.slug, m.title, m.starts_at,
                m.utc_offset_s, m.state, m.language, m.source, m.air_delay_s, m.upper_case,
                EXISTS (SELECT 1 FROM recordings r WHERE r.meeting_id = m.id AND r.has_poster) AS has_poster,
                m.created_at
            FROM meetings m JOIN councils c ON c.id = m.council_id JOIN committees k ON k.id = m.committee_id ",
            $rest
        )
    };
}

statements! {
    MEETING_BY_ID = select_meeting!("WHERE m.id = $1");
    MEETING_BY_SLUG = select_meeting!("WHERE m.slug = $1");
    MEETINGS_DESCENDING = select_meeting!("WHERE ($1 = '' OR m.state = $1) AND (NOT $2 OR m.committee_id = $3)
        AND m.starts_at >= $4 AND m.starts_at < $5
        AND (NOT $6 OR m.state IN ('scheduled', 'live', 'adjourned', 'published', 'cancelled'))
        AND (NOT $7 OR m.council_id = $8)
        ORDER BY m.starts_at DESC, m.id DESC LIMIT $9 OFFSET $10");
    MEETINGS_ASCENDING = select_meeting!("WHERE ($1 = '' OR m.state = $1) AND (NOT $2 OR m.committee_id = $3)
        AND m.starts_at >= $4 AND m.starts_at < $5
        AND (NOT $6 OR m.state IN ('scheduled', 'live', 'adjourned', 'published', 'cancelled'))
        AND (NOT $7 OR m.council_id = $8)
        ORDER BY m.starts_at, m.id LIMIT $9 OFFSET $10");
    MEETINGS_COUNT = "SELECT count(*) FROM meetings m
        WHERE ($1 = '' OR m.state = $1) AND (NOT $2 OR m.committee_id = $3)
        AND m.starts_at >= $4 AND m.starts_at < $5
        AND (NOT $6 OR m.state IN ('scheduled', 'live', 'adjourned', 'published', 'cancelled'))
        AND (NOT $7 OR m.council_id = $8)";
    MEETINGS_TO_RECORD = select_meeting!("WHERE (m.source IS NOT NULL OR m.room_id IS NOT NULL)
        AND (m.state IN ('scheduled', 'live', 'adjourned')
            OR EXISTS (SELECT 1 FROM recordings r WHERE r.meeting_id = m.id AND NOT r.finished))
        ORDER BY m.starts_at, m.id");
    MEETING_INSERT = "INSERT INTO meetings (id, council_id, committee_id, slug, title, starts_at,
            utc_offset_s, state, language, source, air_delay_s, upper_case, changed_seq, created_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, 0, $13)";
    MEETING_UPDATE = "UPDATE meetings SET title = $2, starts_at = $3, utc_offset_s = $4, language = $5,
            source = $6, upper_case = $7, air_delay_s = $8 WHERE id = $1";
    MEETING_SET_STATE = "UPDATE meetings SET state = $2 WHERE id = $1 AND state = $3";
    COUNTER_ADVANCE = "UPDATE change_counter SET seq = seq + 1 WHERE id = 1";
    MEETING_TOUCH = "UPDATE meetings SET changed_seq = (SELECT seq FROM change_counter WHERE id = 1)
        WHERE id = $1";
    COUNTER_READ = "SELECT seq FROM change_counter WHERE id = 1";
    MEETINGS_CHANGED = "SELECT id, changed_seq FROM meetings WHERE changed_seq > $1
        ORDER BY changed_seq LIMIT $2";
}

impl Db {
    pub async fn meeting(&self, id: MeetingId) -> Result<Option<Meeting>> {
        Ok(on_db!(self, |pool| sqlx::query_as(MEETING_BY_ID).bind(id).fetch_optional(pool).await)?)
    }

    pub async fn meeting_by_slug(&self, slug: &str) -> Result<Option<Meeting>> {
        Ok(on_db!(self, |pool| sqlx::query_as(MEETING_BY_SLUG).bind(slug).fetch_optional(pool).await)?)
    }

    pub async fn meetings(&self, filter: &MeetingFilter) -> Result<Vec<Meeting>> {
        let statement = if filter.ascending { MEETINGS_ASCENDING } else { MEETINGS_DESCENDING };
        let (from, until) = filter.range();
        Ok(on_db!(self, |pool| {
            sqlx::query_as(statement)
                .bind(filter.state.map_or("", MeetingState::as_str))
                .bind(filter.committee_id.is_some())
                .bind(filter.committee_id.map_or(Uuid::nil(), CommitteeId::uuid))
                .bind(from)
                .bind(until)
                .bind(filter.listed_only)
                .bind(filter.council_id.is_some())
                .bind(filter.council_id.map_or(Uuid::nil(), CouncilId::uuid))
                .bind(filter.limit)
                .bind(filter.offset)
                .fetch_all(pool)
                .await
        })?)
    }

    /// How many meetings the filter would list without its limit.
    pub async fn count_meetings(&self, filter: &MeetingFilter) -> Result<i64> {
        let (from, until) = filter.range();
        Ok(on_db!(self, |pool| {
            sqlx::query_scalar(MEETINGS_COUNT)
                .bind(filter.state.map_or("", MeetingState::as_str))
                .bind(filter.committee_id.is_some())
                .bind(filter.committee_id.map_or(Uuid::nil(), CommitteeId::uuid))
                .bind(from)
                .bind(until)
                .bind(filter.listed_only)
                .bind(filter.council_id.is_some())
                .bind(filter.council_id.map_or(Uuid::nil(), CouncilId::uuid))
                .fetch_one(pool)
                .await
        })?)
    }

    /// Meetings that have a live source, of their own or of a room, and are not over, or whose recording has still to be finished.
    pub async fn meetings_to_record(&self) -> Result<Vec<Meeting>> {
        Ok(on_db!(self, |pool| sqlx::query_as(MEETINGS_TO_RECORD).fetch_all(pool).await)?)
    }

    /// At most `limit` meetings that changed after `seq`, in the order of their last changes.
    pub async fn changed_meetings(&self, seq: i64, limit: i64) -> Result<Vec<ChangedMeeting>> {
        Ok(on_db!(self, |pool| {
            sqlx::query_as(MEETINGS_CHANGED).bind(seq).bind(limit).fetch_all(pool).await
        })?)
    }

    /// Where the change sequence stands.
    pub async fn change_sequence(&self) -> Result<i64> {
        Ok(on_db!(self, |pool| sqlx::query_scalar(COUNTER_READ).fetch_one(pool).await)?)
    }
}

impl MeetingFilter {
    fn range(&self) -> (DateTime<Utc>, DateTime<Utc>) {
        let from = self.from.unwrap_or(FAR_PAST);
        (from, self.until.unwrap_or(FAR_PAST + TimeDelta::days(FAR_FUTURE_DAYS)))
    }
}

impl Tx {
    pub async fn meeting_by_slug(&mut self, slug: &str) -> Result<Option<Meeting>> {
        Ok(on_tx!(self, |connection| {
            sqlx::query_as(MEETING_BY_SLUG).bind(slug).fetch_optional(connection).await
        })?)
    }

    pub async fn insert_meeting(&mut self, meeting: &Meeting) -> Result<()> {
        on_tx!(self, |connection| {
            sqlx::query(MEETING_INSERT)
                .bind(meeting.id)
                .bind(meeting.council_id)
                .bind(meeting.committee_id)
                .bind(&meeting.slug)
                .bind(&meeting.title)
                .bind(meeting.starts_at)
                .bind(meeting.utc_offset_s)
                .bind(meeting.state.as_str())
                .bind(&meeting.language)
                .bind(&meeting.source)
                .bind(meeting.air_delay_s)
                .bind(meeting.upper_case)
                .bind(meeting.created_at)
                .execute(connection)
                .await
                .map(drop)
        })?;
        self.touch_meeting(meeting.id).await
    }

    /// Writes title, start, language, source and the manner of captions; a state changes only by
    /// [`Tx::set_meeting_state`].
    pub async fn update_meeting(&mut self, meeting: &Meeting) -> Result<()> {
        on_tx!(self, |connection| {
            sqlx::query(MEETING_UPDATE)
                .bind(meeting.id)
                .bind(&meeting.title)
                .bind(meeting.starts_at)
                .bind(meeting.utc_offset_s)
                .bind(&meeting.language)
                .bind(&meeting.source)
                .bind(meeting.upper_case)
                .bind(meeting.air_delay_s)
                .execute(connection)
                .await
                .map(drop)
        })?;
        self.touch_meeting(meeting.id).await
    }

    /// Moves a meeting on. Returns `false`, and changes nothing, when its state is no longer `from`.
    pub async fn set_meeting_state(
        &mut self,
        id: MeetingId,
        from: MeetingState,
        to: MeetingState,
    ) -> Result<bool> {
        let rows = on_tx!(self, |connection| {
            sqlx::query(MEETING_SET_STATE)
                .bind(id)
                .bind(to.as_str())
                .bind(from.as_str())
                .execute(connection)
                .await
                .map(|done| done.rows_affected())
        })?;
        if rows == 0 {
            return Ok(false);
        }
        self.touch_meeting(id).await?;
        Ok(true)
    }

    /// Gives the meeting the next number of the change sequence, so that every index reads it again.
    ///
    /// The counter's row stays locked until the commit: numbers become visible in their order, and a
    /// reader never passes over one that commits late.
    pub async fn touch_meeting(&mut self, id: MeetingId) -> Result<()> {
        on_tx!(self, |connection| sqlx::query(COUNTER_ADVANCE).execute(connection).await.map(drop))?;
        on_tx!(self, |connection| sqlx::query(MEETING_TOUCH).bind(id).execute(connection).await.map(drop))?;
        Ok(())
    }
}
