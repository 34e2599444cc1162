# SPDX-License-Identifier: Apache-2.0
"""Generated files are those that their generator writes today."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_python_messages_are_those_of_the_proto_files() -> None:
    check = subprocess.run(
        [sys.executable, ROOT / "proto" / "generate.py", "--check"], capture_output=True, text=True
    )
    assert check.returncode == 0, check.stdout + check.stderr
