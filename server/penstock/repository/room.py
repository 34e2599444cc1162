# SPDX-License-Identifier: Apache-2.0
"""Which loaded versions must make room in memory for another. A pure function.

What a version needs is known by estimate: the growth of the process while it was loaded, and
before it ever was, the size of its files. Memory that it takes later, for large batches say, is
not counted.
"""

from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["Tenant", "victims"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tenant:
    """A loaded version. `is_busy`: it has calls under way, or is being loaded or unloaded.

    `used_ms` is when it was last used, or else loaded.
    """

    model: str
    version: int
    memory_bytes: int
    used_ms: int = 0
    is_busy: bool = False


def victims(tenants: Sequence[Tenant], *, wanted_bytes: int, budget: int) -> list[Tenant] | None:
    """Those of `tenants` to unload so that `wanted_bytes` more fit into `budget`, oldest use first.

    None if it does not fit even without all that are not busy.
    """
    over = sum(one.memory_bytes for one in tenants) + wanted_bytes - budget
    chosen: list[Tenant] = []
    for one in sorted(tenants, key=lambda one: (one.used_ms, one.model, one.version)):
        if over <= 0:
            break
        if not one.is_busy:
            chosen.append(one)
            over -= one.memory_bytes
    return chosen if over <= 0 else None
