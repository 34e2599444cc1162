# SPDX-License-Identifier: Apache-2.0
"""Alarms: columns that began to differ together are one, and one message."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any

from penstock.drift import Alarm, Effect

__all__ = ["REMIND_S", "Episode", "Episodes", "utc"]

#: An alarm that goes on is told of again each time that so long has passed.
REMIND_S = 86_400.0
#: Past alarms that are kept.
_PAST_MAX = 100
_NAMED_MAX = 3


@dataclass(slots=True, kw_only=True)
class Episode:
    """One alarm as it goes on. `going`: the columns that it goes on for."""

    id: str
    kind: str
    #: "reference", "last week", or "rule": of data quality.
    against: str
    columns: list[str]
    going: list[str]
    raised_at: float
    onset: float
    log_e: float
    effect: Effect | None
    said: str
    cleared_at: float | None = None
    #: How often it was told of again, and when last.
    reminders: int = 0
    reminded_at: float | None = None

    def alarm(self) -> Alarm:
        """As it is told."""
        return Alarm(
            id=self.id,
            kind=self.kind,
            columns=tuple(self.columns),
            raised_at=self.raised_at,
            onset=self.onset,
            cleared_at=self.cleared_at,
            log_e=self.log_e,
            effect=self.effect,
            message=self._message(),
            reminders=self.reminders,
        )

    def join(self, other: "Episode") -> None:
        """Takes the columns of an alarm that began together with it; what differs most first."""
        self.going += [name for name in other.going if name not in self.going]
        first, then = self.columns, other.columns
        if _size(other.effect) > _size(self.effect):
            first, then, self.effect = then, first, other.effect
        self.columns = [*first, *(name for name in then if name not in first)]
        self.log_e = max(self.log_e, other.log_e)

    def remind(self, at: float) -> bool:
        """Tells of it again if it goes on and was not told of for a day.

        Once, however long ago that was.
        """
        told_at = self.raised_at if self.reminded_at is None else self.reminded_at
        if self.cleared_at is not None or at - told_at < REMIND_S:
            return False
        self.reminders += 1
        self.reminded_at = at
        return True

    def _message(self) -> str:
        names = ", ".join(self.columns[:_NAMED_MAX])
        more = len(self.columns) - _NAMED_MAX
        who = f"{names} and {more} more" if more > 0 else names or "the model"
        size = ""
        if self.effect is not None:
            name = {"psi": "PSI", "wasserstein": "W1"}.get(self.effect.name, self.effect.name)
            effect = self.effect
            most = "up to " if len(self.columns) > 1 else ""
            size = f", {most}{name} {effect.value:.2g} ({effect.low:.2g} to {effect.high:.2g})"
        end = "" if self.cleared_at is None else f" until {utc(self.cleared_at)}"
        return f"{who}: {self.said} since {utc(self.onset)}{end}{size}."


@dataclass(slots=True)
class Episodes:
    """Those that go on and past ones, the oldest first."""

    all: list[Episode] = field(default_factory=list)
    #: How many there ever were.
    count: int = 0

    def raise_one(self, episode: Episode, together_s: float) -> bool:
        """Adds an alarm, or its columns to one that began within `together_s` of it.

        False: that goes on for all of these columns already.
        """
        for other in self.all:
            if (
                other.cleared_at is None
                and (other.kind, other.against) == (episode.kind, episode.against)
                and abs(other.onset - episode.onset) <= together_s
            ):
                new = [name for name in episode.columns if name not in other.going]
                if new:
                    other.join(episode)
                return bool(new)
        self.count += 1
        self.all.append(episode)
        past = [other for other in self.all if other.cleared_at is not None]
        for other in past[: len(past) - _PAST_MAX]:
            self.all.remove(other)
        return True

    def clear(self, column: str, at: float, *, of: Sequence[str], kind: str = "") -> bool:
        """Ends what goes on for a column; True: an alarm is over with it.

        `of`: what those are against. `kind`: only of that one.
        """
        is_over = False
        for episode in self.all:
            is_meant = episode.against in of and kind in ("", episode.kind)
            if episode.cleared_at is None and is_meant and column in episode.going:
                episode.going.remove(column)
                if not episode.going:
                    episode.cleared_at = at
                    is_over = True
        return is_over

    def remind(self, at: float) -> bool:
        """Tells again of those that go on and that nobody was told of for a day; True: of one."""
        return any([episode.remind(at) for episode in self.all])

    def going(self, of: Sequence[str]) -> set[tuple[str, str]]:
        """Kinds of alarms against some things, and the columns that they go on for."""
        return {
            (episode.kind, name)
            for episode in self.all
            if episode.cleared_at is None and episode.against in of
            for name in episode.going
        }

    def alarms(self) -> tuple[Alarm, ...]:
        """Those that go on, then past ones; the newest first."""
        ordered = sorted(self.all, key=lambda one: (one.cleared_at is None, one.raised_at))
        return tuple(episode.alarm() for episode in reversed(ordered))

    def content(self) -> list[dict[str, Any]]:
        """What of_content() makes them of."""
        return [asdict(episode) for episode in self.all]

    @classmethod
    def of_content(cls, content: Sequence[dict[str, Any]], count: int) -> "Episodes":
        """What content() gave."""
        found = []
        for one in content:
            effect = None if one["effect"] is None else Effect(**one["effect"])
            found.append(Episode(**{**one, "effect": effect}))
        return cls(all=found, count=count)


def _size(effect: Effect | None) -> float:
    """Lower ends of PSI and of W1 are held against one limit."""
    return -1.0 if effect is None else effect.low


def utc(at: float) -> str:
    """A time as people read it."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
