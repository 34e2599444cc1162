# SPDX-License-Identifier: Apache-2.0
"""How often 95 % intervals of effects cover what they are of, from no drift to two deviations."""

from collections.abc import Callable
from itertools import product

import numpy as np
import pytest
from benchmarks.drift.streams import Change
from tests.doubles.moved_rows import Kind, moved

from penstock_monitoring.inversion import size_at

Record = Callable[[str, object], None]

CHANGES = {
    "0": Change(),
    "0.05": Change(shift=0.05),
    "0.1": Change(shift=0.1),
    "0.25": Change(shift=0.25),
    "0.5": Change(shift=0.5),
    "1": Change(shift=1.0),
    "2": Change(shift=2.0),
    "x 1.3": Change(scale=1.3),
    "x 2": Change(scale=2.0),
}


def fewest(wanted: float, repeats: int) -> float:
    """What is reached in all but 1 of 1000 runs where `wanted` is true."""
    return wanted - 3.1 * float(np.sqrt(wanted * (1 - wanted) / repeats))


@pytest.mark.parametrize("change", ["0", "0.1", "1", "x 2"])
@pytest.mark.parametrize(
    ("kind", "n", "m", "dispersion"),
    [
        ("normal", 1000, 300, 1),
        ("normal", 10_000, 100_000, 4),
        ("exponential", 200, 2000, 1),
        ("50 categories", 1000, 2000, 1),
    ],
)
def test_intervals_cover_what_they_are_of(
    change: str, kind: Kind, n: int, m: int, dispersion: int
) -> None:
    repeats = 300
    drawn = moved(kind, CHANGES[change], n=n, m=m, repeats=repeats, dispersion=dispersion, seed=n)
    for name, (above, below) in drawn.misses().items():
        assert 1 - above - below >= fewest(0.93, repeats), name
        assert above <= 1 - fewest(0.93, repeats), name


def test_an_end_is_the_size_that_it_is_sought_by() -> None:
    """Of gamma variables of mean 1 + u and variance u: what is found is 1.96 off at the end."""
    found = np.array([0.5, 1.5, 3.0, 50.0, 4000.0])

    def moments(size: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return 1 + size, size + 0.1

    for score in (-1.96, 1.96):
        means, variances = moments(size_at(found, moments, score))
        spread = variances / (9 * means**2)
        off = (np.cbrt(found / means) - 1 + spread) / spread**0.5
        is_inside = size_at(found, moments, score) > 0
        assert off[is_inside] == pytest.approx(score, abs=0.01)
        assert is_inside.sum() >= 3


@pytest.mark.slow
@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize(
    ("kind", "dispersion"),
    [
        ("normal", 1),
        ("normal", 4),
        ("exponential", 1),
        ("2 categories", 1),
        ("50 categories", 1),
    ],
)
def test_intervals_cover_what_they_are_of_however_many_rows_there_are(
    change: str, kind: Kind, dispersion: int, record_property: Record
) -> None:
    """The least coverage over n of 200 to a million and m of 300 to 100,000, and all of them's."""
    repeats = 1000
    found: dict[str, list[float]] = {}
    for n, m in product((200, 1000, 10_000, 1_000_000), (300, 2000, 100_000)):
        drawn = moved(
            kind, CHANGES[change], n=n, m=m, repeats=repeats, dispersion=dispersion, seed=n + m
        )
        for name, (above, below) in drawn.misses().items():
            found.setdefault(name, []).append(1 - above - below)
    for effect, covered in found.items():
        record_property(f"{effect}_least", min(covered))
        record_property(f"{effect}_mean", float(np.mean(covered)))
        assert min(covered) >= fewest(0.93, repeats), effect
