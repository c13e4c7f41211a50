#!/usr/bin/env bash
# Makes the default text, what models calibrate on when the user names none, from installed Debian packages:
#   packaging/default-text.sh FOLDER
# writes FOLDER/learn.txt and FOLDER/heldout.txt, a paragraph a line, documents parted by blank lines. The same
# package versions give the same bytes. Nothing is done when they are there already.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
out=${1:?usage: packaging/default-text.sh FOLDER}
packages=$(sed -n 's/^\([a-z][^ ]*\).*/\1/p' "$here/text-packages.txt")
# shellcheck disable=SC2086
stamp=$({ dpkg-query -W -f='${Package} ${Version}\n' $packages; sha256sum < "$here/default-text.pl"; } | sha256sum | cut -d' ' -f1)
if [ -f "$out/stamp" ] && [ "$(cat "$out/stamp")" = "$stamp" ] && [ -s "$out/learn.txt" ] && [ -s "$out/heldout.txt" ]; then
    exit 0
fi
mkdir -p "$(dirname "$out")"
work=$(mktemp -d "$out.part-XXXXXX")
trap 'rm -rf "$work"' EXIT
perl "$here/default-text.pl" "$work"
echo "$stamp" > "$work/stamp"
sync -f "$work"
rm -rf "$out"
mv "$work" "$out"
trap - EXIT
