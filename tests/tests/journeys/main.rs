//! Whole journeys: the real program over real databases, real media and a real browser.
//!
//! `scripts/test` builds the program and starts PostgreSQL first. What needs the speech model or the real
//! inputs is left out, with its reason, where they are absent.
#![expect(clippy::unwrap_used, reason = "a test that cannot set its scene should say so and stop")]

mod architecture;
mod archive;
mod backup;
mod bad_input;
mod bad_machine;
mod captions;
mod clips;
mod commands;
mod console;
mod encoders;
mod fixtures;
mod full_disk;
mod health;
mod inputs;
mod killed;
mod live;
mod media;
mod network;
mod on_time;
mod private;
mod rooms;
mod speakers;
mod storage;
mod viewers;
mod watching;
mod whip;
mod workers;
