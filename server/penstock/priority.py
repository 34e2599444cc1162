# SPDX-License-Identifier: Apache-2.0
"""Processes of the server that come behind its requests."""

import os
from contextlib import suppress
from pathlib import Path

__all__ = ["come_behind"]


def come_behind(niceness: int) -> None:
    """Lets others have the cores before this process and those that it starts."""
    os.nice(niceness)
    # A session of its own may be a scheduling group of its own, whose niceness counts instead.
    if os.getsid(0) == os.getpid():
        with suppress(OSError):  # a kernel without such groups
            Path("/proc/self/autogroup").write_text(str(niceness))
