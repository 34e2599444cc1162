# SPDX-License-Identifier: Apache-2.0
"""Builds the C++ tests and runs them, plainly and under the sanitizers."""

import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from penstock.backends.onnxruntime_library import find_onnxruntime

ROOT = Path(__file__).resolve().parents[2]
RUN_SECONDS_MAX = 300


def run_cpp_tests(sanitize: str) -> None:
    """Builds what is out of date, then runs all C++ tests of the variant `sanitize`."""
    library = find_onnxruntime()
    assert library is not None
    environment = os.environ | {
        "PENSTOCK_SANITIZE": sanitize,
        "PENSTOCK_ONNXRUNTIME": str(library.path),
        "UBSAN_OPTIONS": "print_stacktrace=1",
        "TSAN_OPTIONS": f"suppressions={ROOT / 'tests/cpp/thread_sanitizer.supp'}",
    }
    built = subprocess.run(
        [sys.executable, ROOT / "tools" / "build.py", "tests"],
        env=environment,
        capture_output=True,
        text=True,
    )
    assert built.returncode == 0, built.stderr
    command = [built.stdout.splitlines()[-1]]
    if sanitize == "thread" and (setarch := shutil.which("setarch")):
        # g++ 12's thread sanitizer cannot place its shadow where the kernel randomises much.
        command = [setarch, platform.machine(), "--addr-no-randomize", *command]
    ran = subprocess.run(
        command,
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=RUN_SECONDS_MAX,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_cpp_tests_pass() -> None:
    run_cpp_tests("")


def test_cpp_tests_pass_under_address_and_undefined_behaviour_sanitizers() -> None:
    run_cpp_tests("address,undefined")


@pytest.mark.slow
def test_cpp_tests_pass_under_the_thread_sanitizer() -> None:
    run_cpp_tests("thread")
