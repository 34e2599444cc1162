# SPDX-License-Identifier: Apache-2.0
"""Effects and their intervals: what chance makes of them, and what they are of a known shift."""

import numpy as np
import pytest

from penstock.drift import WatchedColumn
from penstock.profile import number_places
from penstock_monitoring.edges import bins_of, quantile_edges
from penstock_monitoring.effects import Pair, compare, level_of, smallest_psi


def normal_pair(random: np.random.Generator, m: int, n: int, *, shift: float = 0.0) -> Pair:
    """m reference rows of N(0, 1) and n live ones of N(shift, 1)."""
    reference = random.normal(size=m).astype(np.float32)
    live = random.normal(shift, size=n).astype(np.float32)
    edges = tuple(quantile_edges(reference, bins_of(m)))
    column = WatchedColumn(
        name="x",
        tensor="x",
        reading="number",
        edges=edges,
        minimum=float(reference.min()),
        maximum=float(reference.max()),
    )
    return Pair(
        column=column,
        reference=np.bincount(number_places(reference, edges), minlength=column.places),
        live=np.bincount(number_places(live, edges), minlength=column.places),
    )


@pytest.mark.parametrize("m", [114, 300, 1000])
def test_no_drift_is_hardly_ever_surely_above_the_level_of_a_warning(m: int) -> None:
    random = np.random.default_rng(m)
    found = compare([normal_pair(random, m, 500) for _ in range(300)])
    assert sum(one.low("psi") > 0.05 for one in found) <= 0.025 * 300
    assert {level_of(one) for one in found} <= {"ok", "alarm"}
    assert sum(level_of(one) == "alarm" for one in found) <= 0.025 * 300


def test_psi_without_drift_has_a_mean_near_zero_however_many_rows_there_are() -> None:
    random = np.random.default_rng(1)
    for n in (500, 5000):
        found = compare([normal_pair(random, 1000, n) for _ in range(200)])
        values = [effect.value for one in found if (effect := one.effect("psi"))]
        assert np.mean(values) < 0.01
        assert np.mean(np.array(values) > 0.1) <= 0.01


def test_effects_of_half_a_deviation_are_what_theory_says() -> None:
    random = np.random.default_rng(2)
    found = compare([normal_pair(random, 5000, 5000, shift=0.5) for _ in range(50)])
    wanted = {"psi": 0.25, "js": 0.0311, "ks": 0.1974, "wasserstein": 0.5 / 1.349, "tv": 0.1974}
    for name, value in wanted.items():
        means = np.mean([one.effect(name).value for one in found])  # type: ignore[arg-type, union-attr]
        assert means == pytest.approx(value, rel=0.06), name
    assert {level_of(one) for one in found} == {"alarm"}


def test_the_interval_covers_a_true_shift() -> None:
    random = np.random.default_rng(3)
    found = compare([normal_pair(random, 5000, 2000, shift=0.25) for _ in range(200)])
    psi = [effect for one in found if (effect := one.effect("psi"))]
    assert np.mean([effect.low <= 0.0625 <= effect.high for effect in psi]) > 0.85


def test_rows_that_come_in_clumps_have_wider_intervals() -> None:
    pair = normal_pair(np.random.default_rng(4), 5000, 2000, shift=0.5)
    clumped = Pair(column=pair.column, reference=pair.reference, live=pair.live, dispersion=8.0)
    plain, wide = compare([pair])[0], compare([clumped])[0]
    assert wide.low("psi") < plain.low("psi")
    assert wide.smallest_psi > plain.smallest_psi


def test_a_missing_rate_that_the_reference_has_not_is_a_bin_of_its_own() -> None:
    pair = normal_pair(np.random.default_rng(5), 2000, 2000)
    live = pair.live.copy()
    live[-2] = 400
    found = compare([Pair(column=pair.column, reference=pair.reference, live=live)])[0]
    assert found.bins[-1] == "missing"
    assert found.live[-1] == pytest.approx(400 / 2400)
    assert level_of(found) == "alarm"


def test_categories_are_compared_by_name_and_rare_ones_together() -> None:
    column = WatchedColumn(
        name="city", tensor="city", reading="category", categories=("a", "b", "c", "d")
    )
    reference = np.array([600, 380, 12, 8, 0, 0])
    found = compare([Pair(column=column, reference=reference, live=reference)])[0]
    assert found.bins == ("a", "b", "other")
    assert [effect.name for effect in found.effects] == ["psi", "js", "tv"]
    moved = compare([Pair(column=column, reference=reference, live=reference[::-1].copy())])[0]
    assert level_of(moved) == "alarm"


@pytest.mark.parametrize("live", [0, 1, 5])
def test_next_to_no_rows_say_nothing(live: int) -> None:
    pair = normal_pair(np.random.default_rng(6), 1000, live, shift=9.0)
    found = compare([pair])[0]
    assert level_of(found) == "ok"
    assert found.rows == live
    assert len(found.bins) == len(found.live) == len(found.reference)


def test_a_constant_reference_is_compared_too() -> None:
    reference = np.full(1000, 3.0, dtype=np.float32)
    edges = tuple(quantile_edges(reference, 64))
    column = WatchedColumn(
        name="x", tensor="x", reading="number", edges=edges, minimum=3.0, maximum=3.0
    )
    counts = np.bincount(number_places(reference, edges), minlength=column.places)
    other = np.bincount(number_places([4.0] * 500, edges), minlength=column.places)
    same = compare([Pair(column=column, reference=counts, live=counts)])[0]
    assert level_of(same) == "ok"
    assert compare([Pair(column=column, reference=counts, live=other)])[0].rows == 500


def test_the_smallest_psi_is_what_noncentral_chi_square_says() -> None:
    # scipy: brentq of ncx2.sf(chi2.ppf(.95, k), k, x) - .8.
    for bins, exact in ((2, 7.85), (6, 12.83), (11, 16.24), (20, 20.56)):
        assert smallest_psi(bins, 1000, 1000) == pytest.approx(exact * 0.002, rel=0.05)
    assert smallest_psi(20, 0, 1000) == float("inf")
