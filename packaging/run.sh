#!/usr/bin/env bash
# Builds what is needed and starts Tessera.
#   packaging/run.sh                  the window where there is a display; otherwise the main job, headless:
#                                     a mask learned on the bundled starter model, measured, reported, exported
#   packaging/run.sh ARGUMENTS...     tessera-cli with these arguments
# The headless job ends by printing the absolute paths of the report and of the exported model, a line each.
set -euo pipefail
packaging="$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)"
root="$(dirname -- "$packaging")"
bin="$root/build/release/bin"

# The headless job. Load, prior, learning, measuring and report together stay under five minutes on two cores.
model=starter
method=leap
sparsity=0.7
minutes=3

"$packaging/build.sh"

if (($#)); then
    exec "$bin/tessera-cli" "$@"
fi
if [[ -x "$bin/tessera" && -n "${DISPLAY:-}${WAYLAND_DISPLAY:-}" ]]; then
    exec "$bin/tessera"
fi

data="${TESSERA_DATA_HOME:-${XDG_DATA_HOME:-${HOME:?is not set: say where results may be kept}/.local/share}/tessera}"
mkdir -p -- "$data/runs" "$data/exports"
data="$(cd -- "$data" && pwd)"

name="$model-$method-$(date -u +%Y%m%d-%H%M%S)"
suffix=
while [[ -e "$data/runs/$name$suffix" ]]; do suffix="-$((${suffix:+${suffix#-}} + 1))"; done
run="$data/runs/$name$suffix"
exported="$data/exports/$name$suffix-hf"

"$bin/tessera-cli" run --model "$model" --method "$method" --sparsity "$sparsity" --minutes "$minutes" --out "$run"
"$bin/tessera-cli" export "$run" --format hf --out "$exported" >&2
"$bin/tessera-cli" report "$run" --out "$run/report.html" >&2

echo "The report, and the exported model (a folder that any Hugging Face reader opens):"
echo "$run/report.html"
echo "$exported"
