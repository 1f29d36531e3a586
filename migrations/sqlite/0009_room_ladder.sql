-- Whether the picture is recorded in smaller sizes as well.
ALTER TABLE rooms ADD COLUMN ladder INTEGER NOT NULL DEFAULT 0;
