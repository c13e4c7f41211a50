#!/usr/bin/env bash
# Everything that must hold: format, architecture, build, tests. Ends with ctest's closing lines; exits
# non-zero when anything failed. Tests that need evaluation data look in $TESSERA_TEST_DATA
# (../shared/data beside the repository by default) and skip, with a reason, what is not there.
set -euo pipefail
packaging="$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)"
root="$(dirname -- "$packaging")"
export TESSERA_TEST_DATA="${TESSERA_TEST_DATA:-$root/../shared/data}"

"$packaging/install-packages.sh" --with-tests

cd -- "$root"
# Tracked files where this is a checkout, every file of the source folders where it is not.
if ! git ls-files -z -- '*.h' '*.cpp' >/dev/null 2>&1; then
    git() { find app core kernels tests ui -type f -regextype egrep -regex '.*\.(h|cpp|cuh?)' -print0; }
fi
echo "Checking the format ..."
git ls-files -z -- '*.h' '*.cpp' '*.cu' '*.cuh' | xargs -0 --no-run-if-empty clang-format --dry-run -Werror
echo "Checking the architecture ..."
"$packaging/check-architecture.sh"
"$root/tests/packaging/test_check_architecture.sh"
echo "Checking the option for CUDA ..."
"$root/tests/packaging/test_cuda_option.sh"

"$packaging/build.sh" --with-tests

cd -- "$root/build/release"
# The window's tests get a display of their own.
exec xvfb-run -a -s "-screen 0 1920x1080x24" ctest --output-on-failure -j2 </dev/null
