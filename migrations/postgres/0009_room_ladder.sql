-- Whether the picture is recorded in smaller sizes as well.
ALTER TABLE rooms ADD COLUMN ladder BOOLEAN NOT NULL DEFAULT FALSE;
