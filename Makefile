# SPDX-License-Identifier: Apache-2.0
# Every target is a line over its tool; the tools' settings are in pyproject.toml.
PYTHON_FILES := client/pyproject.toml pyproject.toml setup.py constraints.txt tools/environment.sh \
	tests/interop/grpc_js/package-lock.json
BUILD := .venv/bin/python tools/build.py
CPP_FILES = $(shell find cpp tests/cpp tests/fuzz benchmarks -path '*/build' -prune -o -name '*.h' -print -o -name '*.cc' -print)
export PATH := $(CURDIR)/.venv/bin:$(PATH)

.PHONY: setup demo test test-slow test-cpp fuzz sanitize check format bench

setup: .venv/ready  ## .venv with the command and all that the tests need

.venv/ready: $(PYTHON_FILES)
	tools/environment.sh

.venv-slow/ready: .venv/ready tools/environment_slow.sh
	tools/environment_slow.sh

demo: setup  ## train, export, serve, send, measure; leaves nothing running
	$(BUILD) extension >/dev/null && .venv/bin/python examples/demo.py

test: setup  ## the whole suite but the slow tests
	$(BUILD) extension tests && PENSTOCK_SANITIZE=address,undefined $(BUILD) tests
	.venv/bin/python -m pytest -n 2 --dist loadfile

test-slow: setup .venv-slow/ready  ## the tests marked slow; records what they reached
	$(BUILD) extension tests
	PATH=$(CURDIR)/.venv-slow/bin:$$PATH .venv-slow/bin/python -m pytest -m slow --junitxml=build/slow.xml
	.venv-slow/bin/python -m benchmarks.slow_results build/slow.xml

test-cpp: setup  ## the C++ tests alone, plainly and under the sanitizers
	$(BUILD) tests && PENSTOCK_SANITIZE=address,undefined $(BUILD) tests
	.venv/bin/python -m pytest tests/cpp

fuzz: setup  ## each fuzzer for FUZZ_SECONDS, going on from what the last run learnt
	FUZZ_SECONDS=$(or $(FUZZ_SECONDS),300) .venv/bin/python -m pytest -v tests/fuzz

sanitize: setup  ## C++ tests and loads under AddressSanitizer, UBSan and ThreadSanitizer
	.venv/bin/python -m pytest -v -m '' -k 'sanitizer or report' tests/cpp tests/sanitize

check: setup  ## what a change must satisfy besides the tests
	@tools/check.sh $(CPP_FILES)

format: setup  ## rewrite Python and C++ files in the house's form
	@ruff check --fix-only . && ruff format . && clang-format -i $(CPP_FILES)

bench: setup  ## every question of benchmarks/README.md; records its answers
	$(BUILD) extension >/dev/null && benchmarks/rivals/build.sh
	for file in benchmarks/bench_*.py; do python -m benchmarks.$$(basename $$file .py) || exit 1; done
