#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Installs river into benchmarks/build/river, where bench_drift_detectors looks for it: none of
# Penstock's environments needs it.
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
python=${PYTHON:-$root/.venv/bin/python}
"$python" -m pip install --quiet --upgrade --no-deps --target "$root/benchmarks/build/river" \
  -c "$root/constraints.txt" "river==0.26.1" narwhals
