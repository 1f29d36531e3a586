-- Whether the pictures of the recording lie beside it.
ALTER TABLE recordings ADD COLUMN has_poster INTEGER NOT NULL DEFAULT 0;
