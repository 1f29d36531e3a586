-- How far the captions reach that were made while the meeting went on; better ones follow once it is over.
ALTER TABLE recordings ADD COLUMN live_ms INTEGER NOT NULL DEFAULT 0;

-- Captions that gave way to better ones: links to them lead to the one that holds their words now.
CREATE TABLE former_captions (
    id         BLOB PRIMARY KEY NOT NULL,
    caption_id BLOB NOT NULL REFERENCES captions (id) ON DELETE CASCADE
) STRICT;
CREATE INDEX former_captions_caption ON former_captions (caption_id);
CREATE INDEX captions_turn ON captions (turn_id);
