-- Every row belongs to a council, directly or through its meeting.

CREATE TABLE councils (
    id         BLOB PRIMARY KEY NOT NULL,
    slug       TEXT NOT NULL UNIQUE,
    name       TEXT NOT NULL,
    created_at TEXT NOT NULL
) STRICT;

CREATE TABLE committees (
    id         BLOB PRIMARY KEY NOT NULL,
    council_id BLOB NOT NULL REFERENCES councils (id),
    slug       TEXT NOT NULL UNIQUE,
    name       TEXT NOT NULL,
    UNIQUE (council_id, name)
) STRICT;

CREATE TABLE people (
    id         BLOB PRIMARY KEY NOT NULL,
    council_id BLOB NOT NULL REFERENCES councils (id),
    slug       TEXT NOT NULL UNIQUE,
    name       TEXT NOT NULL,
    UNIQUE (council_id, name)
) STRICT;

-- What a person was, where and when: a row without a committee is about the council as a whole.
CREATE TABLE memberships (
    id           BLOB PRIMARY KEY NOT NULL,
    person_id    BLOB NOT NULL REFERENCES people (id),
    committee_id BLOB REFERENCES committees (id),
    role         TEXT NOT NULL,
    party        TEXT,
    ward         TEXT,
    from_date    TEXT,
    to_date      TEXT
) STRICT;
CREATE INDEX memberships_person ON memberships (person_id);

CREATE TABLE users (
    id            BLOB PRIMARY KEY NOT NULL,
    email         TEXT NOT NULL UNIQUE,
    name          TEXT NOT NULL,
    -- Argon2id in PHC string form.
    password_hash TEXT NOT NULL,
    created_at    TEXT NOT NULL
) STRICT;

CREATE TABLE user_roles (
    user_id    BLOB NOT NULL REFERENCES users (id),
    council_id BLOB NOT NULL REFERENCES councils (id),
    role       TEXT NOT NULL CHECK (role IN ('viewer', 'editor', 'clerk', 'administrator')),
    PRIMARY KEY (user_id, council_id)
) STRICT;

-- The change sequence: one row whose lock puts changes in the order of their commits.
CREATE TABLE change_counter (
    id  INTEGER PRIMARY KEY NOT NULL CHECK (id = 1),
    seq INTEGER NOT NULL
) STRICT;
INSERT INTO change_counter (id, seq) VALUES (1, 0);

CREATE TABLE meetings (
    id            BLOB PRIMARY KEY NOT NULL,
    council_id    BLOB NOT NULL REFERENCES councils (id),
    committee_id  BLOB NOT NULL REFERENCES committees (id),
    slug          TEXT NOT NULL UNIQUE,
    title         TEXT NOT NULL,
    starts_at     TEXT NOT NULL,
    -- Seconds east of Greenwich where and when the meeting takes place, for showing its time.
    utc_offset_s  INTEGER NOT NULL,
    state         TEXT NOT NULL,
    language      TEXT,
    -- The address a live meeting is recorded from.
    source        TEXT,
    -- Imported captions are all capitals: kept so, shown in sentence case.
    upper_case    INTEGER NOT NULL,
    -- Where this meeting's last change stands in the change sequence.
    changed_seq   INTEGER NOT NULL,
    created_at    TEXT NOT NULL
) STRICT;
CREATE INDEX meetings_starts_at ON meetings (starts_at);
CREATE INDEX meetings_committee ON meetings (committee_id, starts_at);
CREATE INDEX meetings_changed ON meetings (changed_seq);

CREATE TABLE agenda_items (
    id         BLOB PRIMARY KEY NOT NULL,
    meeting_id BLOB NOT NULL REFERENCES meetings (id),
    parent_id  BLOB REFERENCES agenda_items (id),
    position   INTEGER NOT NULL,
    number     TEXT NOT NULL,
    title      TEXT NOT NULL,
    level      INTEGER NOT NULL,
    restricted INTEGER NOT NULL
) STRICT;
CREATE INDEX agenda_items_meeting ON agenda_items (meeting_id, position);

CREATE TABLE item_spans (
    id         BLOB PRIMARY KEY NOT NULL,
    meeting_id BLOB NOT NULL REFERENCES meetings (id),
    item_id    BLOB NOT NULL REFERENCES agenda_items (id) ON DELETE CASCADE,
    start_ms   INTEGER NOT NULL,
    -- Absent while the item is under debate.
    end_ms     INTEGER,
    source     TEXT NOT NULL,
    confidence REAL NOT NULL,
    confirmed  INTEGER NOT NULL
) STRICT;
CREATE INDEX item_spans_meeting ON item_spans (meeting_id, start_ms);

CREATE TABLE exempt_spans (
    id         BLOB PRIMARY KEY NOT NULL,
    meeting_id BLOB NOT NULL REFERENCES meetings (id),
    start_ms   INTEGER NOT NULL,
    end_ms     INTEGER,
    reason     TEXT NOT NULL
) STRICT;
CREATE INDEX exempt_spans_meeting ON exempt_spans (meeting_id, start_ms);

