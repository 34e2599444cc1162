# SPDX-License-Identifier: Apache-2.0
"""When a tick ends. Pure."""

from dataclasses import dataclass

__all__ = ["TICK_ROWS", "Tick"]

#: Rows that are tested in a tick at least.
TICK_ROWS = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Tick:
    """One that goes on: `since` seconds of a clock that nobody sets, `rows` tested so far.

    `keys_since`: since when rows of each sticky key are counted; None: since it began.
    """

    since: float
    rows: int = 0
    keys_since: float | None = None

    def ends(self, now: float, tick_s: float) -> bool:
        """Whether what is taken now is the last of it."""
        return self.rows >= TICK_ROWS and now - self.since >= tick_s

    def forgets_keys(self, now: float, tick_s: float) -> bool:
        """Whether each sticky key may bring rows again, for a tick of few keys would never end."""
        since = self.since if self.keys_since is None else self.keys_since
        return now - since >= tick_s

    def after(self, rows: int, now: float, *, has_ended: bool, has_forgotten: bool) -> "Tick":
        """Once `rows` tested rows were taken."""
        if has_ended:
            return Tick(since=now)
        keys_since = now if has_forgotten else self.keys_since
        return Tick(since=self.since, rows=self.rows + rows, keys_since=keys_since)
