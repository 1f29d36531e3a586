//! What tests share: temporary databases of both kinds, a council to fill them with, and the places of
//! real inputs. Never part of the program.
#![expect(clippy::unwrap_used, reason = "a test that cannot set its scene should say so and stop")]

mod database;
mod places;
mod scene;

pub use database::{TestDb, databases, postgres_database};
pub use places::{models_dir, shared_data};
pub use scene::{Scene, noon};
