-- How it goes in a chamber: a row for each ten seconds of a meeting.
CREATE TABLE health_readings (
    meeting_id BLOB NOT NULL REFERENCES meetings (id),
    until_at   TEXT NOT NULL,
    -- Read as a whole, and never searched: the number of channels varies, and measures will be added.
    reading    TEXT NOT NULL,
    PRIMARY KEY (meeting_id, until_at)
) STRICT;
CREATE INDEX health_readings_until ON health_readings (until_at);

-- The last second of each meeting that is being recorded, for those who look.
CREATE TABLE health_now (
    meeting_id BLOB PRIMARY KEY NOT NULL REFERENCES meetings (id),
    until_at   TEXT NOT NULL,
    reading    TEXT NOT NULL
) STRICT;

-- Something that was wrong for a while.
CREATE TABLE findings (
    id         BLOB PRIMARY KEY NOT NULL,
    meeting_id BLOB NOT NULL REFERENCES meetings (id),
    kind       TEXT NOT NULL,
    -- With its figures.
    finding    TEXT NOT NULL,
    since_at   TEXT NOT NULL,
    ended_at   TEXT
) STRICT;
CREATE INDEX findings_meeting ON findings (meeting_id, since_at);
CREATE UNIQUE INDEX findings_open ON findings (meeting_id, kind) WHERE ended_at IS NULL;

-- Whom to tell of it: one row for each message, sent or not.
CREATE TABLE alerts (
    id          BLOB PRIMARY KEY NOT NULL,
    finding_id  BLOB NOT NULL REFERENCES findings (id) ON DELETE CASCADE,
    target      TEXT NOT NULL CHECK (target IN ('webhook', 'email')),
    event       TEXT NOT NULL CHECK (event IN ('begin', 'end')),
    created_at  TEXT NOT NULL,
    run_after   TEXT NOT NULL,
    attempts    INTEGER NOT NULL,
    -- The fencing token: grows with every claim.
    token       INTEGER NOT NULL,
    lease_until TEXT,
    sent_at     TEXT,
    -- Nobody tries any more.
    given_up_at TEXT,
    error       TEXT,
    UNIQUE (finding_id, target, event)
) STRICT;
CREATE INDEX alerts_due ON alerts (run_after) WHERE sent_at IS NULL AND given_up_at IS NULL;
