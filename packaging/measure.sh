#!/usr/bin/env bash
# Makes the README's table of quality: perplexity of SmolLM2-135M-Instruct under every method, one JSON a cell in
# docs/measured. What is there already is not measured again, so that it may be stopped and started at will.
#   packaging/measure.sh LEARN TEST RUNS [CELL...]
# LEARN is the learning text ("default" for the installed one), TEST the text that is read once at the end, RUNS a
# folder for the run directories. A CELL is METHOD-PERCENT or leap-PERCENT-MINUTES, patch-PERCENT-TILE,
# patch-random-..., patch-prior-..., dense; without cells, all of them. Nothing else should run meanwhile. Where
# something must, STEP_SECONDS=S turns minutes into the steps that they hold undisturbed at S seconds a step.
set -euo pipefail
root="$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd)"
cli="${TESSERA_CLI:-$root/build/release/bin/tessera-cli}"
out="$root/docs/measured"
(($# >= 3)) || { echo "usage: packaging/measure.sh LEARN TEST RUNS [CELL...]" >&2; exit 2; }
learn="$1" test_text="$2" runs="$3"
shift 3
cells=("$@")
if ((${#cells[@]} == 0)); then
    cells=(dense)
    for percent in 50 60; do
        cells+=("magnitude-$percent" "wanda-$percent" "leap-$percent-15" "leap-$percent-30" "leap-$percent-60")
    done
    for percent in 25 45; do
        for tile in 128 64; do
            cells+=("patch-random-$percent-$tile" "patch-prior-$percent-$tile" "patch-$percent-$tile")
        done
    done
fi
text=(--text "$learn")
kind="$(basename -- "$learn" .txt)"
[[ "$learn" != default ]] || text=()
mkdir -p -- "$out" "$runs"
"$cli" models fetch smollm2-135m >&2

fraction() { awk "BEGIN { print $1 / 100 }"; }
# budget MINUTES: the options that give a run that long.
budget() {
    if [[ -z "${STEP_SECONDS:-}" ]]; then
        echo "--minutes $1"
    else
        awk "BEGIN { printf \"--steps %d\", $1 * 60 / ($STEP_SECONDS * 1.05) }"
    fi
}

for cell in "${cells[@]}"; do
    file="$out/$kind-$cell.json"
    [[ ! -f "$file" ]] || continue
    run="$runs/$kind-$cell"
    IFS=- read -r method first second third <<<"$cell"
    options=()
    case "$method" in
        dense) run=smollm2-135m ;;
        magnitude | wanda) options=(--method "$method" --sparsity "$(fraction "$first")") ;;
        leap) read -ra budget_options <<<"$(budget "$second")"
            options=(--method leap --sparsity "$(fraction "$first")" "${budget_options[@]}") ;;
        patch)
            options=(--method patch-tile)
            case "$first" in
                random) options+=(--steps 0 --set prior=random --sparsity "$(fraction "$second")" --set "tile=${third}x$third") ;;
                prior) options+=(--steps 0 --sparsity "$(fraction "$second")" --set "tile=${third}x$third") ;;
                *) read -ra budget_options <<<"$(budget 10)"
                    options+=(--sparsity "$(fraction "$first")" --set "tile=${second}x$second" "${budget_options[@]}") ;;
            esac ;;
        *) echo "measure.sh knows no cell '$cell'" >&2; exit 2 ;;
    esac
    echo "== $kind $cell" >&2
    if [[ "$method" != dense && ! -f "$run/result.json" ]]; then
        if [[ -f "$run/spec.json" ]]; then
            "$cli" resume "$run" >&2
        else
            "$cli" run --model smollm2-135m "${options[@]}" "${text[@]}" --set eval_windows=0 --out "$run" >&2
        fi
    fi
    "$cli" eval "$run" --text "$test_text" --window 2048 --windows 20 --dtype bf16 --json 2>/dev/null >"$file.eval"
    python3 - "$cell" "$kind" "$file" "$run" <<'PYTHON'
import json, os, sys
cell, kind, file, run = sys.argv[1:]
evaluated = json.load(open(file + ".eval"))
result = {"cell": cell, "learning_text": kind, "model": "smollm2-135m", "perplexity": evaluated["perplexity"]}
del result["perplexity"]["cross_entropies"]
if os.path.isdir(run):
    made = json.load(open(os.path.join(run, "result.json")))
    for key in ("method", "sparsity", "seconds", "steps", "tokens_trained", "tokens_per_second", "step_shares",
                "peak_bytes", "machine", "version"):
        result[key] = made.get(key)
    plan = os.path.join(run, "plan.json")
    if os.path.exists(plan):
        result["plan"] = json.load(open(plan))
    if os.environ.get("STEP_SECONDS") and cell.startswith("leap"):
        result["undisturbed_step_seconds"] = float(os.environ["STEP_SECONDS"])
with open(file + ".part", "w") as out:
    json.dump(result, out, indent=1, sort_keys=True)
    out.write("\n")
os.replace(file + ".part", file)
os.remove(file + ".eval")
print(f'{kind} {cell}: {result["perplexity"]["value"]:.3f}', file=sys.stderr)
PYTHON
done
