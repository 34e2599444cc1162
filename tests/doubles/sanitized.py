# SPDX-License-Identifier: Apache-2.0
"""The core's programs, built with sanitizers, ready to be run."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True)
class Program:
    """How a program is started."""

    command: list[str]
    environment: dict[str, str]


def built(target: str, sanitize: str) -> Program:
    """Builds what of `target` is out of date in the variant `sanitize`; "" is the plain one."""
    environment = os.environ | {
        "PENSTOCK_SANITIZE": sanitize,
        "ASAN_OPTIONS": "allow_addr2line=1",  # clang's own symbolizer need not be there
        "UBSAN_OPTIONS": "print_stacktrace=1",
        "TSAN_OPTIONS": f"suppressions={ROOT / 'tests/cpp/thread_sanitizer.supp'}",
    }
    build = subprocess.run(
        [sys.executable, ROOT / "tools" / "build.py", target],
        env=environment,
        capture_output=True,
        text=True,
    )
    assert build.returncode == 0, build.stderr
    command = [build.stdout.splitlines()[-1]]
    if sanitize == "thread" and (setarch := shutil.which("setarch")):
        # g++ 12's thread sanitizer cannot place its shadow where the kernel randomises much.
        command = [setarch, platform.machine(), "--addr-no-randomize", *command]
    return Program(command, environment)
