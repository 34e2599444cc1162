# SPDX-License-Identifier: Apache-2.0
"""Outputs that some requests do not ask for: their columns have fewer rows than the version."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from tests.doubles.live_rows import BEGIN, LiveRows, taken_of

from penstock.drift import ColumnDrift, DriftStatus, Taken
from penstock_monitoring.monitor import monitors

TICK_S = 10.0
UNASKED = "z"


def without(taken: Taken, rows: LiveRows, values: dict[str, Any], asked: int) -> Taken:
    """As the core counts rows of which the last ones did not ask for UNASKED."""
    few = {name: value[:asked] for name, value in values.items()}
    fewer = taken_of(rows.layout, few, at=taken.at, since=taken.since)
    (place,) = [n for n, one in enumerate(rows.layout.columns) if one.name == UNASKED]
    begin, end = rows.layout.offsets[place], rows.layout.offsets[place + 1]
    shown, outside, moments = taken.shown.copy(), taken.outside.copy(), taken.moments.copy()
    shown[begin:end] = fewer.shown[begin:end]
    outside[place], moments[place] = fewer.outside[place], fewer.moments[place]
    return replace(taken, shown=shown, tested=shown.copy(), outside=outside, moments=moments)


def status_after(ticks: int, *, share: float, shift: float = 0.0) -> DriftStatus:
    rows = LiveRows()
    monitor = monitors.open(**rows.monitor_arguments())
    at = BEGIN
    for _ in range(ticks):
        values = rows.draw(64, missing=0.01)
        values[UNASKED] = values[UNASKED] + shift
        taken = taken_of(rows.layout, values, at=at + TICK_S, since=at)
        monitor.take(without(taken, rows, values, round(64 * share)))
        at += TICK_S
    return monitor.status()


def column(status: DriftStatus, name: str) -> ColumnDrift:
    return next(one for one in status.columns if one.name == name)


@pytest.mark.parametrize("share", [0.0, 0.25])
def test_rows_and_rates_of_a_column_are_those_that_asked_for_it(share: float) -> None:
    status = status_after(100, share=share)
    asked, other = column(status, UNASKED), column(status, "x")
    assert asked.rows == other.rows * share
    assert other.rows > 3000
    missing = next(one.live for one in asked.rates if one.name == "missing")
    assert missing == pytest.approx(0.01 if share else 0.0, abs=0.01)
    assert status.alarms == ()
    assert asked.state == ("ok" if share else "learning")
    assert np.isfinite(asked.log_e)


def test_what_few_requests_ask_for_drifts_as_any_other_column() -> None:
    status = status_after(200, share=0.25, shift=1.0)
    assert {one.columns for one in status.alarms if one.kind == "drift"} == {(UNASKED,)}
