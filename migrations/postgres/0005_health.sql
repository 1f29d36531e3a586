-- How it goes in a chamber: a row for each ten seconds of a meeting.
CREATE TABLE health_readings (
    meeting_id UUID NOT NULL REFERENCES meetings (id),
    until_at   TIMESTAMPTZ NOT NULL,
    -- Read as a whole, and never searched: the number of channels varies, and measures will be added.
    reading    JSONB NOT NULL,
    PRIMARY KEY (meeting_id, until_at)
);
CREATE INDEX health_readings_until ON health_readings (until_at);

-- The last second of each meeting that is being recorded, for those who look.
CREATE TABLE health_now (
    meeting_id UUID PRIMARY KEY NOT NULL REFERENCES meetings (id),
    until_at   TIMESTAMPTZ NOT NULL,
    reading    JSONB NOT NULL
);

-- Something that was wrong for a while.
CREATE TABLE findings (
    id         UUID PRIMARY KEY NOT NULL,
    meeting_id UUID NOT NULL REFERENCES meetings (id),
    kind       TEXT NOT NULL,
    -- With its figures.
    finding    JSONB NOT NULL,
    since_at   TIMESTAMPTZ NOT NULL,
    ended_at   TIMESTAMPTZ
);
CREATE INDEX findings_meeting ON findings (meeting_id, since_at);
CREATE UNIQUE INDEX findings_open ON findings (meeting_id, kind) WHERE ended_at IS NULL;

-- Whom to tell of it: one row for each message, sent or not.
CREATE TABLE alerts (
    id          UUID PRIMARY KEY NOT NULL,
    finding_id  UUID NOT NULL REFERENCES findings (id) ON DELETE CASCADE,
    target      TEXT NOT NULL CHECK (target IN ('webhook', 'email')),
    event       TEXT NOT NULL CHECK (event IN ('begin', 'end')),
    created_at  TIMESTAMPTZ NOT NULL,
    run_after   TIMESTAMPTZ NOT NULL,
    attempts    BIGINT NOT NULL,
    -- The fencing token: grows with every claim.
    token       BIGINT NOT NULL,
    lease_until TIMESTAMPTZ,
    sent_at     TIMESTAMPTZ,
    -- Nobody tries any more.
    given_up_at TIMESTAMPTZ,
    error       TEXT,
    UNIQUE (finding_id, target, event)
);
CREATE INDEX alerts_due ON alerts (run_after) WHERE sent_at IS NULL AND given_up_at IS NULL;
