-- What of a recording is still to be copied to the object store, as its archiver last told it. The journal in
-- the store says what is there; this is for people.
CREATE TABLE archive_backlog (
    meeting_id    BLOB PRIMARY KEY NOT NULL REFERENCES meetings (id),
    waiting_files INTEGER NOT NULL,
    waiting_bytes INTEGER NOT NULL,
    -- Why it does not go on, and what to do; empty where it does.
    trouble       TEXT NOT NULL,
    told_at       TEXT NOT NULL
) STRICT;
