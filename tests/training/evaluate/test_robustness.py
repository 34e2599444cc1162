# SPDX-License-Identifier: Apache-2.0
"""Probes: a model that leans on one column, one that cannot bear a gap, one that nothing moves."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from penstock_training.errors import CandidateError
from penstock_training.evaluate.predictions import Floats, Predictions
from penstock_training.evaluate.robustness import ROWS_MAX, Probe, ProbedColumns, probes

FRAME = pd.DataFrame(
    {
        "x": np.random.default_rng(0).normal(0, 1, 300),
        "unused": np.random.default_rng(1).normal(0, 1, 300),
        "flag": np.random.default_rng(2).integers(0, 2, 300),
        "city": np.random.default_rng(3).choice(["a", "b"], 300),
    }
)
COLUMNS = ProbedColumns(numeric=("x", "unused", "flag"), texts=("city",))


def asking(of_x: Callable[[Floats], Floats]) -> Callable[[Any], Predictions]:
    def predict(frame: Any) -> Predictions:
        chance = of_x(frame["x"].to_numpy(np.float64))
        target = (FRAME["x"].to_numpy()[: len(frame)] > 0).astype(np.int64)
        return Predictions(
            task="binary",
            target=target,
            predicted=np.column_stack([1 - chance, chance]),
            classes=("no", "yes"),
        )

    return predict


def probed(of_x: Callable[[Floats], Floats], frame: pd.DataFrame = FRAME) -> dict[str, Probe]:
    found = probes(frame, COLUMNS, asking(of_x), "accuracy", seed=0)
    return {probe.name: probe for probe in found}


def steep(x: Floats) -> Floats:
    return np.asarray(1 / (1 + np.exp(-8 * np.nan_to_num(x))))


def test_a_column_that_matters_is_missed_and_one_that_does_not_is_not() -> None:
    found = probed(steep)
    assert found["x missing"].metric < 0.7
    assert found["x missing"].metric_before == 1.0
    assert found["unused missing"].changed == 0.0
    assert found["city missing"].changed == 0.0


def test_more_gaps_do_more_harm() -> None:
    found = probed(steep)
    assert found["30% of values missing"].metric < found["10% of values missing"].metric < 1


def test_an_answer_that_is_no_number_is_counted() -> None:
    found = probed(lambda x: 1 / (1 + np.exp(-x)))
    assert found["x missing"].not_finite == 1.0
    assert found["x missing"].changed == 1.0
    assert found["noise of 0.05 sd"].not_finite == 0.0


def test_rows_that_the_model_refuses_have_no_answer() -> None:
    frame = FRAME.assign(floor=1)
    columns = ProbedColumns(numeric=("x",), texts=("city",), whole=("floor",))

    def predict(rows: Any) -> Predictions:
        if not (rows["floor"] == 1).all():
            raise CandidateError("no such floor")
        return asking(steep)(rows)

    found = {probe.name: probe for probe in probes(frame, columns, predict, "accuracy", seed=0)}
    refused = found["floor unknown"]
    assert (refused.not_finite, refused.changed) == (1.0, 1.0)
    assert np.isnan(refused.metric)
    assert found["city unknown"].changed == 0.0
    assert "floor missing" not in found


def test_the_worst_change_is_worse_than_noise_of_the_same_size() -> None:
    found = probed(steep)
    noise, worst = found["noise of 0.2 sd"], found["worst change found within 0.2 sd"]
    assert worst.changed > noise.changed > 0
    near = np.abs(FRAME["x"]) < 0.2 * FRAME["x"].std(ddof=0)
    assert worst.changed == np.mean(near)


def test_a_model_that_says_always_the_same_is_moved_by_nothing() -> None:
    found = probed(lambda x: np.full(len(x), 0.3))
    assert all(probe.changed == 0.0 for probe in found.values())


def test_the_same_seed_spoils_the_same_values() -> None:
    assert probed(steep) == probed(steep)


def test_a_large_part_is_probed_by_its_first_rows() -> None:
    many = pd.concat([FRAME] * 3, ignore_index=True)

    def predict(frame: Any) -> Predictions:
        return Predictions(
            task="regression", target=np.arange(len(frame)) * 1.0, predicted=np.zeros(len(frame))
        )

    found = probes(many, ProbedColumns(numeric=("x",)), predict, "mae", seed=0)
    assert {probe.rows for probe in found} == {ROWS_MAX}
