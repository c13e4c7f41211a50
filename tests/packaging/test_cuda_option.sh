#!/usr/bin/env bash
# TESSERA_CUDA decides as it says: OFF builds nothing, AUTO leaves out what nvcc is too old for, ON and values
# that are none end in a sentence.
set -euo pipefail
root="$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.." && pwd)"
scratch="$(mktemp -d)"
trap 'rm -rf -- "$scratch"' EXIT

cat >"$scratch/CMakeLists.txt" <<EOF
cmake_minimum_required(VERSION 3.25)
project(option LANGUAGES CXX)
add_subdirectory("$root/kernels/cuda" cuda)
if(TARGET tessera_cuda)
    message(STATUS "there is a library")
endif()
EOF
printf '#!/bin/sh\necho "Cuda compilation tools, release 12.4, V12.4.131"\n' >"$scratch/old-nvcc"
printf '#!/bin/sh\nexit 1\n' >"$scratch/broken-nvcc"
chmod +x "$scratch"/*-nvcc

# expect STATUS OPTION NVCC TEXT: configuring with this option and this nvcc ends so and says TEXT.
expect() {
    local status=0 said
    rm -rf -- "$scratch/build"
    said="$(CUDACXX="$3" cmake -S "$scratch" -B "$scratch/build" -DTESSERA_CUDA="$2" 2>&1 </dev/null)" || status=1
    said="$(tr -s '\n ' '  ' <<<"$said")"
    if ((status != $1)) || [[ "$said" != *"$4"* ]] || [[ "$said" == *"there is a library"* ]]; then
        echo "TESSERA_CUDA=$2 with $3 ends with $status, not $1, or does not say \"$4\": $said" >&2
        exit 1
    fi
}

expect 0 OFF "$scratch/old-nvcc" 'Generating done'
expect 0 AUTO "$scratch/old-nvcc" 'is not built: '"$scratch"'/old-nvcc is of version 12.4 (12.8 or newer is needed)'
expect 0 AUTO "$scratch/broken-nvcc" 'broken-nvcc does not tell its version'
expect 1 ON "$scratch/old-nvcc" 'TESSERA_CUDA=ON needs nvcc 12.8 or newer'
expect 1 MAYBE "$scratch/old-nvcc" 'choose AUTO, ON or OFF'
