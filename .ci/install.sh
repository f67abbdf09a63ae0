# Installs by package name what the full suite needs beyond Rust and a C
# compiler. Sourced by .ci/run.
export DEBIAN_FRONTEND=noninteractive

needed=()
command -v psql >/dev/null && ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || needed+=(postgresql)
if ! rustup target list --installed 2>/dev/null | grep -q wasm32-unknown-unknown; then
  [ -x /usr/bin/rustc ] || needed+=(rustc-web)
  [ -d /usr/share/doc/rust-web-src ] || needed+=(rust-web-src)
fi
command -v npm >/dev/null || needed+=(nodejs npm)
python3 -c 'import ensurepip' 2>/dev/null || needed+=(python3 python3-venv python3-pip)
command -v nginx >/dev/null || needed+=(nginx-light)
command -v chromium >/dev/null || needed+=(chromium)
command -v curl >/dev/null || needed+=(curl)
if [ ${#needed[@]} -gt 0 ]; then
  apt-get update -qq
  apt-get install -y -qq --no-install-recommends "${needed[@]}"
fi
