#!/usr/bin/env bash
# Installs the Debian packages that are missing: packaging/install-packages.sh [--with-tests | --with-fuzzing]
# Does nothing, quickly, when all are there. Needs root, sudo, or someone to type the command it names.
set -euo pipefail
packaging="$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)"

purposes=build
[[ "${1:-}" != --with-tests ]] || purposes='build|test'
[[ "${1:-}" != --with-fuzzing ]] || purposes='build|fuzz'

mapfile -t wanted < <(
    awk -v purposes="^($purposes)\$" '!/^[[:space:]]*(#|$)/ && $2 ~ purposes { print $1 }' "$packaging/packages.txt"
    if [[ -f "$packaging/text-packages.txt" ]]; then
        awk '!/^[[:space:]]*(#|$)/ { print $1 }' "$packaging/text-packages.txt"
    fi)

if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
    echo "This system has no apt-get; going on in the hope that it has what these Debian packages hold:" \
        "${wanted[*]}" >&2
    exit 0
fi

declare -A present=()
while read -r status name; do
    [[ "$status" != installed ]] || present[$name]=1
done < <(dpkg-query --show --showformat='${db:Status-Status} ${Package}\n' "${wanted[@]}" 2>/dev/null || true)

missing=()
for name in "${wanted[@]}"; do
    [[ -n "${present[$name]:-}" ]] || missing+=("$name")
done
((${#missing[@]})) || exit 0

if ((EUID == 0)); then
    as_root=()
elif command -v sudo >/dev/null && sudo -n true 2>/dev/null; then
    as_root=(sudo -n)
elif command -v sudo >/dev/null && [[ -t 0 && -z "${CI:-}" ]]; then
    as_root=(sudo)
else
    echo "These Debian packages are missing and installing them needs root; please run:" \
        "sudo apt-get install --no-install-recommends ${missing[*]}" >&2
    exit 1
fi

echo "Installing: ${missing[*]}" >&2
apt_get() { "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -q -o Dpkg::Use-Pty=0 "$@" </dev/null >&2; }
apt_get update || echo "apt-get update failed; trying with the package lists that are there." >&2
if ! apt_get install --yes --no-install-recommends "${missing[@]}"; then
    echo "apt-get could not install: ${missing[*]}. Its own message is above." >&2
    exit 1
fi
