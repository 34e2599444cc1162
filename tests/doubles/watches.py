# SPDX-License-Identifier: Apache-2.0
"""The core's counting and a monitor, as scripted values: what a test wants counted, and judged."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from penstock.drift import (
    Alarm,
    ColumnDrift,
    DriftStatus,
    Layout,
    MonitoringSettings,
    Sample,
    Taken,
)
from penstock.drift.codec import short_status
from penstock.drift.monitor import Monitor
from penstock.drift.ports import Unserved
from penstock.errors import EngineError
from penstock.profile import ReferenceProfile, profile_of
from penstock.profile.read import digest_of_profile


@dataclass
class SetClock:
    """Both clocks, as a test sets them."""

    now_s: float = 1000.0
    wall_s: float = 1_795_000_000.0

    def monotonic_s(self) -> float:
        return self.now_s

    def wall_ms(self) -> int:
        return round(self.wall_s * 1000)

    def pass_s(self, seconds: float) -> None:
        self.now_s += seconds
        self.wall_s += seconds


@dataclass
class ScriptedWatch:
    """A Watch: a test says by `rows` how many were answered since the last take, all at place 0."""

    layout: Layout
    share: float
    sample_rows: int
    memory_bytes: int = 4096
    rows: int = 0
    since: float = 0.0
    has_ended: bool = False
    keys_forgotten: int = 0
    taken: list[Taken] = field(default_factory=list)

    def take(self, now: float, *, ends_tick: bool, forgets_keys: bool = False) -> Taken:
        if self.has_ended:
            raise EngineError("The engine has stopped.", code="UNAVAILABLE")
        offsets = self.layout.offsets
        counts = np.zeros(offsets[-1], np.uint32)
        counts[list(offsets[:-1])] = self.rows
        columns = len(self.layout.columns)
        self.keys_forgotten += ends_tick or forgets_keys
        taken = Taken(
            at=now,
            since=self.since,
            shown=counts,
            tested=counts.copy(),
            outside=np.zeros((columns, 2), np.uint32),
            moments=np.zeros((columns, 4)),
            requests=self.rows,
            rows=self.rows,
            tested_rows=self.rows,
            dropped_rows=0,
            repeated_rows=0,
            capped_rows=0,
            share=self.share,
            ends_tick=ends_tick,
            sample=self._sample(min(self.rows, self.sample_rows)),
        )
        self.rows, self.since = 0, now
        self.taken.append(taken)
        return taken

    def _sample(self, rows: int) -> Sample | None:
        if not self.sample_rows:
            return None
        texts: dict[int, Sequence[str | int]] = {
            place: ("a",) * rows
            for place, column in enumerate(self.layout.columns)
            if column.reading == "category"
        }
        return Sample(numbers=np.zeros((rows, len(self.layout.columns)), np.float32), texts=texts)

    def keep_sample(self, rows: int) -> None:
        self.sample_rows = rows


@dataclass
class ScriptedWatches:
    """The core's: `refuses` is what open() raises."""

    open_now: dict[tuple[str, int], ScriptedWatch] = field(default_factory=dict)
    refuses: EngineError | None = None
    ring_bytes: int = 1 << 20

    def open(
        self,
        model: str,
        version: int,
        layout: Layout,
        *,
        now: float,
        share: float,
        sample_rows: int,
        unserved: Unserved | None = None,
    ) -> ScriptedWatch:
        if self.refuses is not None:
            raise self.refuses
        made = ScriptedWatch(layout=layout, share=share, sample_rows=sample_rows, since=now)
        self.open_now[model, version] = made
        return made


