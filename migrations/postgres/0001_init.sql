-- Every row belongs to a council, directly or through its meeting.

CREATE TABLE councils (
    id         UUID PRIMARY KEY NOT NULL,
    slug       TEXT NOT NULL UNIQUE,
    name       TEXT NOT NULL,
    created_at TIMESTAMPTZ NOT NULL
);

CREATE TABLE committees (
    id         UUID PRIMARY KEY NOT NULL,
    council_id UUID NOT NULL REFERENCES councils (id),
    slug       TEXT NOT NULL UNIQUE,
    name       TEXT NOT NULL,
    UNIQUE (council_id, name)
);

CREATE TABLE people (
    id         UUID PRIMARY KEY NOT NULL,
    council_id UUID NOT NULL REFERENCES councils (id),
    slug       TEXT NOT NULL UNIQUE,
    name       TEXT NOT NULL,
    UNIQUE (council_id, name)
);

-- What a person was, where and when: a row without a committee is about the council as a whole.
CREATE TABLE memberships (
    id           UUID PRIMARY KEY NOT NULL,
    person_id    UUID NOT NULL REFERENCES people (id),
    committee_id UUID REFERENCES committees (id),
    role         TEXT NOT NULL,
    party        TEXT,
    ward         TEXT,
    from_date    DATE,
    to_date      DATE
);
CREATE INDEX memberships_person ON memberships (person_id);

CREATE TABLE users (
    id            UUID PRIMARY KEY NOT NULL,
    email         TEXT NOT NULL UNIQUE,
    name          TEXT NOT NULL,
    -- Argon2id in PHC string form.
    password_hash TEXT NOT NULL,
    created_at    TIMESTAMPTZ NOT NULL
);

CREATE TABLE user_roles (
    user_id    UUID NOT NULL REFERENCES users (id),
    council_id UUID NOT NULL REFERENCES councils (id),
    role       TEXT NOT NULL CHECK (role IN ('viewer', 'editor', 'clerk', 'administrator')),
    PRIMARY KEY (user_id, council_id)
);

-- The change sequence: one row whose lock puts changes in the order of their commits.
CREATE TABLE change_counter (
    id  BIGINT PRIMARY KEY NOT NULL CHECK (id = 1),
    seq BIGINT NOT NULL
);
INSERT INTO change_counter (id, seq) VALUES (1, 0);

CREATE TABLE meetings (
    id            UUID PRIMARY KEY NOT NULL,
    council_id    UUID NOT NULL REFERENCES councils (id),
    committee_id  UUID NOT NULL REFERENCES committees (id),
    slug          TEXT NOT NULL UNIQUE,
    title         TEXT NOT NULL,
    starts_at     TIMESTAMPTZ NOT NULL,
    -- Seconds east of Greenwich where and when the meeting takes place, for showing its time.
    utc_offset_s  BIGINT NOT NULL,
    state         TEXT NOT NULL,
    language      TEXT,
    -- The address a live meeting is recorded from.
    source        TEXT,
    -- Imported captions are all capitals: kept so, shown in sentence case.
    upper_case    BOOLEAN NOT NULL,
    -- Where this meeting's last change stands in the change sequence.
    changed_seq   BIGINT NOT NULL,
    created_at    TIMESTAMPTZ NOT NULL
);
CREATE INDEX meetings_starts_at ON meetings (starts_at);
CREATE INDEX meetings_committee ON meetings (committee_id, starts_at);
CREATE INDEX meetings_changed ON meetings (changed_seq);

CREATE TABLE agenda_items (
    id         UUID PRIMARY KEY NOT NULL,
    meeting_id UUID NOT NULL REFERENCES meetings (id),
    parent_id  UUID REFERENCES agenda_items (id),
    position   BIGINT NOT NULL,
    number     TEXT NOT NULL,
    title      TEXT NOT NULL,
    level      BIGINT NOT NULL,
    restricted BOOLEAN NOT NULL
);
CREATE INDEX agenda_items_meeting ON agenda_items (meeting_id, position);

CREATE TABLE item_spans (
    id         UUID PRIMARY KEY NOT NULL,
    meeting_id UUID NOT NULL REFERENCES meetings (id),
    item_id    UUID NOT NULL REFERENCES agenda_items (id) ON DELETE CASCADE,
    start_ms   BIGINT NOT NULL,
    -- Absent while the item is under debate.
    end_ms     BIGINT,
    source     TEXT NOT NULL,
    confidence DOUBLE PRECISION NOT NULL,
    confirmed  BOOLEAN NOT NULL
);
CREATE INDEX item_spans_meeting ON item_spans (meeting_id, start_ms);

CREATE TABLE exempt_spans (
    id         UUID PRIMARY KEY NOT NULL,
    meeting_id UUID NOT NULL REFERENCES meetings (id),
    start_ms   BIGINT NOT NULL,
    end_ms     BIGINT,
    reason     TEXT NOT NULL
);
CREATE INDEX exempt_spans_meeting ON exempt_spans (meeting_id, start_ms);

