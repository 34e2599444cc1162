# SPDX-License-Identifier: Apache-2.0
"""What is claimed of detection, by simulations as long as the claims need.

What they find is kept by `benchmarks.slow_results`.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from benchmarks.drift.ours import (
    bets_for,
    edges_for,
    first_alarms,
    shares_for,
    tick_counts,
)
from benchmarks.drift.streams import Change, streams_of
from scipy import signal, stats
from tests.doubles.live_rows import BEGIN, LiveRows, layout_of, profile_of_values, taken_of

from penstock.drift import WatchedColumn
from penstock.profile import NumericFeature
from penstock.profile.features import BLOCKS_MIN
from penstock_monitoring.calibration import calibrated_limit, ticks_to
from penstock_monitoring.dependence import dependence_of
from penstock_monitoring.detector import Detector
from penstock_monitoring.effects import Pair, compare
from penstock_monitoring.margins import margin_of
from penstock_monitoring.monitor import monitors
from penstock_monitoring.multiplicity import ed_bh
from penstock_monitoring.scores import bets_of, scores_of

pytestmark = pytest.mark.slow

Record = Callable[[str, object], None]
Floats = npt.NDArray[np.float64]
#: 150,000 observations in ticks of 32.
ARL0_TICKS = 4688


def skewed(bins: int, rows: int) -> tuple[npt.NDArray[np.int64], Floats]:
    weights = 1 / np.arange(1, bins + 1)
    counts = np.concatenate([np.round(weights / weights.sum() * rows), [rows // 100, 0]])
    return counts.astype(np.int64), counts / counts.sum()


@pytest.mark.parametrize("tick_rows", [32, 64, 256])
@pytest.mark.parametrize("bins", [16, 32, 64])
@pytest.mark.parametrize("is_skewed", [False, True])
def test_calibrated_thresholds_keep_the_time_between_false_alarms_within_ten_percent(
    tick_rows: int, bins: int, is_skewed: bool, record_property: Record
) -> None:
    """1000 ticks are wanted; thresholds of 5000 streams, tried on 5000 others."""
    wanted = 1000
    shares, bets = shares_for(bins), bets_for(0.0, bins)
    if is_skewed:
        counts, shares = skewed(bins, 32_000_000)
        bets = bets_of(scores_of(counts, "number", 0.0))
    limit = calibrated_limit(shares, bets, tick_rows=tick_rows, ticks=wanted, streams=5000)
    found = ticks_to(
        np.array([limit]), shares, bets, tick_rows=tick_rows, ticks=wanted, streams=5000, seed=1
    )
    record_property("limit", limit)
    record_property("ticks_between_false_alarms", float(found[0]))
    assert abs(found[0] / wanted - 1) <= 0.1
    assert limit < np.log(wanted)


def shifted(shift: float, bins: int = 32) -> Floats:
    """Shares of rows of N(shift, 1) at places of N(0, 1)."""
    below = np.concatenate([[0.0], stats.norm.cdf(edges_for(bins) - shift), [1.0]])
    return np.concatenate([np.diff(below), np.zeros(2)])


def alarms_of(tolerance: float, shift: float, *, streams: int, ticks: int, seed: int) -> int:
    """Of independent streams of ticks of 32 rows, each begun anew at its alarms."""
    shares = shifted(shift)
    random = np.random.default_rng(seed)
    detector = Detector([bets_for(tolerance)] * streams)
    alarms = 0
    for _ in range(ticks):
        detector.update(random.multinomial(32, shares, size=streams).ravel(), 0.0)
        reached = np.flatnonzero(detector.log_e >= np.log(ARL0_TICKS))
        alarms += len(reached)
        detector.restart(reached.tolist())
    return alarms


@pytest.mark.parametrize(
    ("tolerance", "shift"), [(0.02, 0.0), (0.02, 0.0354), (0.05, 0.05), (0.05, 0.0886)]
)
def test_the_bound_holds_without_drift_and_at_the_edge_of_the_tolerance(
    tolerance: float, shift: float, record_property: Record
) -> None:
    """24 million observations each. s deviations move the mean of 2u - 1 by s / 1.77."""
    streams, ticks = 160, ARL0_TICKS
    alarms = alarms_of(tolerance, shift, streams=streams, ticks=ticks, seed=2)
    observations = streams * ticks * 32
    record_property("alarms", alarms)
    record_property("observations", observations)
    # As many as the bound lets, with room for chance (binomial, 99 %).
    assert alarms <= streams + 2.6 * streams**0.5


@pytest.mark.parametrize(("tolerance", "shift"), [(0.02, 0.0), (0.05, 0.05)])
def test_rows_within_the_tolerance_alarm_at_most_once_in_ten_million(
    tolerance: float, shift: float, record_property: Record
) -> None:
    """1000 million observations, at the bound of one alarm in 150,000.

    So many that a rate of one in ten million is told from a half of that.
    """
    streams, ticks = 500, 62_500
    alarms = alarms_of(tolerance, shift, streams=streams, ticks=ticks, seed=10)
    observations = streams * ticks * 32
    record_property("alarms", alarms)
    record_property("observations", observations)
    # The upper end of a Poisson's 99 % interval.
    assert stats.chi2.ppf(0.995, 2 * alarms + 2) / 2 <= observations / 10_000_000


@pytest.mark.parametrize("rows", [2000, 50_000])
@pytest.mark.parametrize("is_skewed", [False, True])
def test_columns_are_suspected_no_more_often_without_drift_than_an_alarm_may_be_false(
    rows: int, is_skewed: bool, record_property: Record
) -> None:
    """Limits for one alarm in 50,000 ticks, which are 25 times those that are simulated.

    96 million observations; each stream's reference is another one of the same rows.
    """
    streams, ticks, between = 300, 10_000, 50_000
    counts = np.concatenate([np.full(32, rows // 32), [0, 0]]).astype(np.int64)
    if is_skewed:
        counts, _ = skewed(32, rows)
    limit = np.log(between) - margin_of(counts, "number", 0.02)
    random = np.random.default_rng(11)
    shares = random.dirichlet(np.maximum(counts, 1e-9), size=streams)
    detector = Detector([bets_of(scores_of(counts, "number", 0.02))] * streams)
    suspected = 0
    for _ in range(ticks):
        detector.update(random.multinomial(32, shares).ravel(), 0.0)
        reached = np.flatnonzero(detector.log_e >= limit)
        suspected += len(reached)
        detector.restart(reached.tolist())
    wanted = streams * ticks / between
    record_property("suspected", suspected)
    record_property("wanted", wanted)
    assert wanted / 10 <= suspected <= wanted + 2.6 * wanted**0.5


@pytest.mark.parametrize(
    ("change", "wanted"),
    [
        (Change(shift=1.0), 55),
        (Change(shift=0.5), 120),
        (Change(shift=0.25), 350),
        (Change(scale=1.3), 300),
    ],
    ids=["1 sd", "0.5 sd", "0.25 sd", "sd x 1.3"],
)
def test_a_change_is_found_as_soon_as_is_claimed(
    change: Change, wanted: float, record_property: Record
) -> None:
    drawn = streams_of(change, 1000, seed=3)
    limits = {
        "calibrated": (
            bets_for(0.0),
            calibrated_limit(
                shares_for(), bets_for(0.0), tick_rows=32, ticks=ARL0_TICKS, streams=1600
            ),
        ),
        "guaranteed .02": (bets_for(0.02), float(np.log(ARL0_TICKS))),
        "guaranteed .05": (bets_for(0.05), float(np.log(ARL0_TICKS))),
    }
    means = {}
    for name, (bets, limit) in limits.items():
        waited = first_alarms(drawn.values, bets, limit) - drawn.changes
        means[name] = float(waited[waited > 0].mean())
        record_property(name, means[name])
    assert means["calibrated"] <= wanted
    assert means["calibrated"] < means["guaranteed .02"] < means["guaranteed .05"]


def test_evidence_of_a_benign_shift_does_not_grow_with_the_number_of_rows(
    record_property: Record,
) -> None:
    """A shift by .02 deviations, 300 streams: how many alarm within 10^4 to 10^7 rows."""
    bets, shares = bets_for(0.02), shifted(0.02)
    random = np.random.default_rng(4)
    for rows in (10_000, 100_000, 1_000_000, 10_000_000):
        # As many ticks each time: of more rows the more there are.
        detector = Detector([bets] * 300)
        alarmed = np.zeros(300, dtype=bool)
        for _ in range(312):
            counts = random.multinomial(rows // 312, shares, size=300)
            detector.update(counts.ravel(), 0.0)
            alarmed |= detector.log_e >= np.log(259_200)
        record_property(f"alarms_{rows}", int(alarmed.sum()))
        assert not alarmed.any()


def normal_pairs(n: int, m: int, repeats: int, seed: int, bins: int) -> list[Pair]:
    random = np.random.default_rng(seed)
    edges = edges_for(bins)
    column = WatchedColumn(
        name="x", tensor="x", reading="number", edges=tuple(edges), minimum=-4.0, maximum=4.0
    )
    size = len(edges) + 3
    found = []
    for _ in range(repeats):
        live, reference = (
            np.bincount(np.searchsorted(edges, random.normal(size=rows)), minlength=size)
            for rows in (n, m)
        )
        found.append(Pair(column=column, reference=reference, live=live))
    return found


def test_effects_without_drift_are_hardly_ever_told_of(record_property: Record) -> None:
    """500 live rows and 1000 of the reference, 30 bins: where plain PSI is above .1 in 29.5 %."""
    repeats = 4000
    found = compare(normal_pairs(500, 1000, repeats, 5, 30))
    psi = np.array([effect.value for one in found if (effect := one.effect("psi"))])
    raw = []
    for pair in normal_pairs(500, 1000, repeats, 5, 30):
        p, q = (np.maximum(side[:30], 0.5) / side.sum() for side in (pair.live, pair.reference))
        raw.append(float(((p - q) * np.log(p / q)).sum()))
    record_property("plain_psi_above_.1", float(np.mean(np.array(raw) > 0.1)))
    record_property("debiased_psi_above_.1", float(np.mean(psi > 0.1)))
    assert np.mean(psi > 0.1) <= 0.01
    assert np.mean(np.array(raw) > 0.1) > 0.2


@pytest.mark.parametrize("m", [114, 300, 1000])
def test_no_more_than_a_fortieth_of_lower_ends_are_above_the_level_without_drift(
    m: int, record_property: Record
) -> None:
    lows = [one.low("psi") for one in compare(normal_pairs(500, m, 4000, m, min(64, m // 10)))]
    record_property("lower_end_above_.05", float(np.mean(np.array(lows) > 0.05)))
    assert np.mean(np.array(lows) > 0.05) <= 0.025


@pytest.mark.parametrize("drifted", [50, 0])
def test_of_500_columns_hardly_any_is_told_of_wrongly(
    drifted: int, record_property: Record
) -> None:
    """Correlated by .5; 50 of them by .25 deviations from tick 50 on: e-d-BH at one false alarm in
    30 days. Found among those in 2000 rows, and the false part, over 20 models.
    """
    columns, models, alpha = 500, 20, 1 / 259_200
    bets, edges = bets_for(0.02), edges_for()
    random = np.random.default_rng(6)
    found, false, worst = [], 0, 0.0
    for _ in range(models):
        detector = Detector([bets] * columns)
        told = np.zeros(columns, dtype=bool)
        power = 0.0
        for tick in range(50 + 2000 // 32):
            shared = random.normal(size=(1, 32))
            values = 0.5**0.5 * (shared + random.normal(size=(columns, 32)))
            if tick >= 50:
                values[:drifted] += 0.25
            detector.update(tick_counts(values, edges).ravel(), 0.0)
            told |= ed_bh(detector.log_e, alpha)
            wrong = int(told[drifted:].sum())
            worst = max(worst, wrong / max(1, int(told.sum())))
        power = float(told[:drifted].mean()) if drifted else 0.0
        found.append(power)
        false += int(told[drifted:].sum())
    record_property("power", float(np.mean(found)))
    record_property("false_columns", false)
    record_property("worst_false_part", worst)
    assert false <= 1
    if drifted:
        assert np.mean(found) >= 0.9


@pytest.mark.parametrize("columns", [100, 500])
def test_a_quiet_month_has_no_more_false_alarms_than_were_asked_for(
    columns: int, record_property: Record
) -> None:
    """259,200 ticks of 32 rows, columns correlated by .5, at one false alarm in 30 days."""
    alpha = 1 / 259_200
    bets, edges = bets_for(0.02), edges_for()
    random = np.random.default_rng(7)
    detector = Detector([bets] * columns)
    alarms = 0
    for _ in range(259_200 // 200):
        shared = random.normal(size=(200, 1, 32))
        values = 0.5**0.5 * (shared + random.normal(size=(200, columns, 32)))
        for tick in values:
            detector.update(tick_counts(tick, edges).ravel(), 0.0)
            told = np.flatnonzero(ed_bh(detector.log_e, alpha))
            alarms += len(told) > 0
            detector.restart(told.tolist())
    record_property("alarms", alarms)
    assert alarms <= 1.1


def test_rows_of_one_request_that_are_alike_break_the_bound_unless_one_is_drawn(
    record_property: Record,
) -> None:
    """Requests of 4 rows that share their value: all rows are tested, or one of each."""
    bets, edges = bets_for(0.02), edges_for()
    random = np.random.default_rng(8)
    alarms: dict[str, int] = {}
    for name, rows in (("all", 4), ("one", 1)):
        detector = Detector([bets] * 400)
        alarms[name] = 0
        for _ in range(ARL0_TICKS // 4):
            values = np.repeat(random.normal(size=(400, 32)), rows, axis=1)
            detector.update(tick_counts(values, edges).ravel(), 0.0)
            reached = np.flatnonzero(detector.log_e >= np.log(ARL0_TICKS))
            alarms[name] += len(reached)
            detector.restart(reached.tolist())
        record_property(f"alarms_{name}", alarms[name])
    assert alarms["one"] <= 400 / 4 + 2.6 * (400 / 4) ** 0.5
    assert alarms["all"] > 10 * max(1, alarms["one"])


@pytest.mark.parametrize("memory", [0.5, 0.9, 0.99])
def test_rows_that_remember_keep_the_bound_by_what_blocks_of_them_tell(
    memory: float, record_property: Record
) -> None:
    """Autoregressive rows: each is `memory` times the one before and chance.

    phi is of 20 references of 100,000 rows; 10 streams of 4688 ticks of 32 rows for each.
    """
    references, of_each = 20, 10
    random = np.random.default_rng(12)
    edges = edges_for()

    def rows(streams: int, size: int) -> Floats:
        drawn = random.normal(size=(streams, size))
        drawn[:, 1:] *= (1 - memory**2) ** 0.5
        return np.asarray(signal.lfilter([1.0], [1.0, -memory], drawn, axis=1))

    found = []
    for values in rows(references, 100_000):
        places = np.searchsorted(edges, values, side="right")
        dependence = dependence_of(places, len(edges) + 3, seed=0)
        scores = scores_of(np.bincount(places, minlength=len(edges) + 3), "number", 0.02)
        found.append((dependence, scores))
    phis = [one.phi or 1.0 for one, _ in found]
    record_property("phi_least", min(phis))
    record_property("phi_most", max(phis))
    record_property("unclaimed", sum(one.blocks < BLOCKS_MIN for one, _ in found))
    streams = references * of_each
    alarms = {}
    for name in ("with_phi", "without"):
        bets = [
            bets_of(scores, phi if name == "with_phi" else 1.0)
            for (_, scores), phi in zip(found, phis, strict=True)
            for _ in range(of_each)
        ]
        detector = Detector(bets)
        alarms[name] = 0
        values = rows(streams, 32)
        for _ in range(ARL0_TICKS):
            detector.update(tick_counts(values, edges).ravel(), 0.0)
            reached = np.flatnonzero(detector.log_e >= np.log(ARL0_TICKS))
            alarms[name] += len(reached)
            detector.restart(reached.tolist())
            fresh = random.normal(size=(streams, 32)) * (1 - memory**2) ** 0.5
            begun = memory * values[:, -1:]
            values = signal.lfilter([1.0], [1.0, -memory], fresh, axis=1, zi=begun)[0]
        record_property(f"alarms_{name}", alarms[name])
    assert alarms["with_phi"] <= streams + 2.6 * streams**0.5 < alarms["without"]


@pytest.mark.parametrize("has_hours", [False, True])
def test_a_quiet_month_that_swings_by_the_hour_of_the_week_raises_no_alarm(
    has_hours: bool, record_property: Record
) -> None:
    """30 days, 200 rows each ten minutes; x swings by a deviation over the day and is .7 lower at
    weekends. With the reference's own hours from the first day on, else after the first week.
    """
    rows = LiveRows()

    def swing(hours: npt.NDArray[np.int64]) -> Floats:
        return np.asarray(np.sin(2 * np.pi * (hours % 24) / 24) - 0.7 * (hours >= 120))

    hours = np.arange(168 * 700) % 168
    values = rows.draw(len(hours))
    values["x"] = values["x"] + swing(hours)
    more: dict[str, Any] = {"hours": hours.astype(np.int64)} if has_hours else {}
    profile = profile_of_values(values, **more)
    layout = layout_of(profile)
    monitor = monitors.open(
        model="m",
        version=1,
        layout=layout,
        profile=profile,
        is_self_reference=False,
        settings=rows.settings,
        saved=None,
    )
    for tick in range(30 * 144):
        at = BEGIN + tick * 600
        drawn = rows.draw(200)
        drawn["x"] = drawn["x"] + swing(np.full(200, tick // 6 % 168))
        monitor.take(taken_of(layout, drawn, at=at + 10, since=at, samples=False))
    alarms = monitor.status().alarms
    late = [alarm for alarm in alarms if alarm.raised_at > BEGIN + 7.1 * 86_400]
    record_property("alarms_of_the_first_week", len(alarms) - len(late))
    record_property("alarms_of_later_weeks", len(late))
    assert late == []
    assert not has_hours or alarms == ()


def test_rows_that_come_in_clumps_keep_the_bound_by_their_overdispersion(
    record_property: Record,
) -> None:
    """Each tick of 32 rows has a mean of its own, N(0, 0.3^2): phi is of 200 ticks of a reference.

    200 streams of 4688 ticks.
    """
    streams = 200
    random = np.random.default_rng(9)
    edges = edges_for()

    def tick(n: int) -> Floats:
        return random.normal(size=(n, 1)) * 0.3 + 0.954 * random.normal(size=(n, 32))

    values = tick(200)
    profile = profile_of_values({"x": values.ravel()}, is_in_time_order=True)
    feature = profile.features[0]
    assert isinstance(feature, NumericFeature) and feature.overdispersion is not None
    phi = feature.overdispersion
    record_property("phi", phi)
    reference = tick_counts(values, edges)
    scores = scores_of(reference.sum(axis=0), "number", 0.02)
    for name, dispersion in (("with_phi", phi), ("without", 1.0)):
        detector = Detector([bets_of(scores, dispersion)] * streams)
        alarms = 0
        for _ in range(ARL0_TICKS):
            detector.update(tick_counts(tick(streams), edges).ravel(), 0.0)
            reached = np.flatnonzero(detector.log_e >= np.log(ARL0_TICKS))
            alarms += len(reached)
            detector.restart(reached.tolist())
        record_property(f"alarms_{name}", alarms)
        is_bounded = alarms <= streams + 2.6 * streams**0.5
        assert is_bounded == (name == "with_phi")
