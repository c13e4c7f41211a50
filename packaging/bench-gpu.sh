#!/usr/bin/env bash
# The device's sparse products on this machine's GPU: their results against f64, then their speed beside cuBLAS at
# LLaMA-2-7B's shapes. Without a GPU it compiles, says so and is content.
#   packaging/bench-gpu.sh [OUT.json]
# nvcc is $NVCC, the one in PATH, or /usr/local/cuda's.
set -euo pipefail
root="$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd)"
nvcc="${NVCC:-$(command -v nvcc || echo /usr/local/cuda/bin/nvcc)}"
(($# <= 1)) || { echo "usage: packaging/bench-gpu.sh [OUT.json]" >&2; exit 2; }
[[ -x "$nvcc" ]] || { echo "There is no nvcc in PATH or /usr/local/cuda; name it in NVCC." >&2; exit 1; }
work="$(mktemp -d)"
trap 'rm -rf -- "$work"' EXIT
architectures=()
for arch in 80 86 89 90 100 120; do architectures+=(-gencode "arch=compute_$arch,code=sm_$arch"); done
"$nvcc" -std=c++20 -O3 "${architectures[@]}" -Xcompiler=-Wall,-Wextra -I"$root" -o "$work/bench_gpu" \
    "$root/tests/kernels/bench_gpu.cu" "$root/kernels/cuda/products.cu" "$root/kernels/cuda/product_pack.cpp" -lcublas
rc=0
"$work/bench_gpu" "${1:-gpu.json}" || rc=$?
if ((rc == 77)); then
    echo "There is no usable GPU here: everything was compiled, nothing was measured."
    exit 0
fi
exit "$rc"
