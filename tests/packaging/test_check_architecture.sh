#!/usr/bin/env bash
# packaging/check-architecture.sh passes what is allowed and catches each kind of forbidden include.
set -euo pipefail
check="$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../../packaging" && pwd)/check-architecture.sh"
scratch="$(mktemp -d)"
trap 'rm -rf -- "$scratch"' EXIT

# expect STATUS FILE INCLUDE: the check of a tree whose FILE has this include exits with STATUS.
expect() {
    local tree="$scratch/a tree" status=0
    rm -rf -- "$tree"
    mkdir -p -- "$tree/$(dirname -- "$2")"
    printf '#pragma once\n#include %s\n' "$3" >"$tree/$2"
    "$check" "$tree" >/dev/null 2>&1 || status=$?
    if ((status != $1)); then
        echo "check-architecture.sh exits with $status, not $1, for $2 including $3" >&2
        exit 1
    fi
}

expect 0 core/model/decoder.h '<torch/torch.h>'
expect 0 core/engine/engine.cpp '"core/session/event.h"'
expect 0 core/deploy/pack.cpp '"kernels/cpu/quantize.h"'
expect 0 kernels/cpu/quantize.cpp '"kernels/cpu/quantize.h"'
expect 0 ui/shell/main_window.cpp '<QMainWindow>'
expect 0 ui/shell/main_window.cpp '"core/session/run_index.h"'
expect 1 core/session/event.h '<QString>'
expect 1 core/engine/engine.cpp '<QtCore/QString>'
expect 1 kernels/cpu/mask_step.cpp '<qobject.h>'
expect 1 kernels/cpu/mask_step.cpp '<torch/torch.h>'
expect 1 core/formats/gguf.cpp '<ATen/ATen.h>'
expect 1 core/deploy/pack.cpp '<c10/util/BFloat16.h>'
expect 1 core/report/page.cpp '"core/engine/engine.h"'
expect 1 core/text/tokenizer.cpp '"core/model/decoder.h"'
expect 1 core/base/json.cpp '"core/session/event.h"'
expect 1 core/model/decoder.cpp '"core/learn/trainer.h"'
expect 1 kernels/cpu/mask_step.cpp '"core/base/error.h"'
expect 1 ui/run/run_page.cpp '<torch/torch.h>'
expect 1 ui/run/run_page.cpp '"core/engine/engine.h"'
expect 1 ui/run/run_page.cpp '"kernels/cpu/mask_step.h"'
expect 1 core/session/event.h '"ui/shell/theme.h"'
expect 1 app/cli/main.cpp '<QCoreApplication>'
