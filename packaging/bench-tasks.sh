#!/usr/bin/env bash
# Zero-shot tasks scored by tessera-cli eval and by lm-evaluation-harness on transformers, SmolLM2-135M in bf16, the same
# items and cores, in turns: items a second. The harness runs at each of BATCHES and is taken at its best. Nothing else
# should run meanwhile.
#   packaging/bench-tasks.sh DATA [OUT.json]
# DATA is a folder of tasks in their authors' layouts (piqa, arc_easy, winogrande, openbookqa). LIMIT=200 items a task,
# BATCHES="1 8 16", THREADS=2 names the number of threads.
set -euo pipefail
packaging="$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)"
root="$(dirname -- "$packaging")"
cli="${TESSERA_CLI:-$root/build/release/bin/tessera-cli}"
(($# == 1 || $# == 2)) || { echo "usage: packaging/bench-tasks.sh DATA [OUT.json]" >&2; exit 2; }
[[ -n "${TESSERA_CLI:-}" ]] || "$packaging/build.sh"
python="$("$packaging/peers-python.sh" harness "torch, transformers, gguf, lm_eval, datasets" \
    torch 'transformers==4.57.*' gguf 'lm-eval==0.4.13' datasets)"
"$cli" models fetch smollm2-135m >&2
work="$(mktemp -d)"
trap 'rm -rf -- "$work"' EXIT
# Nothing pruned: the same weights for both, as a Hugging Face folder.
"$cli" run --model smollm2-135m --method magnitude --sparsity 0 --set eval_windows=0 --out "$work/dense" >&2
"$cli" export "$work/dense" --format hf --out "$work/model" >&2
"$python" "$packaging/bench_tasks.py" --cli "$cli" --model "$work/model" --data "$1" --limit "${LIMIT:-200}" \
    --threads "${THREADS:-$(nproc)}" --batches ${BATCHES:-1 8 16} ${2:+--out "$2"}
