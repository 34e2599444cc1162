# SPDX-License-Identifier: Apache-2.0
"""[candidates] automl: FLAML chooses how its trials are spent on families, and their parameters.

FLAML weighs what a trial has cost in seconds, so that its choices are not the same in each run.
The best parameters of each family are then trained and scored here, as every family's are.
"""

import logging
import warnings
from collections.abc import Callable
from typing import Any

from flaml.automl import AutoML

from penstock_training.candidates.outcome import TrialSetting, run_trial
from penstock_training.candidates.score import Scorer
from penstock_training.candidates.search import Found, TrialRecord, best_of
from penstock_training.errors import CandidateError

__all__ = ["choose"]

#: FLAML's name -> the family; FLAML's parameter -> ours, where it is another one.
FAMILIES = {"lgbm": "lightgbm", "rf": "forest", "xgb_limitdepth": "xgboost"}
RENAMED = {"max_leaves": "max_leaf_nodes"}
#: Ours begin with other values: FLAML's models draw no rows and bound no depth.
ALWAYS: dict[str, dict[str, Any]] = {"forest": {"max_depth": None}}
#: What FLAML keeps for itself.
DROPPED = ("FLAML_sample_size",)


def choose(
    setting_of: Callable[[str], TrialSetting],
    *,
    seconds: float | None,
    count: Callable[[int], None] = lambda _: None,
) -> dict[str, Found]:
    """The best parameters of each family that FLAML has tried.

    `setting_of` gives a family's rows; FLAML trains all of them on those of lightgbm. `count` is
    told how many trials have ended.

    Raises:
        CandidateError: no trial came to its end.
    """
    setting = setting_of("lightgbm")
    spec, plan, rows = setting.spec, setting.plan, setting.rows
    scorer = Scorer(spec, plan)
    done = 0

    def loss(x: Any, y: Any, estimator: Any, *_: Any, **__: Any) -> tuple[float, dict[str, float]]:
        nonlocal done
        done += 1
        count(done)
        answers = estimator.predict_proba(x) if plan.is_classifier else estimator.predict(x)
        found = scorer(y, answers)
        return (found if scorer.is_loss else -found), {"score": found}

    said = logging.getLogger("flaml")
    level = said.level
    said.setLevel(logging.CRITICAL)
    automl = AutoML()
    try:
        with warnings.catch_warnings():
            # FLAML's own use of what scikit-learn and LightGBM deprecate.
            warnings.simplefilter("ignore")
            automl.fit(
                X_train=rows.train.x,
                y_train=rows.train.y,
                X_val=rows.validation.x,
                y_val=rows.validation.y,
                sample_weight=rows.train.weights,
                task="classification" if plan.is_classifier else "regression",
                metric=loss,
                estimator_list=list(FAMILIES),
                eval_method="holdout",
                max_iter=spec.search.trials * len(FAMILIES),
                time_budget=-1 if seconds is None else seconds,
                retrain_full=False,
                sample=False,
                seed=spec.seed,
                n_jobs=spec.threads,
                verbose=0,
            )
    except Exception as error:  # whatever FLAML and its libraries raise
        why = " ".join(str(error).split())[:300].rstrip(".")
        raise CandidateError(f"FLAML found no model: {why}.") from None
    finally:
        said.setLevel(level)
    found: dict[str, Found] = {}
    for name, config in sorted(automl.best_config_per_estimator.items()):
        if config is None:
            continue
        family = FAMILIES[name]
        parameters = _translated(family, config)
        outcome = run_trial(setting_of(family), parameters)
        record = TrialRecord(
            family=family,
            number=0,
            parameters=parameters,
            score=outcome.score,
            state=outcome.state,
            rounds=outcome.rounds,
            error=outcome.error,
        )
        found[family] = best_of(family, [record], scorer)
    if not found:
        raise CandidateError("FLAML has tried no family: raise [search] trials or seconds.")
    return found


def _translated(family: str, config: dict[str, Any]) -> dict[str, Any]:
    """FLAML's parameters as the family's library calls them."""
    found = dict(config)
    if "log_max_bin" in found:
        found["max_bin"] = (1 << int(found.pop("log_max_bin"))) - 1
    made = {
        RENAMED.get(key, key): value
        for key, value in found.items()
        if key not in DROPPED and not (family == "xgboost" and key == "max_leaves")
    }
    return {**ALWAYS.get(family, {}), **{key: _plain(value) for key, value in made.items()}}


def _plain(value: Any) -> Any:
    """A number as JSON has it."""
    return value.item() if hasattr(value, "item") else value
