-- Whom an unnamed voice of a meeting belongs to, as somebody has said. The voice keeps its row, so that the
-- name can be taken back.
CREATE TABLE voice_names (
    speaker_id BLOB PRIMARY KEY NOT NULL REFERENCES speakers (id) ON DELETE CASCADE,
    -- Absent where it is a member of the public.
    person_id  BLOB REFERENCES people (id),
    name       TEXT NOT NULL
) STRICT;
CREATE INDEX voice_names_person ON voice_names (person_id);
