//! The whole router over a real database, a real index and a recording on disk.

mod api;
mod console;
mod data;
mod items;
mod media;
mod microphones;
mod pages;
mod rooms;
mod run;
mod scene;
mod speakers;
mod uploads;
mod whip;
