# Debian packages; sourced, not run.

# What the program is built from. clang and cmake are for whisper.cpp, which is compiled from source.
build_packages=(
  build-essential pkg-config cmake clang libclang-dev
  libgstreamer1.0-dev libgstreamer-plugins-base1.0-dev libgstreamer-plugins-bad1.0-dev
)

# What it needs while it runs: GStreamer's elements (SRT and MPEG-TS in bad, H.264 in ugly, AAC in libav; x holds
# the writing in the demo's pictures and needs no display), pdftotext for agendas, and the voices of the demo's councillors.
run_packages=(
  gstreamer1.0-tools gstreamer1.0-plugins-base gstreamer1.0-plugins-good
  gstreamer1.0-plugins-bad gstreamer1.0-plugins-ugly gstreamer1.0-libav gstreamer1.0-nice gstreamer1.0-x
  poppler-utils flite
)

# What the tests use besides: ffmpeg as the encoder that pushes and as the reader that judges, and an RTSP server
# as the camera, with Debian's own Python.
test_packages=(
  postgresql chromium chromium-driver ffmpeg
  python3 python3-gi gir1.2-gst-rtsp-server-1.0
)

# install_packages WHY PACKAGE...: installs those that are missing, and asks for nothing when none is.
install_packages() {
  local why=$1 package missing=()
  shift
  command -v apt-get >/dev/null ||
    fail "apt-get was not found: this script knows Debian 12 and newer. Elsewhere, install what stands for: $*"
  for package in "$@"; do
    [ "$(dpkg-query --show --showformat='${db:Status-Status}' "$package" 2>/dev/null)" = installed ] ||
      missing+=("$package")
  done
  [ ${#missing[@]} -gt 0 ] || return 0

  say "installing Debian packages $why: ${missing[*]}"
  local root=()
  if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null || fail "sudo was not found. As root, run: apt-get install ${missing[*]}"
    root=(sudo)
  fi
  # The package lists of a fresh machine may be empty or old; once is enough.
  if [ -z "${packages_updated:-}" ]; then
    "${root[@]}" apt-get update -qq || fail 'apt-get update failed: see above; is the network there?'
    packages_updated=yes
  fi
  "${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends -qq "${missing[@]}" ||
    fail "apt-get could not install these packages: see above. Mend that and start again."
}
