#!/usr/bin/env bash
# Makes the pictures of the documentation, docs/pictures/PAGE-THEME.png: every page in both themes at 1280x800, from
# a real run of the bundled starter model.
#   packaging/screenshots.sh         makes a short run for it (a few minutes)
#   packaging/screenshots.sh RUN     shows this finished run, and the runs beside it
# TESSERA_BIN names the folder of the programs, build/release/bin by default.
set -euo pipefail
packaging="$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)"
root="$(dirname -- "$packaging")"
bin="${TESSERA_BIN:-$root/build/release/bin}"
pictures="$root/docs/pictures"

if (($# > 1)); then
    echo "screenshots.sh takes at most one run folder." >&2
    exit 2
fi
[[ -n "${TESSERA_BIN:-}" ]] || "$packaging/build.sh"

scratch="$(mktemp -d)"
trap 'rm -rf -- "$scratch"' EXIT
if (($#)); then
    run="$(cd -- "$1" && pwd)"
    if [[ ! -f "$run/result.json" ]]; then
        echo "$run is not a finished run: it has no result.json." >&2
        exit 2
    fi
else
    run="$scratch/runs/starter-leap-70"
    mkdir -p -- "$scratch/runs"
    "$bin/tessera-cli" run --model starter --method leap --sparsity 0.7 --steps 60 --out "$run" >/dev/null
    "$bin/tessera-cli" run --model starter --method wanda --sparsity 0.7 --out "$scratch/runs/starter-wanda-70" >/dev/null
    "$bin/tessera-cli" bench model "$run" >/dev/null
fi

mkdir -p -- "$pictures"
for page in home run inspect compare playground benchmark; do
    for theme in light dark; do
        QT_QPA_PLATFORM=offscreen "$bin/tessera" --runs "$(dirname -- "$run")" --open "$run" --page "$page" \
            --theme "$theme" --size 1280x800 --screenshot "$pictures/$page-$theme.png"
        echo "docs/pictures/$page-$theme.png"
    done
done
