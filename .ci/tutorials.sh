#!/usr/bin/env bash
# Follows a tutorial to the letter: runs its `sh` blocks, in order, in an empty
# folder, with the program that was built. Prints how long it took.
#
#   tutorials.sh PROGRAM PAGE...
set -euo pipefail

program=$(readlink -f "$1")
shift
tools=$(mktemp -d)
ln -s "$program" "$tools/lyceum"
trap 'rm -rf "$tools"' EXIT

for page in "$@"; do
  folder=$(mktemp -d)
  blocks=$folder/.blocks
  awk '/^```sh$/ { inside = 1; next } /^```$/ { inside = 0 } inside' "$page" >"$blocks"
  [ -s "$blocks" ] || { echo "$page has no commands" >&2; exit 1; }
  start=$SECONDS
  if ! (cd "$folder" && PATH=$tools:$PATH bash -euo pipefail "$blocks") >"$folder/.out" 2>&1 </dev/null; then
    tail -n 60 "$folder/.out" >&2
    echo "$page: a command failed" >&2
    exit 1
  fi
  echo "$page: every command succeeded, $((SECONDS - start)) s"
  rm -rf "$folder"
done
