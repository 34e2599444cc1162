# SPDX-License-Identifier: Apache-2.0
"""Counts and samples as bytes."""

from __future__ import annotations

import dataclasses
import json
import struct
import zlib

import numpy as np
import pytest

from penstock.drift import Sample, Taken
from penstock.drift.taken_bytes import sample_bytes, sample_of, taken_bytes, taken_of
from penstock.errors import MonitoringError

SAMPLE = Sample(
    numbers=np.array([[1.5, np.nan], [-np.inf, 2.0]], np.float32),
    texts={1: ("Köln", ""), 3: (7, -1)},
)
TAKEN = Taken(
    at=20.5,
    since=19.5,
    shown=np.array([1, 2, 2**32 - 1], np.uint32),
    tested=np.array([1, 0, 0], np.uint32),
    outside=np.array([[1, 2], [3, 4]], np.uint32),
    moments=np.array([[0.1, 0.2, np.inf, -np.inf], [1, 2, 3, 4]], np.float64),
    requests=3,
    rows=5,
    tested_rows=1,
    dropped_rows=7,
    repeated_rows=2,
    capped_rows=1,
    share=0.25,
    ends_tick=True,
    sample=SAMPLE,
)


def assert_same(found: object, wanted: object) -> None:
    assert type(found) is type(wanted)
    for one in dataclasses.fields(wanted):  # type: ignore[arg-type]
        left, right = getattr(found, one.name), getattr(wanted, one.name)
        if isinstance(right, np.ndarray):
            np.testing.assert_array_equal(left, right)
            assert left.dtype == right.dtype
        elif isinstance(right, Sample):
            assert_same(left, right)
        else:
            assert left == right, one.name


@pytest.mark.parametrize(
    "taken",
    [
        TAKEN,
        dataclasses.replace(TAKEN, sample=None),
        dataclasses.replace(
            TAKEN, sample=Sample(numbers=np.zeros((0, 2), np.float32), texts={1: ()})
        ),
    ],
)
def test_counts_come_back_as_they_were(taken: Taken) -> None:
    found = taken_of(taken_bytes(taken))
    if taken.sample is not None and not len(taken.sample.numbers):
        assert found.sample is not None
        assert len(found.sample.numbers) == 0
        taken, found = (dataclasses.replace(one, sample=None) for one in (taken, found))
    assert_same(found, taken)


def test_a_sample_comes_back_as_it_was() -> None:
    assert_same(sample_of(sample_bytes(SAMPLE)), SAMPLE)


def test_what_is_damaged_is_one_clear_error() -> None:
    whole = taken_bytes(TAKEN)
    text = json.dumps({"format": 99, "sizes": []}).encode()
    newer = zlib.compress(struct.pack("<I", len(text)) + text)
    for frame in (b"", b"?" * 40, whole[:-9], whole[:20], zlib.compress(b"ab"), newer):
        with pytest.raises(MonitoringError, match="cannot be read"):
            taken_of(frame)
