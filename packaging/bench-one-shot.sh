#!/usr/bin/env bash
# One-shot methods on SmolLM2-135M beside the same algorithms in plain PyTorch (tests/reference/one_shot.py), on the same
# cores, in turns: seconds a block, over the model's first blocks. Nothing else should run meanwhile.
#   packaging/bench-one-shot.sh TEXT [OUT.json]
# TEXT is what both calibrate on. WINDOWS=128 of CONTEXT=2048 tokens; BLOCKS=3 are timed behind one that warms up;
# METHODS="wanda sparsegpt admm"; THREADS=2 names the number of threads, ROUNDS=1 the turns.
set -euo pipefail
packaging="$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)"
root="$(dirname -- "$packaging")"
cli="${TESSERA_CLI:-$root/build/release/bin/tessera-cli}"
(($# == 1 || $# == 2)) || { echo "usage: packaging/bench-one-shot.sh TEXT [OUT.json]" >&2; exit 2; }
[[ -n "${TESSERA_CLI:-}" ]] || "$packaging/build.sh"
python="$("$packaging/peers-python.sh" torch "torch, transformers, gguf" torch 'transformers==4.57.*' gguf)"
"$cli" models fetch smollm2-135m >&2
work="$(mktemp -d)"
trap 'rm -rf -- "$work"' EXIT
# Nothing pruned: the same weights for both, as a Hugging Face folder.
"$cli" run --model smollm2-135m --method magnitude --sparsity 0 --set eval_windows=0 --out "$work/dense" >&2
"$cli" export "$work/dense" --format hf --out "$work/model" >&2
"$python" "$packaging/bench_one_shot.py" --cli "$cli" --model "$work/model" --work "$work" --text "$1" \
    --threads "${THREADS:-$(nproc)}" --windows "${WINDOWS:-128}" --context "${CONTEXT:-2048}" --blocks "${BLOCKS:-3}" \
    --rounds "${ROUNDS:-1}" --methods ${METHODS:-wanda sparsegpt admm} ${2:+--out "$2"}
