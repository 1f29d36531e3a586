//! Progress on the terminal. Nothing is drawn where nobody looks.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

/// A bar for work whose size is known, with the time that remains.
pub fn bar(label: &str, length: u64) -> ProgressBar {
    styled(label, length, "{prefix} {wide_bar} {percent:>3} %  {eta} left")
}

/// A bar for a download.
pub fn bytes(label: &str, length: u64) -> ProgressBar {
    styled(label, length, "{prefix} {wide_bar} {bytes} of {total_bytes}  {bytes_per_sec}")
}

fn styled(label: &str, length: u64, template: &str) -> ProgressBar {
    let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    let bar = ProgressBar::new(length).with_style(style).with_prefix(label.to_owned());
    bar.enable_steady_tick(Duration::from_millis(250));
    bar
}