class CountingMonitor:
    """A Monitor that counts rows, and raises an alarm about a tick of 1000 rows or more, and about
    17 rows at once.
    """

    def __init__(self, status: DriftStatus, saved: bytes | None) -> None:
        told = json.loads(saved) if saved else {"rows": 0, "ticks": 0, "alarms": 0}
        self._status = status
        self._rows: int = told["rows"]
        self._ticks: int = told["ticks"]
        self._alarms: int = told["alarms"]
        self._tick_rows = 0
        self._at = 0.0

    def take(self, taken: Taken) -> bool:
        if taken.rows == 13:
            raise ZeroDivisionError("thirteen rows")
        self._rows += taken.rows
        self._tick_rows += taken.rows
        self._at = taken.at
        self._alarms += taken.rows == 17
        if not taken.ends_tick:
            return taken.rows == 17
        rows, self._tick_rows = self._tick_rows, 0
        self._ticks += 1
        self._alarms += rows >= 1000
        return rows >= 1000

    def status(self, *, window_s: float | None = None, is_short: bool = False) -> DriftStatus:
        alarms = [
            Alarm(
                id=f"{self._status.model}-{number}",
                kind="drift",
                columns=tuple(one.name for one in self._status.columns[:1]),
                raised_at=self._at,
                onset=self._at,
                cleared_at=None,
                log_e=20.0,
                effect=None,
                message="Many rows came.",
            )
            for number in range(self._alarms)
        ]
        found = replace(
            self._status,
            rows=self._rows,
            ticks=self._ticks,
            end=window_s or 0.0,
            alarms=tuple(alarms),
        )
        return short_status(found) if is_short else found

    def save(self) -> bytes:
        told = {"rows": self._rows, "ticks": self._ticks, "alarms": self._alarms}
        return json.dumps(told).encode()


class CountingMonitors:
    """`Monitors` of these."""

    def open(
        self,
        *,
        model: str,
        version: int,
        layout: Layout,
        profile: ReferenceProfile,
        is_self_reference: bool,
        settings: MonitoringSettings,
        saved: bytes | None,
    ) -> Monitor:
        columns = tuple(
            ColumnDrift(
                name=one.name,
                kind="numeric",
                is_output=one.is_output,
                state="ok",
                log_e=0.0,
                log_limit=15.0,
                onset=None,
                rows=0,
                reference_rows=profile.rows,
                against="reference",
                effects=(),
                rates=(),
                bins=(),
                live=(),
                reference=(),
                quantiles=(),
                smallest_psi=0.1,
            )
            for one in layout.columns
        )
        status = DriftStatus(
            model=model,
            version=version,
            reference="self" if is_self_reference else "profile",
            reference_digest=profile.digest,
            reference_rows=profile.rows,
            begin=0.0,
            end=0.0,
            rows=0,
            tested_rows=0,
            dropped_rows=0,
            repeated_rows=0,
            share=1.0,
            ticks=0,
            false_alarms_per_30_days=settings.false_alarms_per_30_days,
            columns=columns,
            alarms=(),
        )
        return CountingMonitor(status, saved)

    def self_reference(
        self, *, model: str, layout: Layout, samples: Sequence[Sample], sensitive: Sequence[str]
    ) -> ReferenceProfile:
        rows = sum(len(one.numbers) for one in samples)
        names = [
            one.name
            for one in layout.columns
            if one.reading == "number" and one.name not in sensitive
        ]
        return small_profile(model, *names, rows=rows)


def small_profile(model: str, *names: str, rows: int = 100) -> ReferenceProfile:
    """A profile of columns of numbers, with one edge at 0.5."""
    content = {
        "format": 1,
        "model": model,
        "rows": rows,
        "answers": ["prediction"],
        "features": [
            {
                "kind": "numeric",
                "name": name,
                "edges": [0.5],
                "counts": [rows, 0, 0, 0],
                "response": [[0.0], None, None, None],
                "loss": [0.0, None, None, None],
                "importance": None,
                "overdispersion": None,
                "minimum": 0.0,
                "maximum": 0.4,
                "mean": 0.2,
                "variance": 0.01,
            }
            for name in names
        ],
        "target": None,
        "scores": [],
        "metrics": {},
        "thresholds": None,
        "seed": 0,
    }
    return profile_of({**content, "digest": digest_of_profile(content)})


#: What a test puts on PYTHONPATH's entry points.
monitors = CountingMonitors()
