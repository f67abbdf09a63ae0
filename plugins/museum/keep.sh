#!/usr/bin/env bash
# Takes the components of plugins/components into the museum, as those of a
# released minor version of the interfaces. See README.md beside this file.
#
#   keep.sh MINOR     such as 1.0; a folder that is there is never touched again
set -euo pipefail
export LC_ALL=C

museum=$(cd "$(dirname "$0")" && pwd)
plugins=$(dirname "$museum")

minor=${1:-}
if ! [[ $minor =~ ^[0-9]+\.[0-9]+$ ]]; then
  sed -n '2,6p' "$0" >&2
  exit 2
fi
if [ -e "$museum/$minor" ]; then
  echo "museum/$minor is there already: what is in the museum is never changed" >&2
  exit 1
fi
"$plugins/build.sh" --check

language() {
  if [ -e "$1/package.json" ]; then echo typescript
  elif [ -e "$1/requirements.txt" ]; then echo python
  else echo rust; fi
}

# What a plugin needs to start: no server of theirs is asked for anything.
config() {
  case $1 in
  notify-smtp) echo '{"server":"smtp://127.0.0.1:9","from":"museum@example.com"}' ;;
  auth-oidc) echo '{"issuer":"http://127.0.0.1:9","clientId":"museum"}' ;;
  *) echo '{}' ;;
  esac
}

folder=$(mktemp -d "$museum/.keep.XXXXXX")
trap 'rm -rf "$folder"' EXIT
{
  echo "# The components of $minor. Written once by keep.sh, never changed."
  cd "$plugins/components"
  find . -name '*.wasm' | sed 's|^\./||' | sort | while read -r file; do
    name=${file%.wasm}
    source=$plugins/$name
    language=$(language "$source")
    kept=$language-${name//\//-}.wasm
    cp "$file" "$folder/$kept"
    exports=$(sed -n 's/^implements = //p' "$source/plugin.toml")
    worlds=$(printf '%s' "$exports" | grep -o 'lyceum:[a-z]*' | grep -v lifecycle | sed 's/lyceum:\(.*\)/"\1"/' | sort -u | paste -sd, | sed 's/,/, /g')
    printf '\n[[guest]]\nfile = "%s"\nlanguage = "%s"\nworlds = [%s]\n' "$kept" "$language" "$worlds"
    printf 'exports = %s\ndigest = "%s"\n' "$exports" "$(sha256sum "$file" | cut -d ' ' -f 1)"
    printf "config = '%s'\n" "$(config "$name")"
  done
} >"$folder/GUESTS.toml"
chmod 755 "$folder"
mv "$folder" "$museum/$minor"
trap - EXIT
grep -c '^\[\[guest' "$museum/$minor/GUESTS.toml" | sed 's/$/ components kept/'
