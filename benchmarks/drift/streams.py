# SPDX-License-Identifier: Apache-2.0
"""Streams of normal numbers that change once."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["BEFORE", "Change", "Streams", "streams_of"]

Floats = npt.NDArray[np.float64]

#: Observations before the change, and 0 to 31 more.
BEFORE = 4096
TICK = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """From N(0, 1) to N(`shift`, `scale`^2); `horizon`: observations after it."""

    shift: float = 0.0
    scale: float = 1.0
    horizon: int = 8192


@dataclass(frozen=True, slots=True, kw_only=True)
class Streams:
    """`values` (n, observations); `changes` (n,): the first one of each that is another."""

    values: Floats
    changes: npt.NDArray[np.int64]


def streams_of(change: Change, n: int, seed: int) -> Streams:
    """n streams. The same arguments give the same ones."""
    random = np.random.default_rng(seed)
    changes = BEFORE + random.integers(0, TICK, n)
    values = random.normal(size=(n, BEFORE + TICK + change.horizon))
    is_after = np.arange(values.shape[1]) >= changes[:, None]
    return Streams(
        values=np.where(is_after, change.shift + change.scale * values, values), changes=changes
    )
