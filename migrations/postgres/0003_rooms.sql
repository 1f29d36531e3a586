-- Where meetings are recorded: a chamber or committee room, with its encoder.
CREATE TABLE rooms (
    id            UUID PRIMARY KEY NOT NULL,
    council_id    UUID NOT NULL REFERENCES councils (id),
    slug          TEXT NOT NULL,
    name          TEXT NOT NULL,
    -- The address without any secret.
    source        TEXT NOT NULL,
    -- What the protocol needs in clear (an SRT passphrase, an RTSP password), sealed with the installation's key.
    sealed_secret BYTEA,
    -- Of a stream key (RTMP), which is needed in clear by nobody but the encoder; hexadecimal.
    key_sha256    TEXT,
    -- By so much publication is behind the chamber.
    air_delay_s   BIGINT NOT NULL DEFAULT 10 CHECK (air_delay_s BETWEEN 0 AND 300),
    created_at    TIMESTAMPTZ NOT NULL,
    -- As its recorder last told it, and why.
    state         TEXT NOT NULL CHECK (state IN ('idle', 'waiting', 'connected', 'recording', 'refused', 'failed')),
    state_note    TEXT NOT NULL,
    state_at      TIMESTAMPTZ NOT NULL,
    UNIQUE (council_id, slug)
);

-- Instead of a source of its own.
ALTER TABLE meetings ADD COLUMN room_id UUID REFERENCES rooms (id) ON DELETE SET NULL;
CREATE INDEX meetings_room ON meetings (room_id);
