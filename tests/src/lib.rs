//! What journeys are made with: the real program as a child process, an encoder that pushes, a browser, and
//! patience that ends.
#![expect(clippy::unwrap_used, reason = "a test that cannot set its scene should say so and stop")]

mod bad_network;
mod browser;
mod bucket;
mod console;
mod feed;
mod home;
mod http;
mod media;
mod media_playlist;
mod ports;
mod receiver;
mod server;
mod time_code;
mod tireless;
mod until;

pub use bad_network::{BadNetwork, Trouble};
pub use browser::Browser;
pub use bucket::{Bucket, Manner};
pub use console::{CLERK, Console, password};
pub use feed::{Feed, SAMPLE_RATE, tone};
pub use home::{Home, Told, blocking};
pub use http::{Answer, get};
pub use media::{Encoder, Picture, ffmpeg, ffprobe, speech};
pub use media_playlist::{Segment, aired_until_ms, runs, segments};
pub use moothall_testkit::{models_dir, shared_data};
pub use ports::free_port;
pub use receiver::{Received, Receiver};
pub use server::Server;
pub use time_code::{Heard, heard};
pub use tireless::Tireless;
pub use until::{MINUTE, SECOND, until};
