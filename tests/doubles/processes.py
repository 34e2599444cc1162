# SPDX-License-Identifier: Apache-2.0
"""What Linux says of a server's processes: its children, their states, its descriptors."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

PATIENCE_S = 90.0


def children(pid: int) -> set[int]:
    """Processes that `pid` has started and not yet waited for."""
    found: set[int] = set()
    for task in Path(f"/proc/{pid}/task").iterdir():
        found |= {int(child) for child in (task / "children").read_text().split()}
    return found


def is_running(pid: int) -> bool:
    """Whether there is such a process, and it is more than an entry that waits to be read."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return stat.rpartition(")")[2].split()[0] not in "ZX"


def descriptors(pid: int) -> list[str]:
    """What each open descriptor of `pid` stands for, sorted; sockets and pipes without numbers."""
    links = []
    for link in Path(f"/proc/{pid}/fd").iterdir():
        try:
            links.append(str(link.readlink()).partition(":[")[0])
        except FileNotFoundError:
            continue
    return sorted(links)


def wait_until(holds: Callable[[], bool], what: str, *, patience_s: float = PATIENCE_S) -> None:
    """Looks until it holds. Fails, with `what` was waited for, when its patience is over."""
    end = time.monotonic() + patience_s
    while not holds():
        assert time.monotonic() < end, f"waited in vain until {what}"
