#!/usr/bin/env bash
# Builds all first-party plugins into plugins/components, or checks that what is
# there was built from what is here. See README.md beside this file.
#
#   build.sh              build, and record the hash of the sources
#   build.sh --build-std  build the standard library too, although the target is installed
#   build.sh --check      compare the hashes only; needs no toolchain
set -euo pipefail
export LC_ALL=C

here=$(cd "$(dirname "$0")" && pwd)
repository=$(dirname "$here")
components=$here/components
target=wasm32-unknown-unknown

# name of the component, its package, the folder under plugins/ with its sources:
# hostile plugins share their misdeeds, so each has the sources of all
plugins='payment-sandbox payment-sandbox payment-sandbox
ranking-default ranking-default ranking-default
moderation-wordlist moderation-wordlist moderation-wordlist
moderation-bayes moderation-bayes moderation-bayes
ranking-personal ranking-personal ranking-personal
content-slugify content-slugify content-slugify
auth-oidc auth-oidc auth-oidc
hostile/ranking hostile-ranking hostile
hostile/moderation hostile-moderation hostile
hostile/moderation-http hostile-moderation-http hostile
hostile/payment hostile-payment hostile
hostile/content hostile-content hostile
hostile/notify hostile-notify hostile
hostile/auth hostile-auth hostile
hostile/job hostile-job hostile
hostile/graphql hostile-graphql hostile
hostile/probe hostile-probe hostile'

# name of the component, which is its folder under plugins/, and its SDK
scripted='graphql-reading-time typescript
ranking-newest typescript
notify-smtp python'

# The rule for source_hash stands in README.md, and the host's tests follow it too.
# $1: the folder under plugins/, $2: its SDK
source_hash() {
  cd "$repository"
  {
    if [ "$2" = rust ]; then printf '%s\n' plugins/Cargo.toml plugins/Cargo.lock; fi
    find schema/wit -type f -name '*.wit'
    find "plugins/sdk/$2" "plugins/$1" -type f -not -path '*/.lyceum/*' -not -path '*/node_modules/*' \
      -not -path '*/target/*' -not -path '*/__pycache__/*'
  } | sort | tr '\n' '\0' | xargs -0 sha256sum | sha256sum | cut -d ' ' -f 1
}

source_hashes() {
  while read -r name _ folder; do
    printf '%s  %s.wasm\n' "$(source_hash "$folder" rust)" "$name"
  done <<<"$plugins"
  while read -r name sdk; do
    printf '%s  %s.wasm\n' "$(source_hash "$name" "$sdk")" "$name"
  done <<<"$scripted"
}

check() {
  if source_hashes | diff "$components/SOURCES.sha256" - >/dev/null; then
    echo "components: up to date"
  else
    echo "components: stale, run plugins/build.sh" >&2
    source_hashes | diff "$components/SOURCES.sha256" - >&2 || true
    exit 1
  fi
}

has_target() {
  local libraries
  libraries=$("$1" --print target-libdir --target $target 2>/dev/null) &&
    compgen -G "$libraries/libstd-*.rlib" >/dev/null
}

# Debian's rustc comes with the sources that its standard library is built from.
has_sources() { [ -e "$("$1" --print sysroot 2>/dev/null)/lib/rustlib/src/rust/library/Cargo.lock" ]; }

choose_compiler() {
  local debian=/usr/bin/rustc
  if [ "$1" = with-target ] && has_target rustc; then
    export RUSTC=rustc
    standard_library=()
  elif has_sources "$debian"; then
    export RUSTC=$debian RUSTC_BOOTSTRAP=1
    standard_library=(-Zbuild-std=std,panic_abort)
  else
    echo "no compiler for $target: run 'rustup target add $target'," >&2
    echo "or without internet access install the packages rustc-web and rust-web-src" >&2
    exit 1
  fi
}

# The linker ships with rustup's toolchain; Debian's has it without wasm-ld,
# which then comes from the package lld.
choose_linker() {
  local compiler sysroot tools
  for compiler in rustc "$RUSTC"; do
    sysroot=$("$compiler" --print sysroot)
    tools=$sysroot/lib/rustlib/$("$compiler" -vV | sed -n 's/^host: //p')/bin
    if [ -x "$tools/wasm-component-ld" ]; then
      export CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER=$tools/wasm-component-ld
      export PATH=$tools/gcc-ld:$PATH
      return
    fi
  done
  echo "wasm-component-ld is in no toolchain" >&2
  exit 1
}

# Panic messages name source files. These flags take this machine out of them.
hide_paths() {
  local registry flags
  # The profile cannot say this for a package with an override.
  flags="-Cstrip=symbols --remap-path-prefix=$here=plugins --remap-path-prefix=$("$RUSTC" --print sysroot)/lib/rustlib/src/rust=rust"
  for registry in "${CARGO_HOME:-$HOME/.cargo}"/registry/src/*/; do
    flags+=" --remap-path-prefix=${registry%/}=crates"
  done
  export CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUSTFLAGS=$flags
}

refuse_paths() {
  if grep -qaF -e "$repository" -e "$HOME/" "$1"; then
    echo "$1 names a path of this machine" >&2
    exit 1
  fi
}

build() {
  choose_compiler "$1"
  choose_linker
  cd "$here"
  cargo fetch --locked
  hide_paths
  CARGO_TARGET_DIR=$here/target cargo build --locked --release --target $target "${standard_library[@]}"
  mkdir -p "$components/hostile"
  while read -r name package _; do
    cp "target/$target/release/${package//-/_}.wasm" "$components/$name.wasm"
    refuse_paths "$components/$name.wasm"
  done <<<"$plugins"
  build_scripted
  source_hashes >"$components/SOURCES.sha256"
  wc -c "$components"/*.wasm "$components"/hostile/*.wasm
}

# TypeScript and Python are built by `lyceum plugin build`, which runs npm install or
# pip with the pinned versions. It inspects what it built. LYCEUM names a program
# that is built already.
build_scripted() {
  local lyceum=${LYCEUM:-}
  if [ -z "$lyceum" ]; then
    (cd "$repository" && cargo build --quiet --locked)
    lyceum=$repository/target/debug/lyceum
  fi
  while read -r name _; do
    (cd "$repository" && "$lyceum" plugin build "plugins/$name" --release) </dev/null
    cp "$name/target/$name.wasm" "$components/$name.wasm"
    # Home folders in there are those of whoever built Python.
    if grep -qaF "$repository" "$components/$name.wasm"; then
      echo "$components/$name.wasm names a path of this machine" >&2
      exit 1
    fi
  done <<<"$scripted"
}

case "${1:-}" in
--check) check ;;
--build-std) build from-sources ;;
'') build with-target ;;
*) sed -n '2,7p' "$0" && exit 2 ;;
esac
