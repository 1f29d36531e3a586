//! What journeys are made with: the real program as a child process, an encoder that pushes, a browser, and
//! patience that ends.
#![expect(clippy::unwrap_used, reason = "a test that cannot set its scene should say so and stop")]

mod browser;
mod console;
mod feed;
mod home;
mod http;
mod media;
mod ports;
mod server;
mod until;

pub use browser::Browser;
pub use console::{CLERK, Console, password};
pub use feed::{Feed, SAMPLE_RATE, tone};
pub use home::{Home, Told, blocking};
pub use http::{Answer, get};
pub use media::{Encoder, Picture, ffmpeg, ffprobe, speech};
pub use moothall_testkit::{models_dir, shared_data};
pub use ports::free_port;
pub use server::Server;
pub use until::{MINUTE, SECOND, until};