CREATE TABLE documents (
    id         BLOB PRIMARY KEY NOT NULL,
    meeting_id BLOB NOT NULL REFERENCES meetings (id),
    item_id    BLOB REFERENCES agenda_items (id) ON DELETE CASCADE,
    position   INTEGER NOT NULL,
    title      TEXT NOT NULL,
    url        TEXT NOT NULL
) STRICT;
CREATE INDEX documents_meeting ON documents (meeting_id, position);

CREATE TABLE recordings (
    id             BLOB PRIMARY KEY NOT NULL,
    meeting_id     BLOB NOT NULL UNIQUE REFERENCES meetings (id),
    -- Media time zero.
    epoch          TEXT NOT NULL,
    duration_ms    INTEGER NOT NULL,
    has_video      INTEGER NOT NULL,
    finished       INTEGER NOT NULL,
    -- How far the transcript reaches; the next audio to be heard begins here.
    transcribed_ms INTEGER NOT NULL
) STRICT;

CREATE TABLE speakers (
    id         BLOB PRIMARY KEY NOT NULL,
    meeting_id BLOB NOT NULL REFERENCES meetings (id),
    person_id  BLOB REFERENCES people (id),
    kind       TEXT NOT NULL CHECK (kind IN ('person', 'voice', 'public')),
    name       TEXT NOT NULL,
    role       TEXT,
    UNIQUE (meeting_id, name)
) STRICT;

-- From this moment on this speaker has the floor; a mark without a speaker ends a turn.
CREATE TABLE speaker_marks (
    meeting_id BLOB NOT NULL REFERENCES meetings (id),
    at_ms      INTEGER NOT NULL,
    speaker_id BLOB REFERENCES speakers (id),
    evidence   TEXT NOT NULL,
    PRIMARY KEY (meeting_id, at_ms)
) STRICT;

CREATE TABLE turns (
    id         BLOB PRIMARY KEY NOT NULL,
    meeting_id BLOB NOT NULL REFERENCES meetings (id),
    start_ms   INTEGER NOT NULL,
    end_ms     INTEGER NOT NULL,
    speaker_id BLOB REFERENCES speakers (id),
    evidence   TEXT NOT NULL,
    confidence REAL
) STRICT;
CREATE INDEX turns_meeting ON turns (meeting_id, start_ms);
CREATE INDEX turns_speaker ON turns (speaker_id);

CREATE TABLE captions (
    id         BLOB PRIMARY KEY NOT NULL,
    meeting_id BLOB NOT NULL REFERENCES meetings (id),
    turn_id    BLOB NOT NULL REFERENCES turns (id),
    start_ms   INTEGER NOT NULL,
    end_ms     INTEGER NOT NULL,
    text       TEXT NOT NULL,
    -- [{start_ms, end_ms, text, confidence}]; empty where the captions came from elsewhere.
    words      TEXT NOT NULL,
    confidence REAL,
    corrected  INTEGER NOT NULL
) STRICT;
CREATE INDEX captions_meeting ON captions (meeting_id, start_ms);

-- A correction never destroys: what stood there before stays readable.
CREATE TABLE edits (
    id          BLOB PRIMARY KEY NOT NULL,
    caption_id  BLOB NOT NULL REFERENCES captions (id),
    user_id     BLOB REFERENCES users (id),
    made_at     TEXT NOT NULL,
    text_before TEXT NOT NULL,
    text_after  TEXT NOT NULL
) STRICT;
CREATE INDEX edits_caption ON edits (caption_id, made_at);

-- What has been imported, by content, so that importing it again changes nothing.
CREATE TABLE imports (
    meeting_id BLOB NOT NULL REFERENCES meetings (id),
    part       TEXT NOT NULL,
    sha256     TEXT NOT NULL,
    PRIMARY KEY (meeting_id, part)
) STRICT;

CREATE TABLE audit (
    id         BLOB PRIMARY KEY NOT NULL,
    council_id BLOB REFERENCES councils (id),
    user_id    BLOB REFERENCES users (id),
    made_at    TEXT NOT NULL,
    action     TEXT NOT NULL,
    subject    TEXT NOT NULL,
    before     TEXT,
    after      TEXT
) STRICT;
CREATE INDEX audit_made_at ON audit (made_at);

CREATE TABLE jobs (
    id          BLOB PRIMARY KEY NOT NULL,
    kind        TEXT NOT NULL,
    meeting_id  BLOB NOT NULL REFERENCES meetings (id),
    state       TEXT NOT NULL CHECK (state IN ('ready', 'running', 'done', 'failed')),
    -- Lower goes first: live before new before backlog.
    priority    INTEGER NOT NULL,
    run_after   TEXT NOT NULL,
    -- Failures in a row; a slice of work that succeeds sets it back to nought.
    attempts    INTEGER NOT NULL,
    -- The fencing token: grows with every claim, so that a worker that lost its lease cannot write.
    token       INTEGER NOT NULL,
    lease_until TEXT,
    worker      TEXT,
    done        INTEGER NOT NULL,
    total       INTEGER NOT NULL,
    error       TEXT,
    created_at  TEXT NOT NULL
) STRICT;
CREATE UNIQUE INDEX jobs_active ON jobs (kind, meeting_id) WHERE state IN ('ready', 'running');
CREATE INDEX jobs_next ON jobs (priority, run_after) WHERE state IN ('ready', 'running');
