#!/usr/bin/env bash
# Installs what is missing and builds Tessera in Release into build/release; programs land in
# build/release/bin, the default text in build/release/default-text.
#   packaging/build.sh                the programs
#   packaging/build.sh --with-tests   the programs, the tests and what the tests need
# A call that finds everything done takes well under a second.
set -euo pipefail
packaging="$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)"
root="$(dirname -- "$packaging")"
build="$root/build/release"

with_tests=
case "${1:-}" in
    '') ;;
    --with-tests) with_tests=--with-tests ;;
    *) echo "build.sh knows only --with-tests, not '$1'." >&2; exit 2 ;;
esac

"$packaging/install-packages.sh" ${with_tests:+"$with_tests"}

cached() { sed -n "s|^$1:[A-Z]*=||p" "$build/CMakeCache.txt" 2>/dev/null || true; }

# Ninja reruns CMake by itself when a CMake file or the set of sources changes. What it cannot see: that
# the folder was moved (CMake then wants a fresh start), or that the tests' data lie elsewhere now.
test_data="${TESSERA_TEST_DATA:-$root/../shared/data}"
configure=()
if [[ ! -f "$build/build.ninja" ]]; then
    configure=(--fresh)
elif [[ "$(cached CMAKE_HOME_DIRECTORY)" != "$root" || "$(cached CMAKE_CACHEFILE_DIR)" != "$build" ]]; then
    configure=(--fresh)
elif [[ "$(cached TESSERA_TEST_DATA)" != "$test_data" ]]; then
    configure=(-Wno-dev)
fi
if ((${#configure[@]})); then
    cmake "${configure[@]}" -S "$root" -B "$build" -G Ninja -DCMAKE_BUILD_TYPE=Release \
        -DTESSERA_TEST_DATA="$test_data" </dev/null >&2
fi

# A source that includes LibTorch needs about 1.5 GB to compile: as many at once as memory allows.
cores="$(nproc)"
memory_kb="$(awk '/^MemAvailable:/ { print $2 }' /proc/meminfo)"
jobs=$((memory_kb / 1500000))
((jobs >= 1)) || jobs=1
((jobs <= cores)) || jobs=$cores

targets=(all)
if [[ -z "$with_tests" ]]; then
    targets=()
    known="$(ninja -C "$build" -t targets all)"
    for program in tessera-cli tessera tessera_cuda; do
        if grep -q "^$program: phony" <<<"$known"; then targets+=("$program"); fi
    done
fi
ninja -C "$build" -j "$jobs" "${targets[@]}" </dev/null >&2

# The default text is made once, and again when its recipe changes.
text="$build/default-text"
stamp="$build/default-text.stamp"
if [[ -x "$packaging/default-text.sh" ]]; then
    if [[ ! -d "$text" || ! -f "$stamp" || "$packaging/default-text.sh" -nt "$stamp" ||
        "$packaging/text-packages.txt" -nt "$stamp" ]]; then
        "$packaging/default-text.sh" "$text" </dev/null >&2
        touch "$stamp"
    fi
fi
