-- Browsers that ask to be recorded, until their recorder or they themselves hang up. Their offers and answers
-- hold network addresses, so nothing of them is kept.
CREATE TABLE calls (
    id         UUID PRIMARY KEY NOT NULL,
    room_id    UUID NOT NULL REFERENCES rooms (id) ON DELETE CASCADE,
    -- Of the key that the caller has shown, or that belongs to the room's source.
    key_sha256 TEXT NOT NULL,
    -- SDP.
    offer      TEXT NOT NULL,
    called_at  TIMESTAMPTZ NOT NULL,
    -- SDP, once it is taken.
    answer     TEXT,
    -- Why it is not taken, for people.
    refusal    TEXT
);
