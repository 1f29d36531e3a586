//! Holds the binary to a front end that was built: without it the pages would come bare.

use std::path::Path;

fn main() {
    let manifest = Path::new("../../web/dist/manifest.json");
    println!("cargo:rerun-if-changed={}", manifest.display());
    println!("cargo:rerun-if-changed=../../web/templates");
    if !manifest.exists() {
        eprintln!("web/dist is missing: run `npm ci && npm run build` in web/");
        std::process::exit(1);
    }
}
