# SPDX-License-Identifier: Apache-2.0
"""How rows depend on each other, what a profile says of it, and what is claimed by that."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from tests.doubles.live_rows import LiveRows, layout_of, profile_of_values

from penstock.drift import DriftStatus
from penstock.errors import ProfileError
from penstock.profile import (
    CategoricalFeature,
    History,
    NumericFeature,
    ReferenceProfile,
    digest_of_profile,
    profile_of,
    read_profile,
)
from penstock.profile.features import BLOCKS_MIN
from penstock_monitoring import profile_of_table
from penstock_monitoring.bound import bound_of
from penstock_monitoring.dependence import Dependence, dependence_of
from penstock_monitoring.monitor import monitors
from penstock_monitoring.reference_table import remarks_of

OLD = Path(__file__).parent / "profiles"
ROWS = 8000


def found_of(values: npt.NDArray[Any]) -> Dependence:
    edges = np.quantile(values, np.arange(1, 32) / 32)
    return dependence_of(np.searchsorted(edges, values), 34, seed=0)


def noise(seed: int, rows: int = ROWS) -> npt.NDArray[np.float64]:
    return np.random.default_rng(seed).normal(size=rows)


def test_independent_rows_vary_as_much_as_they_should() -> None:
    for seed in range(20):
        found = found_of(noise(seed))
        assert found.phi == pytest.approx(1.0, abs=0.1)
        assert (found.block_rows, found.blocks) == (32, 250)


def test_phi_is_an_upper_estimate_of_how_much_more_long_blocks_vary() -> None:
    """A wave of 64 rows each with a value of its own: blocks of 128 vary 64/2 times more or so."""
    phis = []
    for seed in range(10):
        shared = np.repeat(noise(seed, ROWS // 64), 64)
        found = found_of(0.5**0.5 * (shared + noise(seed + 100)))
        phis.append(found.phi or 0.0)
        assert found.blocks >= BLOCKS_MIN
    assert 1 + 0.5 * 63 * 0.85 < np.median(phis) < 2 * (1 + 0.5 * 63)


def test_rows_that_drift_over_all_of_the_reference_cannot_tell() -> None:
    found = found_of(noise(1) + np.linspace(0.0, 2.0, ROWS))
    assert found.blocks < BLOCKS_MIN and found.block_rows * BLOCKS_MIN > ROWS
    assert found.phi is not None and found.phi > 5


def test_few_rows_tell_nothing_and_one_value_varies_no_more() -> None:
    assert found_of(noise(0, 1599)) == Dependence(phi=None, block_rows=32, blocks=49)
    one = dependence_of(np.zeros(1600, dtype=np.int64), 3, seed=0)
    assert (one.phi, one.blocks) == (1.0, 50)


def profile_over(rows: int, drift: float = 0.0) -> ReferenceProfile:
    values = {"x": noise(2, rows) + np.linspace(0.0, drift, rows), "y": noise(3, rows)}
    return profile_of_values(values, is_in_time_order=True)


def status_of(profile: ReferenceProfile, **more: Any) -> DriftStatus:
    given: dict[str, Any] = {
        "model": "m",
        "version": 1,
        "layout": layout_of(profile),
        "profile": profile,
        "is_self_reference": False,
        "settings": LiveRows().settings,
        "saved": None,
    } | more
    return monitors.open(**given).status()


def test_a_bound_is_claimed_of_rows_in_time_order_that_are_enough() -> None:
    status = status_of(profile_over(4000))
    assert status.claims_bound
    assert status.bound == (
        "At most 1 false alarm in 30 days, however rows depend on each other, as far as the "
        "reference's order in time tells."
    )


@pytest.mark.parametrize(
    ("rows", "drift", "names", "wanted"),
    [(1000, 0.0, "x, y", "1,600"), (6400, 3.0, "x", "12,800")],
)
def test_no_bound_is_claimed_of_fewer_than_50_blocks(
    rows: int, drift: float, names: str, wanted: str
) -> None:
    status = status_of(profile_over(rows, drift))
    assert not status.claims_bound
    assert status.bound == (
        f"No bound of false alarms is claimed: how long rows of {names} depend on each other "
        f"cannot be told of {rows:,} rows; make the profile of {wanted} rows or more, over a "
        "longer time."
    )
    assert next(iter(remarks_of(profile_over(rows, drift)))) == status.bound


def test_a_column_that_is_not_watched_takes_no_bound_away() -> None:
    profile = profile_over(6400, 3.0)
    assert bound_of(profile, {"y"}, "At most 1").is_claimed
    assert not bound_of(profile, {"x", "y"}, "At most 1").is_claimed


def test_without_an_order_in_time_it_is_said_that_rows_are_taken_as_independent() -> None:
    rows = LiveRows()
    told = status_of(rows.profile)
    assert told.claims_bound
    assert told.bound == (
        "At most 1 false alarm in 30 days, if rows do not depend on each other: the reference has "
        "no order in time to tell."
    )
    own = status_of(rows.profile, is_self_reference=True).bound
    assert own.endswith("the first live rows do not tell.")
    few = status_of(
        rows.profile, settings=rows.settings.model_copy(update={"false_alarms_per_30_days": 0.5})
    )
    assert few.bound.startswith("At most 0.5 false alarms in 30 days, if")


def test_only_rows_in_time_order_have_a_history_and_format_3() -> None:
    table = pd.DataFrame({"x": noise(4, 1600), "at": np.arange(1600.0)})
    ordered = profile_of_table(table, time="at")
    feature = ordered.features[0]
    assert isinstance(feature, NumericFeature)
    assert (ordered.format, feature.history) == (3, History(block_rows=32, blocks=50))
    plain = profile_of_table(table, exclude=["at"])
    assert plain.format == 2 and "history" not in plain.model_dump_json()
    content = ordered.model_dump(mode="json") | {"format": 2}
    content["digest"] = digest_of_profile(content)
    with pytest.raises(ProfileError, match="format 2 has not history: wanted 3"):
        profile_of(content)


@pytest.mark.parametrize("old", [1, 2])
def test_profiles_of_before_are_read_and_watched_as_they_were(old: int) -> None:
    """They were written before there was a history of blocks, of rows in time order."""
    profile = read_profile(OLD / f"format_{old}.json")
    assert profile.format == old
    for feature in profile.features:
        if isinstance(feature, NumericFeature | CategoricalFeature):
            assert feature.history is None and feature.overdispersion is not None
    status = status_of(profile)
    assert status.claims_bound and "the profile is of an older format" in status.bound
