#!/usr/bin/env bash
# Fuzzes what a stranger's bytes go through: each target for 20 seconds, or for as
# many as the first argument says. Without cargo-fuzz, the seeds and the same 2,000
# changes of them at every run, as a test.
#
#   cargo install cargo-fuzz      once; any compiler will do, no sanitizer is used:
#                                 the code under test has no unsafe part of ours
set -euo pipefail
cd "$(dirname "$0")/../core/plugin-host"
seconds=${1:-20}

# Writes the seeds as well, so it always comes first.
LYCEUM_WRITE_SEEDS=1 cargo test --locked -p lyceum-plugin-host --lib fuzzing

if ! cargo fuzz --version >/dev/null 2>&1; then
  echo "cargo-fuzz is not installed: ran the seeds and their changes only"
  exit 0
fi
for target in fuzz/fuzz_targets/*.rs; do
  target=$(basename "$target" .rs)
  echo "=== $target"
  cargo fuzz run --dev --sanitizer none "$target" -- \
    -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -max_len=65536 -print_final_stats=1
done
