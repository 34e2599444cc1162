# SPDX-License-Identifier: Apache-2.0
"""Builds the C++ tests and runs them, plainly and under the sanitizers."""

import subprocess

import pytest
from tests.doubles.sanitized import ROOT, built

from penstock.backends.onnxruntime_library import find_onnxruntime

RUN_SECONDS_MAX = 900


def run_cpp_tests(sanitize: str) -> None:
    """Builds what is out of date, then runs all C++ tests of the variant `sanitize`."""
    library = find_onnxruntime()
    assert library is not None
    program = built("tests", sanitize)
    ran = subprocess.run(
        program.command,
        cwd=ROOT,
        env=program.environment | {"PENSTOCK_ONNXRUNTIME": str(library.path)},
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
