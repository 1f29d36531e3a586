//! Identifiers: UUIDs of version 7 (RFC 9562), so that they sort by the time of their making.

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
        #[cfg_attr(feature = "sqlx", derive(sqlx::Type), sqlx(transparent))]
        #[serde(transparent)]
        pub struct $name(uuid::Uuid);

        impl $name {
            /// A new identifier, later in order than those made before.
            #[expect(clippy::new_without_default, reason = "two defaults would not be equal")]
            pub fn new() -> Self {
                Self(uuid::Uuid::now_v7())
            }

            pub const fn uuid(self) -> uuid::Uuid {
                self.0
            }
        }

        impl From<uuid::Uuid> for $name {
            fn from(uuid: uuid::Uuid) -> Self {
                Self(uuid)
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.fmt(f)
            }
        }

        impl std::str::FromStr for $name {
            type Err = uuid::Error;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                text.parse().map(Self)
            }
        }
    )+};
}

ids! {
    /// The body that runs an archive.
    CouncilId,
    /// A body of the council that meets.
    CommitteeId,
    /// One sitting of a committee.
    MeetingId,
    /// One entry of a meeting's agenda.
    AgendaItemId,
    /// Somebody who sits on, works for or speaks to a council.
    PersonId,
    /// Who is heard in one meeting: a person, an unnamed voice, or a member of the public.
    SpeakerId,
    /// A browser that asks to be recorded.
    CallId,
    /// With which a machine writes to the archive.
    TokenId,
    /// Consecutive captions by one speaker.
    TurnId,
    /// One readable line or two of transcript. Permanent links carry it.
    CaptionId,
    /// A stretch of a meeting: of an agenda item, or exempt from publication.
    SpanId,
    /// What one meeting's media timeline holds.
    RecordingId,
    /// A paper attached to a meeting or to one of its items.
    DocumentId,
    /// A place where meetings are recorded, with its encoder.
    RoomId,
    /// A clerk, editor, viewer or administrator.
    UserId,
    /// A recording that is being uploaded.
    UploadId,
    /// A browser in which a user is signed in.
    SignInId,
    /// One piece of background work.
    JobId,
    /// Something that was wrong in a chamber for a while.
    FindingId,
    /// One message that somebody is told of a finding by.
    AlertId,
}
