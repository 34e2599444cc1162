# SPDX-License-Identifier: Apache-2.0
"""How far evidence without drift stays below the bound, and what displays make of it."""

import numpy as np
import numpy.typing as npt
import pytest
from tests.doubles.live_rows import BEGIN, LiveRows, taken_of

from penstock.drift import DriftStatus, Monitor
from penstock_monitoring.calibration import ticks_to
from penstock_monitoring.margins import TICKS_BETWEEN, Margins, Simulated, margin_of
from penstock_monitoring.monitor import VersionMonitor
from penstock_monitoring.scores import bets_of, scores_of


def equal(bins: int, rows: int) -> npt.NDArray[np.int64]:
    """Counts of bins with as many rows each, and no special values."""
    return np.concatenate([np.full(bins, rows // bins), [0, 0]]).astype(np.int64)


def margins_of(columns: list[npt.NDArray[np.int64]], simulated: Simulated) -> Margins:
    return Margins(columns, ["number"] * len(columns), 0.02, simulated)


def simulate(margins: Margins, columns: int) -> None:
    for _ in range(10 * columns):
        margins.step()


def test_rows_of_the_reference_reach_the_calibrated_limit_as_rarely_as_is_said() -> None:
    counts = equal(8, 3200)
    limit = np.log(TICKS_BETWEEN) - margin_of(counts, "number", 0.02)
    bets = bets_of(scores_of(counts, "number", 0.02))
    (waited,) = ticks_to(
        np.array([limit]),
        counts / counts.sum(),
        bets,
        tick_rows=32,
        ticks=400,
        streams=500,
        seed=99,
    )
    # About a hundred streams reach it, each by chance; the reference's own error makes it rarer.
    assert 0.6 * TICKS_BETWEEN < waited < 2.5 * TICKS_BETWEEN


def test_larger_references_have_narrower_margins() -> None:
    small, large = (margin_of(equal(8, rows), "number", 0.02) for rows in (200, 50_000))
    assert 1 < large < small < np.log(TICKS_BETWEEN) + 4


def test_columns_that_are_alike_are_simulated_once() -> None:
    simulated: Simulated = {}
    other = equal(8, 3200)
    other[0] += 3
    margins = margins_of([equal(8, 3200), other, equal(4, 3200)], simulated)
    assert margins.of(0) is None
    simulate(margins, 2)
    assert len(simulated) == 2
    assert margins.of(0) == margins.of(1) != margins.of(2) is not None
    again = margins_of([equal(8, 3200)], simulated)
    assert again.of(0) == margins.of(0)


def test_a_column_without_a_reference_has_none() -> None:
    margins = margins_of([np.zeros(4, dtype=np.int64)], {})
    simulate(margins, 1)
    assert margins.of(0) is None


def test_what_is_known_is_learnt_again() -> None:
    margins = margins_of([equal(4, 3200), equal(8, 3200)], {})
    for _ in range(5):
        margins.step()
    known = margins.known()
    assert np.isnan(known).tolist() in ([True, False], [False, True])
    again = margins_of([equal(4, 3200), equal(8, 3200)], {})
    again.learn(known)
    np.testing.assert_array_equal(again.known(), known)


def opened(rows: LiveRows, saved: bytes | None = None) -> Monitor:
    return VersionMonitor(**rows.monitor_arguments(saved))


@pytest.fixture(scope="module")
def suspicious() -> tuple[LiveRows, Monitor, DriftStatus]:
    """A monitor of x that has moved by 0.15 deviations, as soon as one is suspected."""
    rows = LiveRows()
    monitor = opened(rows)
    for tick in range(400):
        at = BEGIN + 10.0 * tick
        drawn = rows.draw(64, shift=0.15 if tick > 30 else 0.0)
        monitor.take(taken_of(rows.layout, drawn, at=at + 10, since=at, samples=False))
        if tick > 30 and any(one.is_suspected for one in monitor.status().columns):
            return rows, monitor, monitor.status()
    raise AssertionError("nothing is suspected")


def test_a_column_is_suspected_before_there_is_an_alarm(
    suspicious: tuple[LiveRows, Monitor, DriftStatus],
) -> None:
    status = suspicious[2]
    x, z = status.columns[:2]
    assert x.is_suspected and x.calibrated_limit is not None
    assert x.calibrated_limit <= x.log_e < x.log_limit
    assert status.alarms == () and not z.is_suspected


def test_a_restart_knows_the_limits_already(
    suspicious: tuple[LiveRows, Monitor, DriftStatus],
) -> None:
    rows, monitor, status = suspicious
    again = opened(rows, monitor.save()).status()
    limits = [one.calibrated_limit for one in again.columns]
    assert limits == [one.calibrated_limit for one in status.columns]
    assert again.columns[0].is_suspected
