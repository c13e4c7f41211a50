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

for program in "$bin/tessera" "${TESSERA_CLI:-$bin/tessera-cli}"; do
    if [[ ! -x "$program" ]]; then
        echo "There is no $program; packaging/build.sh makes it." >&2
        exit 1
    fi
done

# A home of its own, so that no picture shows where this machine keeps things.
scratch="$(mktemp -d)"
trap 'rm -rf -- "$scratch"' EXIT
export HOME="$scratch/home"
mkdir -p -- "$HOME" "$pictures"
unset XDG_DATA_HOME XDG_CONFIG_HOME

if (($#)); then
    given="$(cd -- "$1" && pwd)"
    if [[ ! -f "$given/result.json" ]]; then
        echo "$given is not a finished run: it has no result.json." >&2
        exit 2
    fi
    ln -s -- "$(dirname -- "$given")" "$HOME/runs"
    run="$HOME/runs/$(basename -- "$given")"
else
    run="$HOME/runs/starter-leap-70"
    mkdir -p -- "$HOME/runs"
    "$bin/tessera-cli" run --model starter --method wanda --sparsity 0.7 --out "$HOME/runs/starter-wanda-70" >/dev/null
    "$bin/tessera-cli" run --model starter --method leap --sparsity 0.7 --steps 40 --out "$run" >/dev/null
    "$bin/tessera-cli" bench model "$run" >/dev/null
fi

for page in home run inspect compare playground benchmark; do
    for theme in light dark; do
        QT_QPA_PLATFORM=offscreen "$bin/tessera" --runs "$HOME/runs" --open "$run" --page "$page" \
            --theme "$theme" --size 1280x800 --screenshot "$pictures/$page-$theme.png"
        echo "docs/pictures/$page-$theme.png"
    done
done
