#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Makes .venv-slow: what .venv has, and PyTorch, FLAML, Ray and Feast, which only slow tests need.
#
# It lies over .venv: what is there is read from there, so both have the same versions and the same
# build of the core, and pip installs only what is missing.
set -euo pipefail
cd "$(dirname "$0")/.."

under=.venv/bin over=.venv-slow/bin
purelib='import sysconfig; print(sysconfig.get_path("purelib"))'

rm -rf .venv-slow
$under/python -m venv .venv-slow
printf 'import site; site.addsitedir("%s")\n' "$($under/python -c "$purelib")" \
    >"$($over/python -c "$purelib")/under.pth"
mapfile -t libraries < <($under/python -c 'import tomllib
extras = tomllib.load(open("pyproject.toml", "rb"))["project"]["optional-dependencies"]
names = ("torch", "automl", "ray", "feast")
print(*(line for name in names for line in extras[name]), sep="\n")')
printf 'Installing into .venv-slow: %s\n' "${libraries[*]}" >&2
$over/python -m pip --disable-pip-version-check --quiet install -c constraints.txt "${libraries[@]}"

# Tests run the programs that lie beside their Python: those of .venv, by this Python.
for program in "$under"/*; do
    copy=$over/${program##*/}
    [ -e "$copy" ] && continue
    if [ "$(head -c 2 "$program" | tr -d '\0')" = '#!' ] && head -n 1 "$program" | grep -q python; then
        sed "1s|.*|#!$PWD/$over/python|" "$program" >"$copy" && chmod +x "$copy"
    else
        ln -s "$PWD/$program" "$copy"
    fi
done
touch .venv-slow/ready
