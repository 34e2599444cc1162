#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Usage: tools/check.sh C++_FILE...
# Format, lint, types, the native stub and the architecture. Runs everything, then fails if any did.
set -uo pipefail
cd "$(dirname "$0")/.."
PATH=$PWD/.venv/bin:$PATH
failed=()
step() {
    printf '\033[1m%.100s\033[0m\n' "$*" >&2
    "$@" || failed+=("$1 ${2:-}")
}

step ruff check .
step ruff format --check .
step clang-format --dry-run -Werror "$@"
step mypy
step python tools/build.py extension
step python -m mypy.stubtest --concise --mypy-config-file pyproject.toml \
    --allowlist tools/stubtest_allowlist.txt penstock._core
step python -m pytest -q tests/architecture
[ ${#failed[@]} -eq 0 ] || { printf 'failed: %s\n' "${failed[@]}" >&2; exit 1; }
