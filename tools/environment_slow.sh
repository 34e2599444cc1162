#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Makes .venv-slow: what .venv has, and PyTorch, FLAML, Ray, Feast and a driver of PostgreSQL, which
# only slow tests need.
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
names = ("torch", "automl", "ray", "feast", "postgresql")
print(*(line for name in names for line in extras[name]), sep="\n")')
printf 'Installing into .venv-slow: %s\n' "${libraries[*]}" >&2
$over/python -m pip --disable-pip-version-check --quiet install -c constraints.txt "${libraries[@]}"

# PostgreSQL keeps a registry in a test; without it that test says that it was skipped. As Debian's
# package starts a server, it is only installed where nothing is started: in a container that
# forbids it, or where there is no init to do it.
has_postgresql() { command -v initdb || ls /usr/lib/postgresql/*/bin/initdb; } >/dev/null 2>&1
install_postgresql() {
    [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null || return 1
    [ -x /usr/sbin/policy-rc.d ] || [ ! -d /run/systemd/system ] || return 1
    apt-get update -qq && DEBIAN_FRONTEND=noninteractive \
        apt-get install -y -qq --no-install-recommends postgresql >/dev/null
}
has_postgresql || install_postgresql ||
    printf 'A slow test will also need PostgreSQL: apt-get install postgresql\n' >&2

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
