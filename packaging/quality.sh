#!/usr/bin/env bash
# Makes the tables of quality, docs/quality.md: SmolLM2-135M-Instruct under every method, one JSON a cell in
# docs/measured. What is there already is not measured again, so that it may be stopped and started at will.
#   packaging/quality.sh LEARN TEST RUNS [CELL...]
# LEARN is the learning text ("default" for the installed one), TEST the text that is read once at the end, RUNS a
# folder for the run directories; TASKS=FOLDER measures accuracy on the zero-shot tasks in there, too. Cells:
#   dense                                     nothing pruned
#   METHOD-PERCENT[-TEXT]  METHOD-2of4[-TEXT] magnitude, wanda, sparsegpt, thanos, admm; METHOD+optima with that finish;
#                                             TEXT own: calibrated on the model's own samples, mix: half of them
#   leap-PERCENT-MINUTES[-VARIANT]            VARIANTs below: one lever each; leap+optima too
#   patch-PERCENT-TILE[-BASE]                 the tiles learned for ten minutes over a frozen 2:4 mask
#   joint-PERCENT-TILE  maskllm-2of4          PATCH-Joint and MaskLLM, learned for ten minutes
#   patch-random-PERCENT-TILE  patch-prior-PERCENT-TILE    the same budget of tiles by chance, by the prior alone
# Without cells, those of the README's table. Nothing else should run meanwhile. Where something must,
# STEP_SECONDS=S turns minutes into the steps that they hold undisturbed at S seconds a step.
set -euo pipefail
packaging="$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)"
root="$(dirname -- "$packaging")"
cli="${TESSERA_CLI:-$root/build/release/bin/tessera-cli}"
out="$root/docs/measured"
(($# >= 3)) || { echo "usage: packaging/quality.sh LEARN TEST RUNS [CELL...]" >&2; exit 2; }
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
# What the one-shot methods of the tables see; priors of learned ones keep to their defaults.
calibration="--set calibration_windows=128 --set calibration_context=2048"
# The model's own samples instead of the learning text, or as much of each.
own_text() {
    case "$1" in
        '') ;;
        own) echo "--set own_samples=1 --set own_tokens=262144" ;;
        mix) echo "--set own_samples=0.5 --set own_tokens=262144" ;;
        *) echo "quality.sh knows no learning text '$1'" >&2; exit 2 ;;
    esac
}
# What one lever changes of LEAP's desk recipe.
variant() {
    case "$1" in
        '') ;;
        paper) echo "--set recipe=paper" ;;
        ce) echo "--set ce_weight=1 --set kl_weight=0" ;;
        kl) echo "--set ce_weight=0 --set kl_weight=1" ;;
        binary) echo "--set prior_form=binary" ;;
        global) echo "--set prior_threshold=global" ;;
        admm) echo "--set prior=admm" ;;
        block) echo "--set target_scope=block" ;;
        matrix) echo "--set target_scope=matrix" ;;
        penalty) echo "--set centring=false" ;;
        own | mix) own_text "$1" ;;
        own+kl | mix+kl) own_text "${1%+kl}" && variant kl ;;
        *) echo "quality.sh knows no variant '$1' of LEAP" >&2; exit 2 ;;
    esac
}

tasks=()
if [[ -n "${TASKS:-}" ]]; then
    while IFS=$'\t' read -r name path; do tasks+=(--task "$name=$path"); done < <(
        "$cli" tasks list "$TASKS" --json 2>/dev/null |
            python3 -c 'import json,sys; [print(t["name"], t["path"], sep="\t") for t in json.load(sys.stdin)["tasks"] if "items" in t]')
fi

for cell in "${cells[@]}"; do
    file="$out/$kind-$cell.json"
    [[ ! -f "$file" ]] || continue
    run="$runs/$kind-$cell"
    IFS=- read -r method first second third <<<"$cell"
    options=()
    finish=()
    [[ "$method" != *+optima ]] || finish=(--set finish=optima)
    case "${method%+optima}" in
        dense) run=smollm2-135m ;;
        magnitude | wanda | sparsegpt | thanos | admm)
            own="$(own_text "$second")"
            read -ra options <<<"--method ${method%+optima} $calibration $own"
            if [[ "$first" == 2of4 ]]; then
                options+=(--pattern 2:4)
            else
                options+=(--sparsity "$(fraction "$first")")
            fi ;;
        leap)
            lever="$(variant "$third" | tr "\n" " ")"
            read -ra more <<<"$(budget "$second") $lever"
            options=(--method leap --sparsity "$(fraction "$first")" "${more[@]}") ;;
        patch)
            options=(--method patch-tile)
            case "$first" in
                random) options+=(--steps 0 --set prior=random --sparsity "$(fraction "$second")" --set "tile=${third}x$third") ;;
                prior) options+=(--steps 0 --sparsity "$(fraction "$second")" --set "tile=${third}x$third") ;;
                *) read -ra more <<<"$(budget 10)"
                    options+=(--sparsity "$(fraction "$first")" --set "tile=${second}x$second" "${more[@]}")
                    [[ -z "$third" ]] || options+=(--set "base=$third") ;;
            esac ;;
        joint) read -ra more <<<"$(budget 10)"
            options=(--method patch-joint --sparsity "$(fraction "$first")" --set "tile=${second}x$second" "${more[@]}") ;;
        maskllm) read -ra more <<<"$(budget 10)"
            options=(--method maskllm --pattern "${first/of/:}" "${more[@]}") ;;
        *) echo "quality.sh knows no cell '$cell'" >&2; exit 2 ;;
    esac
    echo "== $kind $cell" >&2
    if [[ "$method" != dense && ! -f "$run/result.json" ]]; then
        if [[ -f "$run/spec.json" ]]; then
            "$cli" resume "$run" >&2
        else
            "$cli" run --model smollm2-135m "${options[@]}" "${finish[@]}" "${text[@]}" --set eval_windows=0 --out "$run" >&2
        fi
    fi
    "$cli" eval "$run" --text "$test_text" --window 2048 --windows 20 --dtype bf16 "${tasks[@]}" --json 2>/dev/null >"$file.eval"
    python3 "$packaging/quality_cell.py" "$cell" "$kind" "$run" "$file"
done
