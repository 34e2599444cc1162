#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Makes .venv: the command, the core and all that the tests need. Does only what is missing.
#
# System packages that are missing are installed when run as root on Debian or a relative of it;
# otherwise they are named, and nothing is changed.
set -euo pipefail
cd "$(dirname "$0")/.."

say() { printf '\033[1m%s\033[0m\n' "$*" >&2; }
stop() { printf '%s\n' "$*" >&2; exit 1; }

find_python() {
    local name
    for name in ${PYTHON:-} python3.11 python3 python3.12 python3.13; do
        if "$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            printf '%s' "$name"
            return
        fi
    done
}

has_header() { printf '#include <%s>\n' "$1" | g++ -E -x c++ "${@:2}" - >/dev/null 2>&1; }

# The Debian packages that this machine lacks, one a line.
missing_packages() {
    local python=$1 include
    command -v g++ >/dev/null || echo g++
    has_header cstdint && {
        has_header boost/version.hpp || echo libboost-dev
        has_header nghttp2/nghttp2.h || echo libnghttp2-dev
        has_header protozero/pbf_reader.hpp || echo libprotozero-dev
        has_header re2/re2.h || echo libre2-dev
        has_header simdjson.h || echo libsimdjson-dev
        has_header openssl/sha.h || echo libssl-dev
        has_header xxhash.h || echo libxxhash-dev
        has_header zlib.h || echo zlib1g-dev
    } || echo libboost-dev libnghttp2-dev libprotozero-dev libre2-dev libsimdjson-dev libssl-dev \
        libxxhash-dev zlib1g-dev
    if [ -z "$python" ]; then
        echo python3 python3-dev python3-venv
    else
        "$python" -c 'import ensurepip, venv' 2>/dev/null || echo python3-venv
        include=$("$python" -c 'import sysconfig; print(sysconfig.get_path("include"))')
        [ -e "$include/Python.h" ] || echo python3-dev
    fi
}

is_able_to_install() { [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; }

install_packages() {
    is_able_to_install || stop "System packages are missing; run as root: apt-get install $*"
    say "Installing system packages: $*"
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq
    apt-get install -y -qq --no-install-recommends "$@" >/dev/null
}

# Prometheus reads the metrics in tests, and promtool checks them. Debian's package would start one
# as a service, so only the programs are taken out of it; without them those tests say that they
# were skipped.
fetch_prometheus() {
    local folder program
    if command -v prometheus && command -v promtool; then return; fi >/dev/null
    [ -x .venv/bin/prometheus ] && [ -x .venv/bin/promtool ] && return
    command -v apt-get >/dev/null && command -v dpkg-deb >/dev/null || return 0
    folder=$(mktemp -d)
    if (cd "$folder" && chmod 755 . && apt-get download -qq prometheus >/dev/null 2>&1); then
        for program in prometheus promtool; do
            dpkg-deb --fsys-tarfile "$folder"/prometheus_*.deb | tar -xO "./usr/bin/$program" \
                >"$folder/$program" && install -m 755 "$folder/$program" ".venv/bin/$program"
        done
    fi
    rm -rf "$folder"
}

# @grpc/grpc-js, one of the clients of tests/interop, in the versions of its lock file. Without it
# the tests that need it say that they were skipped.
install_grpc_js() {
    local lock=tests/interop/grpc_js/package-lock.json folder=build/grpc_js
    cmp -s "$lock" "$folder/package-lock.json" && [ -d "$folder/node_modules" ] && return
    if ! command -v node >/dev/null || ! command -v npm >/dev/null; then
        if ! is_able_to_install; then
            say "Some tests will also need Node: apt-get install nodejs npm"
            return
        fi
        install_packages nodejs npm
    fi
    say "Installing @grpc/grpc-js for its tests"
    rm -rf "$folder" && mkdir -p "$folder" && cp "${lock%-lock.json}.json" "$lock" "$folder"
    npm ci --prefix "$folder" --ignore-scripts --no-audit --no-fund --silent || {
        say "npm could not install it: its tests will be skipped"
        rm -rf "$folder"
    }
}

python=$(find_python)
read -r -d '' -a packages < <(missing_packages "$python") || true
if [ ${#packages[@]} -gt 0 ]; then
    install_packages "${packages[@]}"
    python=$(find_python)
fi
[ -n "$python" ] || stop "Penstock needs Python 3.11 or newer; name one with PYTHON=..."

# h2load is the benchmarks' load; everything else goes without it.
if ! command -v h2load >/dev/null; then
    if is_able_to_install; then
        install_packages nghttp2-client
    else
        say "The benchmarks will also need h2load: apt-get install nghttp2-client"
    fi
fi

# libFuzzer is clang's; everything else goes without it, and the fuzz tests say that they are skipped.
if ! command -v clang++-16 >/dev/null; then
    fuzz_packages=(clang-16 libclang-rt-16-dev)
    if ! is_able_to_install || ! (install_packages "${fuzz_packages[@]}"); then
        say "The fuzzers will also need clang 16: apt-get install ${fuzz_packages[*]}"
    fi
fi

# haproxy and nginx stand in front of servers in tests; without them those tests say that they were
# skipped. As Debian's packages start both, on port 80 too, they are only installed where nothing is
# started: in a container that forbids it, or where there is no init to do it.
starts_no_services() {
    [ -x /usr/sbin/policy-rc.d ] || [ ! -d /run/systemd/system ]
}
has_program() { command -v "$1" || [ -x "/usr/sbin/$1" ]; } >/dev/null
if ! has_program haproxy || ! has_program nginx; then
    proxy_packages=(haproxy nginx-light)
    if ! is_able_to_install || ! starts_no_services ||
        ! (install_packages "${proxy_packages[@]}"); then
        say "The tests of proxies will also need: apt-get install ${proxy_packages[*]}"
    fi
fi

if ! .venv/bin/python -c 'import pip' 2>/dev/null; then
    say "Making .venv with $("$python" -V)"
    rm -rf .venv
    "$python" -m venv .venv
fi
pip() { .venv/bin/python -m pip --disable-pip-version-check --quiet "$@" -c constraints.txt; }

say "Installing the build's own requirements"
read -r -a requirements < <(.venv/bin/python -c 'import tomllib
print(*tomllib.load(open("pyproject.toml", "rb"))["build-system"]["requires"])')
pip install "${requirements[@]}"
say "Building the core, and installing what Penstock and its tests need"
.venv/bin/python tools/build.py extension >/dev/null &
building=$!
mapfile -t libraries < <(.venv/bin/python -c 'import tomllib
project = tomllib.load(open("pyproject.toml", "rb"))["project"]
extras = project["optional-dependencies"]
lines = [*project["dependencies"], *extras["demo"], *extras["dev"], *extras["monitoring"], *extras["training"]]
print(*(line for line in lines if not line.startswith("penstock")), sep="\n")')
pip install "${libraries[@]}"
wait $building
pip install --no-build-isolation -e ./client -e '.[demo,dev,monitoring,training]'
fetch_prometheus
install_grpc_js
touch .venv/ready
say "Ready: .venv/bin/penstock --help"
