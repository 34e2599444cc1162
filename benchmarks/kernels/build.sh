#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Builds the programs that time kernels into benchmarks/build (ignored by git). Debian package
# needed: libdnnl-dev, for the rival of dense layers.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
build=$root/benchmarks/build
flags="-std=c++23 -O2 -DNDEBUG -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Werror"
includes="-I$root/benchmarks -I$root/benchmarks/kernels -I$root/benchmarks/rivals -I$root/cpp"

mkdir -p "$build/kernels"
objects=""
for source in "$root"/cpp/kernels/*.cc "$root"/cpp/kernels/isa/*.cc "$root"/cpp/model/artifact*.cc \
  "$root"/cpp/base/buffer.cc "$root"/cpp/base/check.cc "$root"/cpp/base/crc32.cc \
  "$root"/cpp/base/dtype.cc "$root"/cpp/base/error.cc "$root"/cpp/base/text.cc; do
  object=$build/kernels/$(echo "${source#"$root"/cpp/}" | tr / _).o
  objects="$objects $object"
  if [ -n "$(find "$root/cpp" -newer "$object" -name '*.[ch]*' -print -quit 2>&1)" ]; then
    g++ $flags $includes -c "$source" -o "$object"
  fi
done
g++ $flags $includes "$here/penstock_trees.cc" $objects -lz -o "$build/penstock_trees"
g++ $flags $includes "$here/tree_rivals.cc" -ldl -o "$build/tree_rivals"
g++ $flags $includes "$here/penstock_dense.cc" $objects -lz -o "$build/penstock_dense"
g++ $flags $includes "$here/onednn_dense.cc" $objects -lz -ldnnl -o "$build/onednn_dense"
g++ $flags $includes "$here/onnxruntime_dense.cc" -ldl -o "$build/onnxruntime_dense"
g++ $flags "$here/peak.cc" -I"$here" -o "$build/peak"
