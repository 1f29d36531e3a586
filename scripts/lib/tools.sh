# Cargo's own extensions, which Debian has not; sourced, not run.

# By tool: the version that is compiled where none is installed.
declare -A tool_versions=([cargo-nextest]=0.9.143 [cargo-deny]=0.20.2)

# install_tool NAME: makes `cargo ${NAME#cargo-}` work, compiling it once into the cache.
install_tool() {
  export PATH="$cache/tools/bin:$PATH"
  command -v "$1" >/dev/null && return
  say "building $1 ${tool_versions[$1]}, once, into $cache/tools"
  # In a target folder of its own: it is thrown away when the tool is built.
  env --unset=CARGO_TARGET_DIR cargo install --locked --root "$cache/tools" --version "${tool_versions[$1]}" "$1"
}
