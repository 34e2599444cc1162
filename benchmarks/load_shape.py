# SPDX-License-Identifier: Apache-2.0
"""Loads under which latency is looked at: one request at a time, at a rate, and all that fits."""

from dataclasses import dataclass

__all__ = ["FULL", "LOADS", "Shape"]

FULL = "core full"


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """Of a load; `rate` is that of one connection, 0: a closed loop."""

    connections: int = 8
    streams: int = 16
    rate: int = 0

    def per_second(self, p50_us: float) -> int:
        """Return about how many requests a second there are."""
        return self.connections * (self.rate or int(self.streams * 1e6 / p50_us))


LOADS = {
    "one at a time": Shape(connections=1, streams=1),
    "4000/s": Shape(rate=500),
    FULL: Shape(),
}
