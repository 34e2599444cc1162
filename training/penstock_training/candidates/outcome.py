# SPDX-License-Identifier: Apache-2.0
"""One trial: a family, its parameters, and what became of them. The same in every process."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from penstock_training.candidates.family import Array, Training
from penstock_training.candidates.model import answers_of
from penstock_training.candidates.score import Scorer
from penstock_training.candidates.table import fit_family
from penstock_training.candidates.tables import Transformed
from penstock_training.features import FeaturePlan
from penstock_training.spec import PipelineSpec

__all__ = ["Outcome", "Pruned", "TrialSetting", "run_trial", "training_of"]


class Pruned(Exception):
    """A trial is not worth going on with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of a trial."""

    state: Literal["complete", "pruned", "failed"]
    #: None: it did not come to its end.
    score: float | None = None
    rounds: int | None = None
    #: Why it failed.
    error: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialSetting:
    """What all trials of a family have in common."""

    family: str
    rows: Transformed
    spec: PipelineSpec
    plan: FeaturePlan


def run_trial(
    setting: TrialSetting,
    parameters: Mapping[str, Any],
    watch: Callable[[int, float], None] | None = None,
) -> Outcome:
    """Train with `parameters`, and score the answers for the validation rows.

    `watch` is told rounds and scores on the way, and raises Pruned.
    """
    score = Scorer(setting.spec, setting.plan)
    target = setting.rows.validation.y

    def tell(round_: int, answers: Array) -> None:
        if watch is not None:
            watch(round_, score(target, answers))

    try:
        fitted = fit_family(setting.family, training_of(setting, parameters, tell))
        found = score(target, answers_of(fitted.estimator, setting.rows.validation.x))
    except Pruned:
        return Outcome(state="pruned")
    except Exception as error:  # whatever libraries raise for parameters that they cannot take
        why = " ".join(str(error).split())[:300].rstrip(".")
        return Outcome(state="failed", error=f"{type(error).__name__}: {why}")
    if not math.isfinite(found):
        metric = setting.spec.problem.metric
        return Outcome(state="failed", error=f"{metric} is not defined of the validation rows")
    return Outcome(state="complete", score=found, rounds=fitted.rounds)


def training_of(
    setting: TrialSetting,
    parameters: Mapping[str, Any],
    trial: Callable[[int, Array], None] | None = None,
) -> Training:
    """A trial's training, which looks at the validation rows."""
    spec, plan = setting.spec, setting.plan
    return Training(
        task=plan.task,
        classes=len(plan.classes),
        train=setting.rows.train,
        validation=setting.rows.validation,
        parameters=parameters,
        patience=spec.search.early_stopping_rounds,
        seed=spec.seed,
        threads=spec.threads,
        trial=trial,
        torch_module=spec.candidates.torch_module,
        folder=str(spec.folder),
    )
