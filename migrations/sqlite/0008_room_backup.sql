-- A second source of a room, recorded while the main one brings nothing. As the columns without "backup".
ALTER TABLE rooms ADD COLUMN backup_source TEXT;
ALTER TABLE rooms ADD COLUMN backup_sealed_secret BLOB;
ALTER TABLE rooms ADD COLUMN backup_key_sha256 TEXT;
