-- How long what happens is held back before the public sees it.
ALTER TABLE meetings ADD COLUMN air_delay_s INTEGER NOT NULL DEFAULT 10 CHECK (air_delay_s BETWEEN 0 AND 300);

-- By the wall clock: a private session may begin before anything is recorded. Nothing was ever written here.
DROP TABLE exempt_spans;
CREATE TABLE exempt_spans (
    id         BLOB PRIMARY KEY NOT NULL,
    meeting_id BLOB NOT NULL REFERENCES meetings (id),
    -- The clerk's action, less the air delay: what came later was not aired yet.
    from_at    TEXT NOT NULL,
    -- When a person reopened the meeting; absent while it is private.
    until_at   TEXT,
    reason     TEXT NOT NULL
) STRICT;
CREATE INDEX exempt_spans_meeting ON exempt_spans (meeting_id, from_at);
CREATE UNIQUE INDEX exempt_spans_open ON exempt_spans (meeting_id) WHERE until_at IS NULL;
