-- A recording that is being uploaded, or waits to be recorded. Its bytes are a file named by its id, whose
-- length says how many have come.
CREATE TABLE uploads (
    id          UUID PRIMARY KEY NOT NULL,
    -- One at a time.
    meeting_id  UUID NOT NULL UNIQUE REFERENCES meetings (id),
    user_id     UUID NOT NULL REFERENCES users (id),
    -- As the browser tells of the file, so that nobody goes on with another.
    file_name   TEXT NOT NULL,
    modified_ms BIGINT NOT NULL,
    length      BIGINT NOT NULL,
    state       TEXT NOT NULL CHECK (state IN ('receiving', 'received', 'refused')),
    -- Why it was refused, for people.
    problem     TEXT NOT NULL,
    touched_at  TIMESTAMPTZ NOT NULL
);
