#!/usr/bin/env bash
# A step of LEAP on SmolLM2-135M beside the same step written plainly in PyTorch (tests/reference/leap_step.py), on the
# same cores, in turns. Nothing else should run meanwhile.
#   packaging/bench-step.sh [OUT.json]
# PyTorch comes from PyPI, once, into $TESSERA_PEERS (~/.cache/tessera/peers by default). THREADS=2 names the number of
# threads, ROUNDS=2 the turns, STEPS=3 ours in each (PyTorch does one in each, behind one that warms up), TEXT=FILE what
# ours learns on (the default text otherwise), DTYPES="bf16 f32" PyTorch's.
set -euo pipefail
packaging="$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)"
root="$(dirname -- "$packaging")"
cli="${TESSERA_CLI:-$root/build/release/bin/tessera-cli}"
(($# <= 1)) || { echo "usage: packaging/bench-step.sh [OUT.json]" >&2; exit 2; }
[[ -n "${TESSERA_CLI:-}" ]] || "$packaging/build.sh"

python="$("$packaging/peers-python.sh" torch "torch, transformers, gguf" torch 'transformers==4.57.*' gguf)"
model="$("$cli" models fetch smollm2-135m --json 2>/dev/null | python3 -c 'import json,sys; print(json.load(sys.stdin)["path"])')"
work="$(mktemp -d)"
trap 'rm -rf -- "$work"' EXIT
"$python" "$packaging/bench_step.py" --cli "$cli" --model "$model" --work "$work" --threads "${THREADS:-$(nproc)}" \
    --rounds "${ROUNDS:-2}" --steps "${STEPS:-3}" --dtypes ${DTYPES:-bf16 f32} ${TEXT:+--text "$TEXT"} ${1:+--out "$1"}
