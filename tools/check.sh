#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Format, lint, types, the native stub and the architecture. Runs everything, then fails if any did.
set -uo pipefail
cd "$(dirname "$0")/.."
failed=()
step() {
    printf '\033[1m%s\033[0m\n' "$*" >&2
    "$@" || failed+=("$1 ${2:-}")
}
cpp_files() { find cpp tests/cpp benchmarks -name '*.h' -o -name '*.cc'; }

step ruff check .
step ruff format --check .
mapfile -t files < <(cpp_files)
step clang-format --dry-run -Werror "${files[@]}"
step mypy
step python tools/build.py extension
step python -m mypy.stubtest penstock._core --mypy-config-file pyproject.toml
step python -m pytest -q tests/architecture
[ ${#failed[@]} -eq 0 ] || { printf 'failed: %s\n' "${failed[@]}" >&2; exit 1; }
