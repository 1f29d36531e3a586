//! Everything public as JSON. Shapes are promised in `docs`; fields are added, never changed.

pub mod meetings;
pub mod search;
pub mod transcript;
