# SPDX-License-Identifier: Apache-2.0
"""How many columns that a comparison tells of have not drifted, and how many that have it finds."""

from collections.abc import Callable

import numpy as np
import pytest

from penstock_monitoring import compare

COLUMNS, DRIFTED = 50, 10
RATE = 0.05


def told_of(rows: int, reference_rows: int, shift: float, seed: int) -> set[str]:
    """Columns that are told of as alarming, of which the first DRIFTED have moved."""
    draws = np.random.default_rng(seed)

    def table(count: int) -> np.ndarray:
        common = draws.normal(size=(count, 1))
        # Any two columns are correlated by a half.
        return np.asarray((common + draws.normal(size=(count, COLUMNS))) / 2**0.5)

    reference, current = table(reference_rows), table(rows)
    current[:, :DRIFTED] += shift
    status = compare(reference, current, false_discovery_rate=RATE).status
    return {one.name for one in status.columns if one.state == "alarm"}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("rows", "reference_rows", "shift"),
    [(500, 1000, 0.0), (500, 1000, 0.5), (2000, 5000, 0.25), (20_000, 20_000, 0.25)],
)
def test_false_discoveries_are_bounded_and_drift_of_size_is_found(
    rows: int, reference_rows: int, shift: float, record_property: Callable[[str, object], None]
) -> None:
    drifted = {f"f{place}" for place in range(DRIFTED)} if shift else set()
    false, found, any_false = [], [], []
    for seed in range(200):
        told = told_of(rows, reference_rows, shift, seed)
        wrong = len(told - drifted)
        false.append(wrong / max(1, len(told)))
        any_false.append(wrong > 0)
        found.append(len(told & drifted) / DRIFTED if drifted else 1.0)
    figures = {
        "rows": rows,
        "reference_rows": reference_rows,
        "shift_sd": shift,
        "false_discovery_rate": float(np.mean(false)),
        "comparisons_with_a_false_one": float(np.mean(any_false)),
        "power": float(np.mean(found)),
    }
    for name, value in figures.items():
        record_property(name, value)
    assert np.mean(false) <= RATE
    # A quarter of a deviation is a Wasserstein distance of 0.185 interquartile ranges.
    assert np.mean(found) >= (0.9 if rows >= 2000 or shift >= 0.5 else 0.0)
