# SPDX-License-Identifier: Apache-2.0
"""A model beside its champion: who is better, who cannot be told apart, who cannot be compared."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from scipy import stats
from tests.doubles.chosen_model import ChosenModel, chosen_model

from penstock_training.errors import DataError
from penstock_training.evaluate.champion import (
    champion_predictions,
    compare,
    predictions_table,
)
from penstock_training.evaluate.metrics import score
from penstock_training.evaluate.predictions import Predictions
from penstock_training.evaluate.subject import Subject, read_subject


def rows_of(target: npt.NDArray[Any], right: npt.NDArray[np.bool_]) -> Predictions:
    labels = np.where(right, target, 1 - target).astype(np.int64)
    return Predictions(
        task="binary",
        target=target.astype(np.int64),
        predicted=np.eye(2)[labels] * 0.8 + 0.1,
        classes=("no", "yes"),
    )


def pair(only_model: int, only_champion: int, both: int = 100) -> tuple[Predictions, Predictions]:
    model = np.array([1] * only_model + [0] * only_champion + [1] * both, dtype=bool)
    champion = np.array([0] * only_model + [1] * only_champion + [1] * both, dtype=bool)
    target = np.arange(len(model)) % 2
    return rows_of(target, model), rows_of(target, champion)


def test_the_paired_test_is_mcnemars_exact_one() -> None:
    found = compare("accuracy", *pair(15, 4), resamples=200, confidence=0.95, seed=0)
    assert found.p_value == pytest.approx(2 * stats.binom.cdf(4, 19, 0.5))
    assert (found.only_model_right, found.only_champion_right) == (15, 4)
    assert found.test == "mcnemar_exact"


def test_a_better_model_is_better_and_its_champion_worse() -> None:
    model, champion = pair(30, 3)
    one = compare("accuracy", model, champion, resamples=300, confidence=0.95, seed=0)
    other = compare("accuracy", champion, model, resamples=300, confidence=0.95, seed=0)
    assert (one.outcome, other.outcome) == ("better", "worse")
    assert one.difference == pytest.approx(27 / 133)
    assert one.low is not None and one.low > 0


def test_less_of_a_loss_is_better() -> None:
    model, champion = pair(30, 3)
    found = compare("log_loss", model, champion, resamples=300, confidence=0.95, seed=0)
    assert found.difference < 0
    assert found.outcome == "better"


def test_a_few_rows_show_no_difference() -> None:
    found = compare("accuracy", *pair(3, 2), resamples=300, confidence=0.95, seed=0)
    assert found.outcome == "no difference shown"
    assert found.p_value == 1.0


def test_a_model_beside_itself_shows_no_difference() -> None:
    model, _ = pair(5, 5)
    found = compare("accuracy", model, model, resamples=300, confidence=0.95, seed=0)
    assert (found.difference, found.p_value, found.outcome) == (0.0, 1.0, "no difference shown")


def test_errors_of_regression_are_exchanged_row_by_row() -> None:
    draws = np.random.default_rng(0)
    target = draws.normal(0, 1, 150)
    near, far = target + draws.normal(0, 0.2, 150), target + draws.normal(0, 0.6, 150)
    model = Predictions(task="regression", target=target, predicted=near)
    champion = Predictions(task="regression", target=target, predicted=far)
    found = compare("rmse", model, champion, resamples=300, confidence=0.95, seed=0)
    assert (found.test, found.outcome) == ("sign_flip", "better")
    assert found.p_value < 0.001
    same = compare("rmse", model, model, resamples=300, confidence=0.95, seed=0)
    assert same.p_value == 1.0


@pytest.fixture(scope="module")
def chosen(tmp_path_factory: pytest.TempPathFactory) -> ChosenModel:
    return chosen_model(tmp_path_factory.mktemp("chosen"))


@pytest.fixture(scope="module")
def subject(chosen: ChosenModel) -> Subject:
    return read_subject(chosen.spec, chosen.inputs, part="test")


def test_a_champion_is_asked_for_the_new_models_rows(
    subject: Subject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    older = chosen_model(tmp_path_factory.mktemp("older"), features=("income", "visits"))
    found = champion_predictions(older.inputs["select"], subject)
    assert len(found) == len(subject.rows)
    assert score("accuracy", found) < score("accuracy", subject.predictions())


def test_predictions_of_the_same_rows_are_read_back_as_they_were(
    subject: Subject, tmp_path: Path
) -> None:
    predictions = subject.predictions()
    file = tmp_path / "predictions.parquet"
    predictions_table(subject, predictions).to_parquet(file)
    found = champion_predictions(file, subject)
    assert found.predicted.tolist() == predictions.predicted.tolist()


def test_predictions_of_other_rows_are_refused(subject: Subject, tmp_path: Path) -> None:
    table = predictions_table(subject, subject.predictions())
    file = tmp_path / "predictions.parquet"
    table.iloc[::-1].to_parquet(file)
    with pytest.raises(DataError, match="of other rows"):
        champion_predictions(file, subject)


def test_a_champion_that_reads_a_column_that_is_gone_is_refused_by_name(
    chosen: ChosenModel, tmp_path: Path
) -> None:
    inputs = dict(chosen.inputs) | {"split": tmp_path}
    subject = read_subject(chosen.spec, chosen.inputs, part="test")
    subject.rows.drop(columns="debt").to_parquet(tmp_path / "test.parquet")
    with pytest.raises(DataError, match="reads debt"):
        champion_predictions(
            chosen.inputs["select"], read_subject(chosen.spec, inputs, part="test")
        )


def test_a_champion_of_other_classes_is_refused(subject: Subject, tmp_path: Path) -> None:
    shutil.copytree(subject.model_path.parent, tmp_path / "older")
    signature = tmp_path / "older" / "signature.json"
    signature.write_text(signature.read_text().replace('"good"', '"splendid"'))
    with pytest.raises(DataError, match="knows bad, splendid, wanted bad, good"):
        champion_predictions(tmp_path / "older", subject)


def test_a_champion_that_is_not_there_is_refused(subject: Subject, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="wanted a version's folder"):
        champion_predictions(tmp_path / "nowhere", subject)
