# SPDX-License-Identifier: Apache-2.0
"""What a store of artifacts says when it gives no files, as the end of a sentence."""

import errno
import re

__all__ = ["store_reason"]

#: MLflow's heading over the error of each file.
_HEADING = "#####"
_FROM_SYSTEM = re.compile(r"\[Errno (\d+)\] ([^:]+)")
_FULL = (errno.ENOSPC, errno.EDQUOT)


def store_reason(error: Exception) -> str:
    """Without the paths of this machine, which are others at each try. Pure.

    MLflow tells of several files at once: of these the first counts.
    """
    lines = [line for line in str(error).splitlines() if line and not line.startswith(_HEADING)]
    if len(lines) > 1 and _HEADING in str(error):
        lines = lines[1:]
    told = lines[0] if lines else type(error).__name__
    if found := _FROM_SYSTEM.search(told):
        is_full = int(found[1]) in _FULL
        return "the disk of the cache is full: make room there" if is_full else found[2]
    return told.rstrip(".")
