# `just --list` says what there is. CI runs `just test`, which is scripts/test.

# Arguments reach the scripts as they were written, quotes and all.
set positional-arguments

# Starts the demo on http://localhost:8080.
run *flags:
    scripts/run "$@"

# Formats the code.
fmt:
    cargo fmt --all

# Formatting, clippy, types of the pages' scripts, licences and sources of dependencies.
lint:
    scripts/lint

# Everything that CI runs. Arguments choose tests, as in `just test -E 'package(moothall-store)'`.
test *arguments:
    scripts/test "$@"

# The quick half of it, for between two edits: no database server, no media, no speech, no browser.
check:
    cargo nextest run --release --locked --workspace --lib --bins

# The figures for speed and memory, each beside its peer.
bench:
    scripts/bench

# Writes docs/speech-quality.md from the reference recordings in a folder.
bench-speech folder:
    scripts/speech-quality "$1"
