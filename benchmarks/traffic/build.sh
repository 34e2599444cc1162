#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Builds the programs that try and time routing and judging into benchmarks/build (ignored by git),
# from the very objects that the extension is linked from.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
build=$root/benchmarks/build
flags="-std=c++23 -O2 -DNDEBUG -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Werror"
includes="-I$root/benchmarks -I$root/benchmarks/kernels -I$root/tests/cpp -I$root/cpp"

"$root/.venv/bin/python" "$root/tools/build.py" extension
mkdir -p "$build"
core=$build/libtraffic.a
rm -f "$core"
(cd "$root" && find cpp/base cpp/judging cpp/routing -name '*.cc') |
  sed "s|^|$root/build/cpp/release/|; s|cc$|o|" | xargs ar crs "$core"
for program in "$here"/*.cc; do
  g++ $flags $includes "$program" "$core" -pthread -lcrypto -lz -lre2 \
    -o "$build/traffic_$(basename "$program" .cc)"
done
