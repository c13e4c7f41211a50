#!/usr/bin/env bash
# Lets libFuzzer search the readers of foreign files for inputs that crash them, under address and
# undefined-behaviour sanitizers:
#   packaging/fuzz.sh SECONDS [FORMAT...]
# SECONDS a format; formats are those of tests/fuzz (fuzz_FORMAT.cpp), all of them where none is named. Starts from
# tests/fuzz/corpus; what it learns goes to build/fuzz/corpus, what crashes to build/fuzz/finds. A find that is mended
# belongs into tests/fuzz/corpus/FORMAT, which the ordinary tests replay. Exits 1 where there were finds.
set -euo pipefail
packaging="$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)"
root="$(dirname -- "$packaging")"
build="$root/build/fuzz"
(($# >= 1)) || { echo "usage: packaging/fuzz.sh SECONDS [FORMAT...]" >&2; exit 2; }
seconds="$1"
shift
formats=("$@")
if ((${#formats[@]} == 0)); then
    for source in "$root"/tests/fuzz/fuzz_*.cpp; do
        name="$(basename -- "$source" .cpp)"
        formats+=("${name#fuzz_}")
    done
fi

"$packaging/install-packages.sh" --with-fuzzing
cd -- "$root"
[[ -f "$build/build.ninja" ]] || cmake --preset fuzz >&2
ninja -C "$build" "${formats[@]/#/fuzz_}" </dev/null >&2

status=0
for format in "${formats[@]}"; do
    mkdir -p -- "$build/corpus/$format" "$build/finds"
    log="$build/$format.log"
    if "$build/tests/fuzz_$format" -max_total_time="$seconds" -timeout=20 -rss_limit_mb=2048 -max_len=65536 \
        -artifact_prefix="$build/finds/$format-" "$build/corpus/$format" "$root/tests/fuzz/corpus/$format" \
        >"$log" 2>&1 </dev/null; then
        echo "$format: $(grep -a '^#' "$log" | tail -1)"
    else
        echo "$format: FOUND something, see $log and $build/finds"
        status=1
    fi
done
exit "$status"
