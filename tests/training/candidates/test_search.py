# SPDX-License-Identifier: Apache-2.0
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.training.tables import Notes, planned, run_steps, spec_for, table

from penstock_training.candidates.family import Array, Table, Training, balanced_weights
from penstock_training.candidates.model import Classifier, answers_of
from penstock_training.candidates.outcome import TrialSetting
from penstock_training.candidates.search import InProcess, search
from penstock_training.candidates.table import fit_family
from penstock_training.candidates.tables import parts_of, transformed_for
from penstock_training.errors import CandidateError
from penstock_training.files import read_json


def setting_for(family: str, **tables: Any) -> TrialSetting:
    spec = spec_for("breast_cancer", **tables)
    frame = table("breast_cancer")
    train, validation = frame[:180], frame[180:240]
    plan = planned(spec, train)
    rows = transformed_for(family, parts_of(train, validation, plan), plan, class_weight=None)
    return TrialSetting(family=family, rows=rows, spec=spec, plan=plan)


def imbalanced(rows: int = 400) -> Table:
    chance = np.random.default_rng(0)
    y = (chance.random(rows) < 0.08).astype(np.int64)
    x = chance.normal(size=(rows, 4)).astype(np.float32) + y[:, None] * np.float32(0.8)
    return Table(x=x, y=y)


def test_the_first_trial_is_the_usual_one_and_the_best_is_kept(tmp_path: Path) -> None:
    setting = setting_for("linear", search={"trials": 4})
    counts: list[int] = []
    found = search(
        setting, storage=tmp_path / "trials.sqlite", runner=InProcess(), count=counts.append
    )
    assert [one.number for one in found.trials] == [0, 1, 2, 3]
    assert found.trials[0].parameters == {"C": 1.0, "max_iter": 1000}
    assert found.score == max(one.score for one in found.trials if one.score is not None)
    assert found.parameters in [one.parameters for one in found.trials]
    assert counts == [1, 2, 3, 4]


def test_a_value_a_range_and_choices_take_the_place_of_a_familys_own(tmp_path: Path) -> None:
    parameters = {
        "forest": {
            "n_estimators": 5,
            "max_depth": [2, 4],
            "criterion": {"choices": ["entropy", "gini"]},
        }
    }
    setting = setting_for("forest", candidates={"parameters": parameters}, search={"trials": 6})
    found = search(setting, storage=tmp_path / "trials.sqlite", runner=InProcess())
    for one in found.trials:
        assert one.parameters["n_estimators"] == 5
        assert one.parameters["max_depth"] in (2, 3, 4)
        assert one.parameters["criterion"] in ("entropy", "gini")


def test_one_trial_is_enough_where_nothing_is_looked_for(tmp_path: Path) -> None:
    parameters = {"linear": {"C": 0.5}}
    setting = setting_for("linear", candidates={"parameters": parameters}, search={"trials": 9})
    found = search(setting, storage=tmp_path / "trials.sqlite", runner=InProcess())
    assert len(found.trials) == 1
    assert found.parameters["C"] == 0.5


def test_boosting_that_falls_behind_is_stopped_early(tmp_path: Path) -> None:
    parameters = {
        "lightgbm": {"n_estimators": 60, "learning_rate": [1e-6, 0.3], "num_leaves": [2, 31]}
    }
    setting = setting_for(
        "lightgbm", problem={"metric": "log_loss"}, candidates={"parameters": parameters},
        search={"trials": 12},
    )  # fmt: skip
    found = search(setting, storage=tmp_path / "trials.sqlite", runner=InProcess())
    assert "pruned" in {one.state for one in found.trials}
    assert all((one.score is None) == (one.state != "complete") for one in found.trials)


def test_without_pruning_all_trials_come_to_their_end(tmp_path: Path) -> None:
    parameters = {
        "lightgbm": {"n_estimators": 60, "learning_rate": [1e-6, 0.3], "num_leaves": [2, 31]}
    }
    setting = setting_for(
        "lightgbm", problem={"metric": "log_loss"}, candidates={"parameters": parameters},
        search={"trials": 8, "prune": False},
    )  # fmt: skip
    found = search(setting, storage=tmp_path / "trials.sqlite", runner=InProcess())
    assert {one.state for one in found.trials} == {"complete"}


def test_time_that_is_over_still_allows_one_trial(tmp_path: Path) -> None:
    setting = setting_for("linear", search={"trials": 50})
    found = search(
        setting, storage=tmp_path / "trials.sqlite", runner=InProcess(), deadline=time.monotonic()
    )
    assert len(found.trials) == 1


