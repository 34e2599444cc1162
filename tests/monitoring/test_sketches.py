# SPDX-License-Identifier: Apache-2.0
"""Sketches of sampled rows: what they tell, what they keep to themselves, and without them."""

import numpy as np
import pytest
from tests.doubles.live_rows import BEGIN, LiveRows, taken_of

from penstock.drift import Layout, Sample, WatchedColumn
from penstock_monitoring.sketches import RECENT_ROWS, Sketches, datasketches

SHARES = (0.05, 0.5, 0.95)
X, CITY, SECRET = 0, 2, 3


def sample_of(rows: LiveRows, n: int) -> Sample:
    found = taken_of(rows.layout, rows.draw(n), at=BEGIN, since=BEGIN).sample
    assert found is not None
    return found


def test_quantiles_are_those_of_this_hour_and_the_one_before() -> None:
    rows = LiveRows()
    sketches = Sketches(rows.layout, datasketches())
    for hour, shift in enumerate((9.0, 0.0, 0.0)):
        sample = sample_of(rows, 2000)
        sample.numbers[:, X] += shift
        sketches.add(sample, BEGIN + hour * 3600)
    assert sketches.quantiles(X, SHARES) == pytest.approx((-1.64, 0.0, 1.64), abs=0.15)
    sketches.add(sample_of(rows, 50), BEGIN + 9 * 3600)
    assert sketches.quantiles(X, SHARES) == ()  # too few, and the hour before had none


def test_new_categories_are_named_by_how_often_they_come() -> None:
    rows = LiveRows()
    sketches = Sketches(rows.layout, datasketches())
    sample = sample_of(rows, 1000)
    texts = list(sample.texts[CITY])
    texts[:300] = ["east"] * 300
    texts[300:320] = ["nowhere"] * 20
    texts[320] = ""
    sketches.add(Sample(numbers=sample.numbers, texts={CITY: texts}), BEGIN)
    assert sketches.unseen(CITY, 3200) == (("east", 3000), ("nowhere", 200))
    assert sketches.unseen(CITY, 0) == ()
    distinct = sketches.distinct(CITY)
    assert distinct is not None and distinct == pytest.approx(5, abs=0.1)


def test_a_million_categories_take_no_more_than_a_thousand() -> None:
    rows = LiveRows()
    sketches = Sketches(rows.layout, datasketches())
    numbers = np.zeros((20_000, 4), dtype=np.float32)
    sizes = []
    for part in range(6):
        texts = [f"user-{part * 20_000 + row}" for row in range(20_000)]
        sketches.add(Sample(numbers=numbers, texts={CITY: texts}), BEGIN)
        sizes.append(sum(array.nbytes for array in sketches.arrays().values()))
    assert sizes[-1] < 1.5 * sizes[0] and sizes[-1] < 200_000
    distinct = sketches.distinct(CITY)
    assert distinct is not None and distinct == pytest.approx(120_000, rel=0.1)


def test_sensitive_columns_have_no_sketch() -> None:
    rows = LiveRows()
    sketches = Sketches(rows.layout, datasketches())
    sketches.add(sample_of(rows, 500), BEGIN)
    assert sketches.quantiles(SECRET, SHARES) == ()
    assert np.isnan(sketches.recent[:, SECRET]).all()


def test_what_is_kept_is_gone_on_with() -> None:
    rows = LiveRows()
    sketches, other = (Sketches(rows.layout, datasketches()) for _ in range(2))
    sample = sample_of(rows, 800)
    sketches.add(Sample(numbers=sample.numbers, texts={CITY: ["new"] * 800}), BEGIN)
    other.restore(sketches.arrays())
    assert other.unseen(CITY, 800) == sketches.unseen(CITY, 800) == (("new", 800),)
    assert other.quantiles(X, SHARES) == pytest.approx(sketches.quantiles(X, SHARES), abs=0.2)
    assert np.array_equal(other.recent, sketches.recent, equal_nan=True)
    fewer = LiveRows()
    with pytest.raises(ValueError, match="of other columns"):
        Sketches(type(fewer.layout)(columns=fewer.layout.columns[:2]), datasketches()).restore(
            sketches.arrays()
        )


def test_without_the_library_the_last_rows_are_kept_and_nothing_else() -> None:
    rows = LiveRows()
    sketches = Sketches(rows.layout, None)
    sketches.add(sample_of(rows, 700), BEGIN)
    assert not sketches.is_there
    assert sketches.quantiles(X, SHARES) == () and sketches.unseen(CITY, 700) == ()
    assert sketches.distinct(CITY) is None
    assert np.isfinite(sketches.recent[:, X]).sum() == RECENT_ROWS
    other = Sketches(rows.layout, datasketches())
    other.restore(sketches.arrays())
    assert other.quantiles(X, SHARES) == ()


def test_keys_that_came_once_each_are_named_as_common_by_nobody() -> None:
    layout = Layout(
        columns=(WatchedColumn(name="key", tensor="key", reading="category", categories=()),)
    )
    sketches = Sketches(layout, datasketches())
    for span in range(200):
        texts = [f"user {span} {one}" for one in range(100)]
        numbers = np.full((100, 1), np.nan, dtype=np.float32)
        sketches.add(Sample(numbers=numbers, texts={0: texts}), 0.0)
    assert sketches.unseen(0, 1_000_000) == ()
