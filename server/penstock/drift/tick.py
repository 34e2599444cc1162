# SPDX-License-Identifier: Apache-2.0
"""When a tick ends. Pure."""

from dataclasses import dataclass

__all__ = ["TICK_ROWS", "Tick"]

#: Rows that are tested in a tick at least.
TICK_ROWS = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Tick:
    """One that goes on: `since` seconds of a clock that nobody sets, `rows` tested so far."""

    since: float
    rows: int = 0

    def ends(self, now: float, tick_s: float) -> bool:
        """Whether what is taken now is the last of it."""
        return self.rows >= TICK_ROWS and now - self.since >= tick_s

    def after(self, rows: int, now: float, *, has_ended: bool) -> "Tick":
        """Once `rows` tested rows were taken."""
        if has_ended:
            return Tick(since=now)
        return Tick(since=self.since, rows=self.rows + rows)
