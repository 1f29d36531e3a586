-- Who stands in the audit is not deleted: a removed user keeps name and address, and may do nothing.
ALTER TABLE users ADD COLUMN removed_at TIMESTAMPTZ;

-- The browsers in which users are signed in.
CREATE TABLE sign_ins (
    id           UUID PRIMARY KEY NOT NULL,
    user_id      UUID NOT NULL REFERENCES users (id),
    -- Of the cookie: nobody who reads this signs in with it.
    token_sha256 TEXT NOT NULL UNIQUE,
    address      TEXT NOT NULL,
    browser      TEXT NOT NULL,
    created_at   TIMESTAMPTZ NOT NULL,
    seen_at      TIMESTAMPTZ NOT NULL
);
CREATE INDEX sign_ins_user ON sign_ins (user_id);

-- Attempts to sign in, so that guessing is slow; forgotten after 30 days.
CREATE TABLE sign_in_attempts (
    id             UUID PRIMARY KEY NOT NULL,
    -- Of the address that was typed: now and then somebody types a password there.
    account_sha256 TEXT NOT NULL,
    address        TEXT NOT NULL,
    made_at        TIMESTAMPTZ NOT NULL,
    succeeded      BOOLEAN NOT NULL
);
CREATE INDEX sign_in_attempts_account ON sign_in_attempts (account_sha256, made_at);
CREATE INDEX sign_in_attempts_address ON sign_in_attempts (address, made_at);
CREATE INDEX sign_in_attempts_made_at ON sign_in_attempts (made_at);
