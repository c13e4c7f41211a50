#!/usr/bin/env bash
# Prints a Python that can import what is named, with packages from PyPI, installed once into a folder of their own under
# $TESSERA_PEERS (~/.cache/tessera/peers by default); $TESSERA_PYTHON is taken instead where it can.
#   packaging/peers-python.sh FOLDER "MODULE, MODULE" PACKAGE...
set -euo pipefail
(($# >= 3)) || { echo 'usage: packaging/peers-python.sh FOLDER "MODULE, MODULE" PACKAGE...' >&2; exit 2; }
peers="${TESSERA_PEERS:-${XDG_CACHE_HOME:-$HOME/.cache}/tessera/peers}"
folder="$peers/$1" modules="$2"
shift 2
python="${TESSERA_PYTHON:-$folder/bin/python3}"
if ! "$python" -c "import $modules" 2>/dev/null; then
    mkdir -p -- "$peers"
    python3 -m venv "$folder"
    "$folder/bin/pip" install --quiet "$@" >&2
    python="$folder/bin/python3"
fi
printf '%s\n' "$python"
