# SPDX-License-Identifier: Apache-2.0
"""How versions stand, as a server could tell, and who tells it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from penstock.drift import Alarm, ColumnDrift, DriftStatus, Effect, HistoryPoint, Rate
from penstock.errors import MonitoringError

PSI = Effect(name="psi", value=0.31, low=0.25, high=0.36)
AGE = ColumnDrift(
    name="age",
    kind="numeric",
    is_output=False,
    state="alarm",
    log_e=18.5,
    log_limit=14.8,
    onset=1_795_000_000.5,
    rows=1200,
    reference_rows=5000,
    against="reference",
    effects=(PSI,),
    rates=(
        Rate(name="missing", live=0.01, reference=0.0),
        Rate(name="below", live=0.2, reference=None),
    ),
    bins=("(-inf, 0.5)", "[0.5, inf)"),
    live=(0.25, 0.75),
    reference=(0.5, 0.5),
    quantiles=(1.0, 2.0, 3.0, 4.0, 5.0),
    smallest_psi=0.02,
    history=(HistoryPoint(begin=1.0, end=2.0, rows=3, psi=0.1, missing=0.0, mean=None),),
)
TOWN = replace(
    AGE,
    name="town",
    kind="categorical",
    state="ok",
    log_e=-math.inf,
    onset=None,
    effects=(),
    unseen=(("Köln", 7),),
    calibrated_limit=10.25,
)
ALARM = Alarm(
    id="fraud-1-1",
    kind="drift",
    columns=("age",),
    raised_at=1_795_000_060.0,
    onset=1_795_000_000.5,
    cleared_at=None,
    log_e=18.5,
    effect=PSI,
    message="age has drifted since 12:00: PSI 0.31 (0.25 to 0.36).",
    reminders=2,
)
DRIFTED = DriftStatus(
    model="fraud",
    version=2,
    reference="profile",
    reference_digest="ab" * 32,
    reference_rows=5000,
    begin=1_795_000_000.0,
    end=1_795_003_600.0,
    rows=1200,
    tested_rows=900,
    dropped_rows=3,
    repeated_rows=1,
    share=1.0,
    ticks=90,
    false_alarms_per_30_days=1.0,
    columns=(AGE, TOWN),
    alarms=(ALARM,),
    notes=("The version has no column income of the profile: not watched.",),
    claims_bound=True,
    bound="At most 1 false alarm in 30 days, if rows do not depend on each other.",
)
SUSPECTED = replace(AGE, state="ok", log_e=12.5, calibrated_limit=10.5, is_suspected=True)
LEARNING = replace(
    DRIFTED, model="new", version=1, reference="learning", columns=(), alarms=(), notes=(),
    claims_bound=False, bound="",
)  # fmt: skip


@dataclass
class ListedDrift:
    """A DriftControl over statuses that a test names; `asked` are the windows."""

    kept: list[DriftStatus] = field(default_factory=lambda: [DRIFTED, LEARNING])
    asked: list[float | None] = field(default_factory=list)

    async def status(
        self, model: str, version: int | None = None, *, window_s: float | None = None
    ) -> DriftStatus:
        self.asked.append(window_s)
        for one in self.kept:
            if one.model == model and version in (None, one.version):
                return one
        raise MonitoringError(f"{model} is not watched.", code="NOT_FOUND")

    def statuses(self) -> Sequence[DriftStatus]:
        return self.kept
