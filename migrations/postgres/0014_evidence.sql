-- Every witness of who speaks has marks of its own, so that they can be weighed against each other.
CREATE TABLE witness_marks (
    meeting_id UUID NOT NULL REFERENCES meetings (id),
    evidence   TEXT NOT NULL,
    at_ms      BIGINT NOT NULL,
    -- Absent where this witness says nothing more.
    speaker_id UUID REFERENCES speakers (id),
    -- How likely it is right, from 0 to 1.
    strength   DOUBLE PRECISION NOT NULL,
    PRIMARY KEY (meeting_id, evidence, at_ms)
);
INSERT INTO witness_marks (meeting_id, evidence, at_ms, speaker_id, strength)
    SELECT meeting_id, evidence, at_ms, speaker_id, CASE evidence WHEN 'voice' THEN 0.8 ELSE 1.0 END
    FROM speaker_marks;
DROP TABLE speaker_marks;
ALTER TABLE witness_marks RENAME TO speaker_marks;

-- What a conference system said of its microphones. A row is what it says: the same said twice is one row.
CREATE TABLE microphone_events (
    meeting_id UUID NOT NULL REFERENCES meetings (id),
    -- By the wall clock: it may be before the recording begins.
    at         TIMESTAMPTZ NOT NULL,
    microphone TEXT NOT NULL,
    is_on      BOOLEAN NOT NULL,
    -- Who sits there; empty where the system does not say.
    name       TEXT NOT NULL,
    PRIMARY KEY (meeting_id, at, microphone, is_on, name)
);

-- With which machines of a council write to the archive.
CREATE TABLE service_tokens (
    id         UUID PRIMARY KEY NOT NULL,
    council_id UUID NOT NULL REFERENCES councils (id),
    name       TEXT NOT NULL,
    -- All that it opens.
    scope      TEXT NOT NULL CHECK (scope IN ('microphones')),
    sha256     TEXT NOT NULL UNIQUE,
    created_at TIMESTAMPTZ NOT NULL,
    UNIQUE (council_id, name)
);

-- ISO 639-1, where it was found out: a meeting may be held in two languages.
ALTER TABLE captions ADD COLUMN language TEXT;
