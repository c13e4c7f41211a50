#!/usr/bin/env bash
# Checks that includes point down only: app -> ui -> core/session, app -> core -> kernels.
#   packaging/check-architecture.sh [ROOT]
# Prints every offending line and exits 1 when there is one.
set -euo pipefail
root="${1:-$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd)}"
cd -- "$root"

qt='(Q[A-Za-z0-9]*[>"/]|q[a-z]+\.h>)'
torch='(torch|ATen|c10|caffe2)/'
engine='core/(model|prune|parallel|learn|evaluate|engine)/'
offences=0

# forbid FOLDERS PATTERN RULE: no file below FOLDERS (space-separated) includes what matches PATTERN.
forbid() {
    local folders=() folder
    for folder in $1; do
        [[ ! -d "$folder" ]] || folders+=("$folder")
    done
    ((${#folders[@]})) || return 0
    if grep -rnE --include='*.h' --include='*.hpp' --include='*.inl' --include='*.cpp' --include='*.cc' \
        --include='*.cu' --include='*.cuh' "^[[:space:]]*#[[:space:]]*include[[:space:]]*[<\"]$2" "${folders[@]}"; then
        echo "    ^ $3" >&2
        offences=1
    fi
}

light='core/base core/session core/formats core/text core/report core/deploy'
forbid 'core kernels app/cli app/start app/starter' "$qt" 'the engine holds no Qt'
forbid "kernels ui app/start $light" "$torch" 'LibTorch stays in core/{model,prune,parallel,learn,evaluate,engine}'
forbid 'kernels' '(core|ui|app)/' 'kernels know nothing above them'
forbid 'core' '(ui|app)/' 'core knows nothing of the window and the programs'
forbid "app/start $light" "$engine" 'a room without LibTorch includes no header of a room with it'
forbid 'core/base' '(core/(session|formats|text|report|deploy)|kernels)/' 'core/base is the ground floor'
forbid 'core/session core/formats core/text' '(core/(report|deploy)|kernels)/' \
    'session, formats and text are linked without report, deploy and kernels'
forbid 'core/report' '(core/deploy|kernels)/' 'the report draws data and runs no kernels'
forbid 'core/deploy' 'core/report/' 'deploy does not draw'
forbid 'core/model' 'core/(prune|learn|evaluate|engine)/' 'the model does not know who prunes it'
forbid 'core/parallel' 'core/(model|prune|learn|evaluate|engine)/' 'processes know nothing of what they learn'
forbid 'core/prune core/learn core/evaluate' 'core/engine/' 'the engine drives the methods, not the other way round'
forbid 'ui' '(kernels|app|core/(model|prune|parallel|learn|evaluate|engine|deploy))/' 'the window reaches the engine as a process only'

exit "$offences"
