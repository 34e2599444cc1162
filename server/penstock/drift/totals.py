# SPDX-License-Identifier: Apache-2.0
"""What was counted of a version since it was loaded, and what was not, and why. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields

from penstock.drift.taken import Taken

__all__ = ["Totals"]


@dataclass(slots=True, kw_only=True)
class Totals:
    """Sums of what Taken has under the same names; `ticks` that have ended."""

    requests: int = 0
    rows: int = 0
    tested_rows: int = 0
    dropped_rows: int = 0
    large_rows: int = 0
    replaced_rows: int = 0
    unsampled_rows: int = 0
    repeated_rows: int = 0
    capped_rows: int = 0
    unfit_rows: int = 0
    ticks: int = 0

    def add(self, taken: Taken) -> None:
        """Counts of one more span."""
        for one in fields(self):
            if one.name != "ticks":
                setattr(self, one.name, getattr(self, one.name) + getattr(taken, one.name))
        self.ticks += taken.ends_tick

    @property
    def dropped_by(self) -> Mapping[str, int]:
        """`dropped_rows` by reason."""
        others = self.large_rows + self.replaced_rows
        return {
            "full": self.dropped_rows - others,
            "large": self.large_rows,
            "replaced": self.replaced_rows,
        }

    @property
    def answered_rows(self) -> int:
        """All, whether they are counted or not."""
        return self.rows + self.capped_rows + self.dropped_rows + self.unsampled_rows

    def notes(self) -> Iterator[str]:
        """Sentences about rows that somebody may look for in vain."""
        dropped = self.dropped_by
        left = {
            "of requests that are not looked at": self.unsampled_rows,
            "beyond what one sticky key may bring": self.capped_rows,
            "for want of room": dropped["full"],
            "of requests with more than 2 MiB": dropped["large"],
            "while a reference was made": dropped["replaced"],
        }
        told = ", ".join(f"{rows:,} {why}" for why, rows in left.items() if rows)
        if told:
            since = f"{self.answered_rows:,} rows answered since it was loaded"
            yield f"{self.rows:,} of {since} are counted; not counted are {told}."
        if self.unfit_rows:
            yield (
                f"{self.unfit_rows:,} rows had fewer elements than are looked at: what they lack "
                "is counted as missing."
            )
