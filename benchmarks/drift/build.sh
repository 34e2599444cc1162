#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Builds the program that times the counting of rows into benchmarks/build (ignored by git), from the
# very objects that the extension is linked from.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
build=$root/benchmarks/build
flags="-std=c++23 -O2 -DNDEBUG -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Werror"
includes="-I$root/benchmarks/kernels -I$root/tests/cpp -I$root/cpp"

"$root/.venv/bin/python" "$root/tools/build.py" extension
mkdir -p "$build"
core=$build/libdrift.a
rm -f "$core"
(cd "$root" && find cpp/base cpp/drift -name '*.cc') |
  sed "s|^|$root/build/cpp/release/|; s|cc$|o|" | xargs ar crs "$core"
g++ $flags $includes "$here/cost.cc" "$core" -pthread -lcrypto -lz -lre2 -o "$build/drift_cost"
