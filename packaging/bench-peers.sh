#!/usr/bin/env bash
# Decoding speed of a pruned model beside llama.cpp, on the same cores, in turns: the pruned model and the dense one
# here, llama.cpp's BF16 and Q8_0 of the same weights. Nothing else should run meanwhile.
#   packaging/bench-peers.sh RUN [OUT.json]
# llama.cpp is built once from PyPI's source package llama-cpp-python for this very processor (some minutes), into
# $TESSERA_PEERS (~/.cache/tessera/peers by default). THREADS="2 1" names the numbers of threads, ROUNDS=5 the turns,
# TOKENS=96 the length of each.
set -euo pipefail
packaging="$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)"
root="$(dirname -- "$packaging")"
cli="${TESSERA_CLI:-$root/build/release/bin/tessera-cli}"
peers="${TESSERA_PEERS:-${XDG_CACHE_HOME:-$HOME/.cache}/tessera/peers}"
(($# == 1 || $# == 2)) || { echo "usage: packaging/bench-peers.sh RUN [OUT.json]" >&2; exit 2; }
run="$(cd -- "$1" && pwd)"
[[ -f "$run/result.json" ]] || { echo "$1 is not a finished run: it has no result.json." >&2; exit 2; }
[[ -n "${TESSERA_CLI:-}" ]] || "$packaging/build.sh"

mkdir -p -- "$peers"
python="$peers/venv/bin/python3"
if [[ ! -x "$python" ]] || ! "$python" -c 'import llama_cpp' 2>/dev/null; then
    python3 -m venv "$peers/venv"
    CMAKE_ARGS="-DGGML_NATIVE=ON -DLLAMA_CURL=OFF" CMAKE_BUILD_PARALLEL_LEVEL="$(nproc)" \
        "$peers/venv/bin/pip" install --quiet --no-binary llama-cpp-python llama-cpp-python numpy >&2
fi

work="$(mktemp -d -- "$peers/work-XXXXXX")"
trap 'rm -rf -- "$work"' EXIT
"$cli" export "$run" --format gguf --out "$work/bf16.gguf" >&2
"$python" "$packaging/bench_peers.py" --cli "$cli" --run "$run" --gguf "$work/bf16.gguf" --work "$work" \
    --threads ${THREADS:-$(nproc) 1} --rounds "${ROUNDS:-5}" --tokens "${TOKENS:-96}" ${2:+--out "$2"}
