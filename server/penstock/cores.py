# SPDX-License-Identifier: Apache-2.0
"""How many processor cores this process may use."""

import os
from pathlib import Path

__all__ = ["usable_cores"]


def usable_cores(cgroup: Path = Path("/sys/fs/cgroup")) -> int:
    """Cores of the affinity mask, or fewer where the control group has a smaller quota; at least 1.

    A quota of one and a half cores counts as two: threads wait less than they would on one.
    """
    try:
        allowed = len(os.sched_getaffinity(0))
    except AttributeError:  # not Linux
        allowed = os.cpu_count() or 1
    try:
        quota, period = (cgroup / "cpu.max").read_text().split()
        return max(1, min(allowed, -(-int(quota) // int(period))))
    except (OSError, ValueError):  # no control group, or its quota is "max"
        return allowed
