# SPDX-License-Identifier: Apache-2.0
"""What a process holds, as the kernel counts it."""

from __future__ import annotations

from pathlib import Path


def resident_bytes(pid: int) -> int:
    """Its resident memory (VmRSS)."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    raise ValueError(f"process {pid} has no memory of its own")


def open_files(pid: int) -> int:
    """Its open file descriptors."""
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))
