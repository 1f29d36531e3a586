# Shared by scripts/run, scripts/test and what they call; sourced, not run.
# Afterwards the working directory is the root of the repository and these are set:
#   target   where cargo puts what it builds
#   cache    what may be kept between runs and between clones: tools, speech models for the tests
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/../.."
target=${CARGO_TARGET_DIR:-$PWD/target}
cache=${MOOTHALL_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/moothall}

say() { printf '\n==> %s\n' "$*" >&2; }

fail() {
  printf '\nerror: %s\n' "$*" >&2
  exit 1
}

# require_toolchains: the two things that the scripts do not install themselves.
require_toolchains() {
  command -v cargo >/dev/null || fail 'cargo was not found. Install Rust from https://rustup.rs, open a new shell and start again.'
  # With rustup, rust-toolchain.toml chooses (and fetches) the release; a cargo from elsewhere must be new enough.
  local wanted found
  wanted=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml)
  found=$(rustc --version | awk '{print $2}')
  printf '%s\n%s\n' "$wanted" "$found" | sort --version-sort --check=quiet ||
    fail "Rust $wanted or newer is needed, and this is $found. Install it from https://rustup.rs."

  command -v npm >/dev/null || fail 'npm was not found. Install Node.js 20 or newer (https://nodejs.org) and start again.'
  found=$(node --version)
  [ "$(printf '%s' "${found#v}" | cut -d. -f1)" -ge 20 ] ||
    fail "Node.js 20 or newer is needed, and this is $found. Install it from https://nodejs.org."
}
