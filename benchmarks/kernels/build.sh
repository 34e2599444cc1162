#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Builds the programs that time kernels into benchmarks/build (ignored by git), from the very
# objects that the extension is linked from. Debian package needed: libdnnl-dev, for the rival of
# dense layers.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
build=$root/benchmarks/build
flags="-std=c++23 -O2 -DNDEBUG -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Werror"
includes="-I$root/benchmarks -I$root/benchmarks/kernels -I$root/benchmarks/rivals -I$root/cpp"

"$root/.venv/bin/python" "$root/tools/build.py" extension
mkdir -p "$build"
core=$build/libpenstock.a
rm -f "$core"
(cd "$root" && find cpp -name '*.cc' ! -path '*/bindings/*' ! -name 'main*.cc') |
  sed "s|^|$root/build/cpp/release/|; s|cc$|o|" | xargs ar crs "$core"
for program in penstock_trees penstock_dense onednn_dense; do
  g++ $flags $includes "$here/$program.cc" "$core" -pthread -lz -lre2 -lsimdjson -lnghttp2 -ldl \
    $(if [ $program = onednn_dense ]; then echo -ldnnl; fi) -o "$build/$program"
done
g++ $flags $includes "$here/tree_rivals.cc" -ldl -o "$build/tree_rivals"
g++ $flags $includes "$here/onnxruntime_dense.cc" -ldl -o "$build/onnxruntime_dense"
g++ $flags "$here/peak.cc" -I"$here" -o "$build/peak"
