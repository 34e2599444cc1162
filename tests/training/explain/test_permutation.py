# SPDX-License-Identifier: Apache-2.0
"""Permutation importance against what is known of a model that leans on one column."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from penstock_training.evaluate.predictions import Predictions
from penstock_training.explain.permutation import REPEATS, permutation_importance

DRAWS = np.random.default_rng(0)
FRAME = pd.DataFrame(
    {
        "much": DRAWS.normal(0, 1, 400),
        "little": DRAWS.normal(0, 1, 400),
        "nothing": DRAWS.normal(0, 1, 400),
        "text": DRAWS.choice(["a", "b"], 400),
    }
)
TARGET = 3 * FRAME["much"].to_numpy() + FRAME["little"].to_numpy()


def predict(frame: Any) -> Predictions:
    return Predictions(
        task="regression",
        target=TARGET,
        predicted=3 * frame["much"].to_numpy() + frame["little"].to_numpy(),
    )


def importances(metric: str, seed: int = 0) -> dict[str, float]:
    found = permutation_importance(
        FRAME, list(FRAME), predict, metric, seed=seed, count=lambda done, total: None
    )
    return {one.column: one.mean for one in found}


def test_columns_come_in_the_order_of_what_they_do() -> None:
    found = importances("rmse")
    assert list(found)[:2] == ["much", "little"]
    assert found["nothing"] == found["text"] == 0.0


def test_a_shuffled_column_of_a_linear_model_costs_its_own_variance() -> None:
    found = importances("rmse")
    spread = 3 * FRAME["much"].std(ddof=0)
    assert found["much"] == pytest.approx(np.sqrt(2) * spread, rel=0.05)


def test_importance_is_positive_for_losses_and_for_scores() -> None:
    assert importances("mae")["much"] > 0
    assert importances("r2")["much"] > 0


def test_the_same_seed_gives_the_same_numbers() -> None:
    assert importances("rmse") == importances("rmse") != importances("rmse", seed=1)


def test_a_metric_that_is_never_defined_gives_no_number() -> None:
    def of_one_class(frame: Any) -> Predictions:
        n = len(frame)
        return Predictions(
            task="binary",
            target=np.zeros(n, dtype=np.int64),
            predicted=np.full((n, 2), 0.5),
            classes=(0, 1),
        )

    [found] = permutation_importance(
        FRAME, ["much"], of_one_class, "roc_auc", seed=0, count=lambda done, total: None
    )
    assert np.isnan(found.mean) and np.isnan(found.sd)


def test_progress_is_told_by_column() -> None:
    told: list[tuple[int, int]] = []
    permutation_importance(
        FRAME,
        ["much", "text"],
        predict,
        "rmse",
        seed=0,
        count=lambda done, total: told.append((done, total)),
    )
    assert told == [(1, 2), (2, 2)]
    assert REPEATS >= 5