CREATE TABLE documents (
    id         UUID PRIMARY KEY NOT NULL,
    meeting_id UUID NOT NULL REFERENCES meetings (id),
    item_id    UUID REFERENCES agenda_items (id) ON DELETE CASCADE,
    position   BIGINT NOT NULL,
    title      TEXT NOT NULL,
    url        TEXT NOT NULL
);
CREATE INDEX documents_meeting ON documents (meeting_id, position);

CREATE TABLE recordings (
    id             UUID PRIMARY KEY NOT NULL,
    meeting_id     UUID NOT NULL UNIQUE REFERENCES meetings (id),
    -- Media time zero.
    epoch          TIMESTAMPTZ NOT NULL,
    duration_ms    BIGINT NOT NULL,
    has_video      BOOLEAN NOT NULL,
    finished       BOOLEAN NOT NULL,
    -- How far the transcript reaches; the next audio to be heard begins here.
    transcribed_ms BIGINT NOT NULL
);

CREATE TABLE speakers (
    id         UUID PRIMARY KEY NOT NULL,
    meeting_id UUID NOT NULL REFERENCES meetings (id),
    person_id  UUID REFERENCES people (id),
    kind       TEXT NOT NULL CHECK (kind IN ('person', 'voice', 'public')),
    name       TEXT NOT NULL,
    role       TEXT,
    UNIQUE (meeting_id, name)
);

-- From this moment on this speaker has the floor; a mark without a speaker ends a turn.
CREATE TABLE speaker_marks (
    meeting_id UUID NOT NULL REFERENCES meetings (id),
    at_ms      BIGINT NOT NULL,
    speaker_id UUID REFERENCES speakers (id),
    evidence   TEXT NOT NULL,
    PRIMARY KEY (meeting_id, at_ms)
);

CREATE TABLE turns (
    id         UUID PRIMARY KEY NOT NULL,
    meeting_id UUID NOT NULL REFERENCES meetings (id),
    start_ms   BIGINT NOT NULL,
    end_ms     BIGINT NOT NULL,
    speaker_id UUID REFERENCES speakers (id),
    evidence   TEXT NOT NULL,
    confidence DOUBLE PRECISION
);
CREATE INDEX turns_meeting ON turns (meeting_id, start_ms);
CREATE INDEX turns_speaker ON turns (speaker_id);

CREATE TABLE captions (
    id         UUID PRIMARY KEY NOT NULL,
    meeting_id UUID NOT NULL REFERENCES meetings (id),
    turn_id    UUID NOT NULL REFERENCES turns (id),
    start_ms   BIGINT NOT NULL,
    end_ms     BIGINT NOT NULL,
    text       TEXT NOT NULL,
    -- [{start_ms, end_ms, text, confidence}]; empty where the captions came from elsewhere.
    words      JSONB NOT NULL,
    confidence DOUBLE PRECISION,
    corrected  BOOLEAN NOT NULL
);
CREATE INDEX captions_meeting ON captions (meeting_id, start_ms);

-- A correction never destroys: what stood there before stays readable.
CREATE TABLE edits (
    id          UUID PRIMARY KEY NOT NULL,
    caption_id  UUID NOT NULL REFERENCES captions (id),
    user_id     UUID REFERENCES users (id),
    made_at     TIMESTAMPTZ NOT NULL,
    text_before TEXT NOT NULL,
    text_after  TEXT NOT NULL
);
CREATE INDEX edits_caption ON edits (caption_id, made_at);

-- What has been imported, by content, so that importing it again changes nothing.
CREATE TABLE imports (
    meeting_id UUID NOT NULL REFERENCES meetings (id),
    part       TEXT NOT NULL,
    sha256     TEXT NOT NULL,
    PRIMARY KEY (meeting_id, part)
);

CREATE TABLE audit (
    id         UUID PRIMARY KEY NOT NULL,
    council_id UUID REFERENCES councils (id),
    user_id    UUID REFERENCES users (id),
    made_at    TIMESTAMPTZ NOT NULL,
    action     TEXT NOT NULL,
    subject    TEXT NOT NULL,
    before     JSONB,
    after      JSONB
);
CREATE INDEX audit_made_at ON audit (made_at);

CREATE TABLE jobs (
    id          UUID PRIMARY KEY NOT NULL,
    kind        TEXT NOT NULL,
    meeting_id  UUID NOT NULL REFERENCES meetings (id),
    state       TEXT NOT NULL CHECK (state IN ('ready', 'running', 'done', 'failed')),
    -- Lower goes first: live before new before backlog.
    priority    BIGINT NOT NULL,
    run_after   TIMESTAMPTZ NOT NULL,
    -- Failures in a row; a slice of work that succeeds sets it back to nought.
    attempts    BIGINT NOT NULL,
    -- The fencing token: grows with every claim, so that a worker that lost its lease cannot write.
    token       BIGINT NOT NULL,
    lease_until TIMESTAMPTZ,
    worker      TEXT,
    done        BIGINT NOT NULL,
    total       BIGINT NOT NULL,
    error       TEXT,
    created_at  TIMESTAMPTZ NOT NULL
);
CREATE UNIQUE INDEX jobs_active ON jobs (kind, meeting_id) WHERE state IN ('ready', 'running');
CREATE INDEX jobs_next ON jobs (priority, run_after) WHERE state IN ('ready', 'running');
