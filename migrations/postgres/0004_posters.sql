-- Whether the pictures of the recording lie beside it.
ALTER TABLE recordings ADD COLUMN has_poster BOOLEAN NOT NULL DEFAULT FALSE;