def test_a_trial_that_fails_is_written_down_and_the_others_go_on(tmp_path: Path) -> None:
    parameters = {"forest": {"n_estimators": 5, "max_depth": {"choices": [3, -1]}}}
    setting = setting_for("forest", candidates={"parameters": parameters}, search={"trials": 8})
    found = search(setting, storage=tmp_path / "trials.sqlite", runner=InProcess())
    failed = [one for one in found.trials if one.state == "failed"]
    assert failed and all("max_depth" in str(one.error) for one in failed)
    assert found.parameters["max_depth"] == 3


def test_a_family_of_which_no_trial_ends_is_refused_by_name(tmp_path: Path) -> None:
    parameters = {"forest": {"max_depth": -1}}
    setting = setting_for("forest", candidates={"parameters": parameters})
    with pytest.raises(CandidateError, match=r"family forest came to its end: .*max_depth"):
        search(setting, storage=tmp_path / "trials.sqlite", runner=InProcess())


def test_a_family_that_fails_leaves_the_others(tmp_path: Path) -> None:
    candidates = {
        "families": ["forest", "linear"],
        "parameters": {"forest": {"max_depth": -1, "n_estimators": 5}},
    }
    notes = run_steps(spec_for("wine", candidates=candidates), table("wine"), tmp_path)
    assert read_json(tmp_path / "select/selection.json")["family"] == "linear"
    assert "forest" in read_json(tmp_path / "candidates/failures.json")
    assert any("forest" in line for line in notes.lines)
    assert isinstance(notes, Notes) and notes.counts[-1] == (2, 2)


def test_the_best_family_by_the_specs_metric_is_selected(tmp_path: Path) -> None:
    candidates = {
        "families": ["forest", "linear"],
        "parameters": {"forest": {"n_estimators": 5, "max_depth": 1}},
    }
    run_steps(spec_for("wine", candidates=candidates), table("wine"), tmp_path)
    found = read_json(tmp_path / "select/selection.json")
    scores = [one["score"] for one in found["ranking"]]
    assert scores == sorted(scores), "log loss: less is better"
    assert found["family"] == found["ranking"][0]["family"]
    assert found["why"].startswith("Its log_loss of the validation rows")


def test_balanced_weights_make_classes_weigh_the_same() -> None:
    weights = balanced_weights(np.array([0, 0, 0, 1]))
    assert weights.mean() == pytest.approx(1)
    assert weights[:3].sum() == pytest.approx(weights[3:].sum())


@pytest.mark.parametrize(
    ("family", "parameters"),
    [
        ("linear", {}),
        ("forest", {"n_estimators": 20, "max_depth": 3}),
        ("lightgbm", {"n_estimators": 10}),
        ("xgboost", {"n_estimators": 10}),
        ("mlp", {"width": 8, "max_iter": 20}),
    ],
)
def test_class_weights_make_a_rare_class_more_likely(
    family: str, parameters: dict[str, Any]
) -> None:
    plain = imbalanced()
    weighted = Table(x=plain.x, y=plain.y, weights=balanced_weights(plain.y))

    def said(rows: Table) -> Array:
        training = Training(
            task="binary", classes=2, train=rows, validation=None, parameters=parameters
        )
        return answers_of(fit_family(family, training).estimator, plain.x)[:, 1]

    assert said(weighted).mean() > said(plain).mean() * 1.4


@pytest.mark.parametrize("family", ["lightgbm", "xgboost", "mlp"])
def test_training_for_the_rounds_that_it_took_makes_the_same_model(family: str) -> None:
    rows = imbalanced(600)
    train, held_out = (
        Table(x=rows.x[part], y=rows.y[part]) for part in (slice(0, 400), slice(400, 600))
    )
    common: dict[str, Any] = {
        "task": "binary", "classes": 2, "train": train, "seed": 3, "patience": 5,
        "parameters": {} if family == "mlp" else {"n_estimators": 200, "subsample": 0.8},
    }  # fmt: skip
    found = fit_family(family, Training(validation=held_out, **common))
    assert found.rounds is not None and found.rounds < 200
    again = fit_family(family, Training(validation=None, rounds=found.rounds, **common))
    np.testing.assert_allclose(
        answers_of(found.estimator, held_out.x), answers_of(again.estimator, held_out.x), rtol=1e-9
    )


def test_a_classifier_calls_the_likeliest_class_the_label_and_the_first_of_equals() -> None:
    class Even:
        n_features_in_ = 1

        def predict_proba(self, x: Array) -> Array:
            return np.full((len(x), 2), 0.5)

    model = Classifier(Even(), ("no", "yes"))
    assert model.predict(np.zeros((2, 1))).tolist() == ["no", "no"]
    assert model.classes_.tolist() == ["no", "yes"]
