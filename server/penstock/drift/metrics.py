# SPDX-License-Identifier: Apache-2.0
"""Monitoring in Prometheus' text format. Counters begin at nothing with each load of a version.

Columns are labels, and so are bounded: of each version the first METRIC_COLUMNS_MAX. What stands in
columns never is one.
"""

import asyncio
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol, get_args

from penstock.drift.judge import Judge
from penstock.drift.status import ColumnDrift, ColumnState
from penstock.drift.watched import Watched
from penstock.rollout.metric_families import COUNTER, GAUGE, Labels, Sample, family_text
from penstock.rollout.metric_page import ControlPage

__all__ = ["FAMILIES", "METRIC_COLUMNS_MAX", "DriftMetrics", "drift_metrics_text"]

#: Columns of one version that have metrics of their own.
METRIC_COLUMNS_MAX = 100

#: Family -> its type and its help. All of them are told, with or without samples.
FAMILIES: Mapping[str, tuple[str, str]] = {
    "reference": (GAUGE, "1 for what rows are held against, 0 for what they are not."),
    "columns": (GAUGE, "Columns in each state."),
    "alarms_ongoing": (GAUGE, "Alarms that go on, by kind."),
    "alarms_total": (COUNTER, "Alarms that were raised, by kind."),
    "column_state": (GAUGE, "Of a column: 0 ok, 1 warn, 2 alarm, -1 learning."),
    "log_e": (GAUGE, "Natural logarithm of the evidence that a column has drifted."),
    "log_limit": (GAUGE, "Where that evidence raises an alarm by itself."),
    "calibrated_limit": (
        GAUGE,
        "For displays alone: from where on evidence is suspicious, by simulation of the reference.",
    ),
    "psi": (GAUGE, "PSI of a column in its window, less what chance makes of it."),
    "missing_ratio": (GAUGE, "Share of a column's rows without a value, 0 to 1."),
    "requests_total": (COUNTER, "Requests that were looked at."),
    "rows_total": (COUNTER, "Rows that were counted."),
    "tested_rows_total": (COUNTER, "Rows that evidence is made of."),
    "dropped_rows_total": (COUNTER, "Rows that were answered and not counted, by reason."),
    "unsampled_rows_total": (COUNTER, "Rows of requests that are not looked at."),
    "capped_rows_total": (COUNTER, "Rows beyond what one sticky key may bring."),
    "repeated_rows_total": (COUNTER, "Rows that were equal to an earlier one."),
    "unfit_rows_total": (COUNTER, "Rows of which a tensor had too few elements."),
    "ticks_total": (COUNTER, "Ticks, after each of which an alarm may be raised."),
    "failures": (GAUGE, "Failures of the monitor since it last answered."),
    "counts_bytes": (GAUGE, "Memory of a version's counts."),
    "rings_bytes": (GAUGE, "Memory of the copies of rows that wait to be counted."),
    "process_bytes": (GAUGE, "Memory of the process of the monitors."),
    "process_restarts_total": (COUNTER, "How often that process was started again."),
}
STATES: Mapping[ColumnState, int] = {"ok": 0, "warn": 1, "alarm": 2, "learning": -1}
#: Of Totals, those without further labels.
COUNTED = (
    "requests", "rows", "tested_rows", "unsampled_rows", "capped_rows", "repeated_rows",
    "unfit_rows", "ticks",
)  # fmt: skip
REFERENCES = ("profile", "self", "learning")


class Monitoring(Protocol):
    """What is asked of a DriftController, on its own event loop."""

    @property
    def watched(self) -> Sequence[Watched]:
        """All versions."""

    @property
    def judge(self) -> Judge | None:
        """The process of the monitors."""

    @property
    def ring_bytes(self) -> int:
        """Memory of the core's rings."""


class DriftMetrics:
    """Made on the control thread, whose loop is asked; `text` is for any other thread."""

    def __init__(self, monitoring: Monitoring, loop: asyncio.AbstractEventLoop) -> None:
        self._monitoring = monitoring
        self._page = ControlPage(self._look, loop, empty=_text({}))

    def text(self) -> str:
        """All families. While the control thread is busy or has ended, those told before."""
        return self._page.text()

    def _look(self) -> str:
        return drift_metrics_text(self._monitoring)


def drift_metrics_text(monitoring: Monitoring) -> str:
    """All families."""
    samples: dict[str, list[Sample]] = {}
    for watched in monitoring.watched:
        version = (("model", watched.model), ("version", str(watched.version)))
        for name, labels, value in _samples(watched):
            samples.setdefault(name, []).append(((*version, *labels), value))
    samples["rings_bytes"] = [((), monitoring.ring_bytes)]
    if (judge := monitoring.judge) is not None:
        samples["process_bytes"] = [((), judge.memory_bytes)]
        samples["process_restarts_total"] = [((), judge.restarts)]
    return _text(samples)


def _text(samples: Mapping[str, Sequence[Sample]]) -> str:
    return "".join(
        family_text(f"penstock_drift_{name}", *FAMILIES[name], samples.get(name, ()))
        for name in FAMILIES
    )


def _samples(watched: Watched) -> Iterator[tuple[str, Labels, float]]:
    totals, status = watched.totals, watched.status
    for one in REFERENCES:
        yield "reference", (("reference", one),), one == watched.reference
    columns = status.columns if status is not None else ()
    counted = Counter(one.state for one in columns)
    for state in get_args(ColumnState):
        yield "columns", (("state", state),), counted[state]
    for kind, raised in sorted(watched.alarms_raised.items()):
        yield "alarms_total", (("kind", kind),), raised
    ongoing = Counter(one.kind for one in watched.alarms.values() if one.cleared_at is None)
    for kind in sorted({*ongoing, *watched.alarms_raised, "drift"}):
        yield "alarms_ongoing", (("kind", kind),), ongoing[kind]
    for column in columns[:METRIC_COLUMNS_MAX]:
        yield from _column_samples(column)
    for name in COUNTED:
        yield f"{name}_total", (), getattr(totals, name)
    for reason, rows in totals.dropped_by.items():
        yield "dropped_rows_total", (("reason", reason),), rows
    yield "failures", (), watched.failures
    yield "counts_bytes", (), watched.watch.memory_bytes


def _column_samples(column: ColumnDrift) -> Iterator[tuple[str, Labels, float]]:
    labels = (("column", column.name), ("side", "output" if column.is_output else "input"))
    yield "column_state", labels, STATES[column.state]
    yield "log_e", labels, column.log_e
    yield "log_limit", labels, column.log_limit
    if column.calibrated_limit is not None:
        yield "calibrated_limit", labels, column.calibrated_limit
    for effect in column.effects:
        if effect.name == "psi":
            yield "psi", labels, effect.value
    for rate in column.rates:
        if rate.name == "missing":
            yield "missing_ratio", labels, rate.live
