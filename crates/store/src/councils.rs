//! Councils, their committees and their people.

use chrono::{DateTime, NaiveDate, Utc};
use moothall_core::{CommitteeId, CouncilId, MeetingId, PersonId, slugify};
use sqlx::FromRow;
use uuid::Uuid;

use crate::{
    Db, Tx,
    backend::{on_db, on_tx},
    error::Result,
};

/// The body that runs an archive; an installation may host many.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct Council {
    pub id: CouncilId,
    pub slug: String,
    pub name: String,
    pub created_at: DateTime<Utc>,
}

/// A body of the council that meets.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct Committee {
    pub id: CommitteeId,
    pub council_id: CouncilId,
    pub slug: String,
    pub name: String,
}

#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct Person {
    pub id: PersonId,
    pub council_id: CouncilId,
    pub slug: String,
    pub name: String,
}

/// What a person was, where and when.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct Membership {
    pub person_id: PersonId,
    /// Absent where the role is in the council as a whole.
    pub committee_id: Option<CommitteeId>,
    pub role: String,
    pub party: Option<String>,
    pub ward: Option<String>,
    pub from_date: Option<NaiveDate>,
    pub to_date: Option<NaiveDate>,
}

/// How much a person spoke in one meeting.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct PersonMeeting {
    pub meeting_id: MeetingId,
    pub turns: i64,
    pub spoken_ms: i64,
    pub first_ms: i64,
}

statements! {
    COUNCILS = "SELECT id, slug, name, created_at FROM councils ORDER BY name, id";
    COUNCIL_BY_SLUG = "SELECT id, slug, name, created_at FROM councils WHERE slug = $1";
    COUNCIL_INSERT = "INSERT INTO councils (id, slug, name, created_at) VALUES ($1, $2, $3, $4)
        ON CONFLICT (slug) DO UPDATE SET slug = excluded.slug RETURNING id, slug, name, created_at";
    COMMITTEES = "SELECT id, council_id, slug, name FROM committees ORDER BY name, id";
    COMMITTEE_BY_SLUG = "SELECT id, council_id, slug, name FROM committees WHERE slug = $1";
    COMMITTEE_BY_NAME = "SELECT id, council_id, slug, name FROM committees WHERE council_id = $1 AND name = $2";
    COMMITTEE_SLUG_TAKEN = "SELECT id FROM committees WHERE slug = $1";
    COMMITTEE_INSERT = "INSERT INTO committees (id, council_id, slug, name) VALUES ($1, $2, $3, $4)";
    PERSON_BY_SLUG = "SELECT id, council_id, slug, name FROM people WHERE slug = $1";
    PEOPLE = "SELECT id, council_id, slug, name FROM people ORDER BY name, id";
    PERSON_BY_NAME = "SELECT id, council_id, slug, name FROM people WHERE council_id = $1 AND name = $2";
    HAS_PEOPLE = "SELECT count(*) FROM people WHERE council_id = $1";
    PERSON_SLUG_TAKEN = "SELECT id FROM people WHERE slug = $1";
    PERSON_INSERT = "INSERT INTO people (id, council_id, slug, name) VALUES ($1, $2, $3, $4)";
    PERSON_MEETINGS = "SELECT t.meeting_id, count(*) AS turns,
            CAST(sum(t.end_ms - t.start_ms) AS BIGINT) AS spoken_ms, min(t.start_ms) AS first_ms
        FROM turns t JOIN speakers s ON s.id = t.speaker_id JOIN meetings m ON m.id = t.meeting_id
            LEFT JOIN voice_names v ON v.speaker_id = s.id
        WHERE coalesce(v.person_id, s.person_id) = $1 GROUP BY t.meeting_id, m.starts_at ORDER BY m.starts_at DESC";
    MEMBERSHIPS = "SELECT person_id, committee_id, role, party, ward, from_date, to_date
        FROM memberships WHERE person_id = $1 ORDER BY from_date, role";
    MEMBERSHIP_FIND = "SELECT id FROM memberships WHERE person_id = $1 AND role = $2
        AND (committee_id = $3 OR (committee_id IS NULL AND $4))";
    MEMBERSHIP_INSERT = "INSERT INTO memberships
        (id, person_id, committee_id, role, party, ward, from_date, to_date)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
}

impl Db {
    pub async fn councils(&self) -> Result<Vec<Council>> {
        Ok(on_db!(self, |pool| sqlx::query_as(COUNCILS).fetch_all(pool).await)?)
    }

    pub async fn council_by_slug(&self, slug: &str) -> Result<Option<Council>> {
        Ok(on_db!(self, |pool| sqlx::query_as(COUNCIL_BY_SLUG).bind(slug).fetch_optional(pool).await)?)
    }

    pub async fn committees(&self) -> Result<Vec<Committee>> {
        Ok(on_db!(self, |pool| sqlx::query_as(COMMITTEES).fetch_all(pool).await)?)
    }

    pub async fn committee_by_slug(&self, slug: &str) -> Result<Option<Committee>> {
        Ok(on_db!(self, |pool| sqlx::query_as(COMMITTEE_BY_SLUG).bind(slug).fetch_optional(pool).await)?)
    }

    pub async fn people(&self) -> Result<Vec<Person>> {
        Ok(on_db!(self, |pool| sqlx::query_as(PEOPLE).fetch_all(pool).await)?)
    }

