# SPDX-License-Identifier: Apache-2.0
"""smoke.json as the core is given it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from penstock.errors import SmokeError
from penstock.package.answers import difference_of
from penstock.package.smoke import DTYPES, Smoke, read_smoke, smoke_json
from penstock.package.smoke_plan import smoke_plan

VALUES = np.array([[0, 1], [2, 100]])


def write(folder: Path, told: Any) -> None:
    (folder / "smoke.json").write_text(json.dumps(told))


def changed(**tensor: Any) -> dict[str, Any]:
    """A smoke request whose only input is changed by this."""
    one = {"name": "x", "datatype": "FP32", "shape": [1, 2], "data": [1, 2]} | tensor
    return {"request": {"inputs": [one]}, "expected": {"outputs": []}, "tolerance": 0.5}


def test_every_datatype_has_the_bytes_that_numpy_gives_it(tmp_path: Path) -> None:
    inputs = {
        name: VALUES.astype(dtype) for name, dtype in DTYPES.items() if dtype is not np.object_
    }
    texts = np.array([["", "é"]], np.object_)
    smoke = Smoke(inputs={**inputs, "BYTES": texts}, expected={}, tolerance=1e-4)
    write(tmp_path, smoke_json(smoke))
    plan = smoke_plan(tmp_path)
    assert plan is not None
    assert (plan.expected, plan.tolerance) == ((), 1e-4)
    content = {one.name: one.content for one in plan.inputs}
    assert content.pop("BYTES") == b"\0\0\0\0\2\0\0\0\xc3\xa9"
    assert content == {name: array.tobytes() for name, array in inputs.items()}
    assert {one.name: one.datatype for one in plan.inputs} == {name: name for name in DTYPES}
    assert {one.shape for one in plan.inputs if one.name != "BYTES"} == {(2, 2)}


def test_the_values_of_rows_may_stand_in_lists_of_their_own(tmp_path: Path) -> None:
    write(tmp_path, changed(data=[[1, 2]]))
    plan = smoke_plan(tmp_path)
    assert plan is not None
    assert plan.inputs[0].content == np.array([1, 2], np.float32).tobytes()


def test_a_package_without_one_has_no_plan(tmp_path: Path) -> None:
    assert smoke_plan(tmp_path) is None


@pytest.mark.parametrize(
    ("told", "reason"),
    [
        ([], "TypeError list indices"),
        ({}, "KeyError 'tolerance'"),
        (changed(datatype="FP8"), "KeyError 'FP8'"),
        (changed(data=[1]), "'x' has 1 values and shape \\[1, 2\\]"),
        (changed(shape=[-1, -2]), "'x' has 2 values and shape"),
        (changed(data=["a", 2]), "a value is no FP32: required argument is not a float"),
        (changed(datatype="INT8", data=[1, 300]), "a value is no INT8"),
        (changed(data=[1e39, 0]), "OverflowError float too large"),
        (changed() | {"tolerance": -1}, "tolerance is -1.0: wanted 0 or more"),
        (changed() | {"tolerance": float("nan")}, "tolerance is nan"),
        (changed() | {"expected": {"outputs": changed()["request"]["inputs"] * 2}}, "there twice"),
    ],
)
def test_what_is_no_smoke_request_is_refused_in_a_sentence(
    told: Any, reason: str, tmp_path: Path
) -> None:
    write(tmp_path, told)
    with pytest.raises(SmokeError, match=rf"smoke\.json is no smoke request: .*{reason}"):
        smoke_plan(tmp_path)


def test_its_two_readers_read_the_same(made_packages: dict[str, Path]) -> None:
    for folder in made_packages.values():
        plan, smoke = smoke_plan(folder), read_smoke(folder / "smoke.json")
        assert plan is not None
        assert [one.name for one in plan.expected] == list(smoke.expected)
        for one in (*plan.inputs, *plan.expected):
            array = {**smoke.inputs, **smoke.expected}[one.name]
            assert one.shape == array.shape
            assert one.datatype == "BYTES" or one.content == array.tobytes()


@pytest.mark.parametrize(
    ("found", "wanted", "tolerance", "told"),
    [
        (np.inf, np.inf, 0.0, ""),
        (np.nan, np.nan, 0.0, ""),
        (5.0, np.inf, 1.0, "y[0] is"),
        (-np.inf, np.inf, 1.0, "y[0] is"),
        (np.inf, 5.0, 1.0, "y[0] is"),
        (90.0, 100.0, 0.1, ""),
        (89.0, 100.0, 0.1, "y[0] is"),
    ],
)
def test_an_infinity_leaves_no_room(
    found: float, wanted: float, tolerance: float, told: str
) -> None:
    difference = difference_of(
        {"y": np.array([found], np.float32)},
        {"y": np.array([wanted], np.float32)},
        tolerance=tolerance,
    )
    assert difference.startswith(told)
    assert bool(difference) == bool(told)


def test_another_datatype_is_a_difference() -> None:
    found, wanted = {"n": np.array([1], np.int32)}, {"n": np.array([1], np.int64)}
    assert difference_of(found, wanted, tolerance=1) == "n is int32, wanted int64"