    pub async fn person_by_slug(&self, slug: &str) -> Result<Option<Person>> {
        Ok(on_db!(self, |pool| sqlx::query_as(PERSON_BY_SLUG).bind(slug).fetch_optional(pool).await)?)
    }

    pub async fn memberships(&self, person: PersonId) -> Result<Vec<Membership>> {
        Ok(on_db!(self, |pool| sqlx::query_as(MEMBERSHIPS).bind(person).fetch_all(pool).await)?)
    }

    /// The meetings in which a person spoke, latest first, whatever their state.
    pub async fn person_meetings(&self, person: PersonId) -> Result<Vec<PersonMeeting>> {
        Ok(on_db!(self, |pool| sqlx::query_as(PERSON_MEETINGS).bind(person).fetch_all(pool).await)?)
    }
}

impl Tx {
    /// The council of this slug, made with `name` where there is none yet.
    pub async fn ensure_council(&mut self, slug: &str, name: &str, now: DateTime<Utc>) -> Result<Council> {
        Ok(on_tx!(self, |connection| {
            sqlx::query_as(COUNCIL_INSERT)
                .bind(CouncilId::new())
                .bind(slug)
                .bind(name)
                .bind(now)
                .fetch_one(connection)
                .await
        })?)
    }

    /// The council's committee of this name, made where there is none yet.
    pub async fn ensure_committee(&mut self, council: &Council, name: &str) -> Result<Committee> {
        let found: Option<Committee> = on_tx!(self, |connection| {
            sqlx::query_as(COMMITTEE_BY_NAME).bind(council.id).bind(name).fetch_optional(connection).await
        })?;
        if let Some(committee) = found {
            return Ok(committee);
        }
        let slug = self.free_slug(COMMITTEE_SLUG_TAKEN, &council.slug, name).await?;
        let committee =
            Committee { id: CommitteeId::new(), council_id: council.id, slug, name: name.to_owned() };
        on_tx!(self, |connection| {
            sqlx::query(COMMITTEE_INSERT)
                .bind(committee.id)
                .bind(committee.council_id)
                .bind(&committee.slug)
                .bind(&committee.name)
                .execute(connection)
                .await
                .map(drop)
        })?;
        Ok(committee)
    }

    /// Whether anybody of the council is known by name.
    pub async fn has_people(&mut self, council: CouncilId) -> Result<bool> {
        let count: i64 = on_tx!(self, |connection| {
            sqlx::query_scalar(HAS_PEOPLE).bind(council).fetch_one(connection).await
        })?;
        Ok(count > 0)
    }

    /// The council's person of exactly this name.
    pub async fn person_by_name(&mut self, council: CouncilId, name: &str) -> Result<Option<Person>> {
        Ok(on_tx!(self, |connection| {
            sqlx::query_as(PERSON_BY_NAME).bind(council).bind(name).fetch_optional(connection).await
        })?)
    }

    /// The council's person of this name, made where there is none yet.
    pub async fn ensure_person(&mut self, council: &Council, name: &str) -> Result<Person> {
        if let Some(person) = self.person_by_name(council.id, name).await? {
            return Ok(person);
        }
        let slug = self.free_slug(PERSON_SLUG_TAKEN, &council.slug, name).await?;
        let person = Person { id: PersonId::new(), council_id: council.id, slug, name: name.to_owned() };
        on_tx!(self, |connection| {
            sqlx::query(PERSON_INSERT)
                .bind(person.id)
                .bind(person.council_id)
                .bind(&person.slug)
                .bind(&person.name)
                .execute(connection)
                .await
                .map(drop)
        })?;
        Ok(person)
    }

    /// Records a membership unless the person already has this role in this place.
    pub async fn ensure_membership(&mut self, membership: &Membership) -> Result<()> {
        let known: Option<Uuid> = on_tx!(self, |connection| {
            sqlx::query_scalar(MEMBERSHIP_FIND)
                .bind(membership.person_id)
                .bind(&membership.role)
                .bind(membership.committee_id)
                .bind(membership.committee_id.is_none())
                .fetch_optional(connection)
                .await
        })?;
        if known.is_some() {
            return Ok(());
        }
        on_tx!(self, |connection| {
            sqlx::query(MEMBERSHIP_INSERT)
                .bind(Uuid::now_v7())
                .bind(membership.person_id)
                .bind(membership.committee_id)
                .bind(&membership.role)
                .bind(&membership.party)
                .bind(&membership.ward)
                .bind(membership.from_date)
                .bind(membership.to_date)
                .execute(connection)
                .await
                .map(drop)
        })?;
        Ok(())
    }

    /// A slug from `name` that no row has: two councils may both have a Planning Committee.
    async fn free_slug(&mut self, taken: &'static str, council_slug: &str, name: &str) -> Result<String> {
        let plain = match slugify(name) {
            slug if slug.is_empty() => "unnamed".to_owned(),
            slug => slug,
        };
        let mut candidate = plain.clone();
        for number in 1_u32.. {
            let found: Option<Uuid> = on_tx!(self, |connection| {
                sqlx::query_scalar(taken).bind(&candidate).fetch_optional(connection).await
            })?;
            if found.is_none() {
                break;
            }
            candidate = match number {
                1 => format!("{plain}-{council_slug}"),
                _ => format!("{plain}-{council_slug}-{number}"),
            };
        }
        Ok(candidate)
    }
}
