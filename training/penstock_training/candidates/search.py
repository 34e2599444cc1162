# SPDX-License-Identifier: Apache-2.0
"""Looks for a family's best parameters, by Optuna: trials are kept in SQLite.

The score is [problem] metric of the validation rows. Of equal scores the earlier trial's stands.
"""

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import optuna

from penstock_training.candidates.family import Array, Training
from penstock_training.candidates.model import answers_of
from penstock_training.candidates.score import Scorer
from penstock_training.candidates.table import fit_family
from penstock_training.candidates.tables import Transformed
from penstock_training.errors import CandidateError
from penstock_training.features import FeaturePlan
from penstock_training.spec import PipelineSpec
from penstock_training.spec.search_space import Choices, Fixed, Parameter, Range, space_of

__all__ = ["Found", "TrialRecord", "search"]

#: Trials before any is stopped early, and reports of a trial before it may be.
STARTUP_TRIALS, WARMUP_REPORTS = 4, 1


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialRecord:
    """What trials.json says of a trial."""

    family: str
    number: int
    parameters: dict[str, Any]
    #: None: it was stopped, or failed.
    score: float | None
    #: complete, pruned or failed.
    state: str
    rounds: int | None = None
    #: Why it failed.
    error: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A family's best parameters."""

    family: str
    parameters: dict[str, Any]
    rounds: int | None
    score: float
    trials: tuple[TrialRecord, ...]


def search(
    family: str,
    rows: Transformed,
    spec: PipelineSpec,
    plan: FeaturePlan,
    *,
    storage: Path,
    deadline: float | None = None,
    count: Callable[[int], None] = lambda _: None,
) -> Found:
    """Try parameters of `family`.

    `deadline`: of time.monotonic(); a trial that has begun is finished. `count` is told how many
    trials have ended.

    Raises:
        CandidateError: no trial came to its end.
    """
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    given = spec.candidates.parameters.get(family, {})  # type: ignore[call-overload]
    space = space_of(family, is_classifier=plan.is_classifier, given=given)
    study = optuna.create_study(
        study_name=family,
        storage=f"sqlite:///{storage}",
        direction="minimize" if Scorer(spec, plan).is_loss else "maximize",
        sampler=optuna.samplers.TPESampler(seed=spec.seed),
        pruner=_pruner(spec),
    )
    study.enqueue_trial(_first(space))
    runner = _Runner(family, rows, spec, plan, space)
    wanted = _trials(spec, space)
    while len(runner.records) < wanted:
        if deadline is not None and runner.records and time.monotonic() >= deadline:
            break
        study.optimize(runner, n_trials=1, catch=(Exception,))
        count(len(runner.records))
    return _best(family, runner.records, Scorer(spec, plan))


def _pruner(spec: PipelineSpec) -> optuna.pruners.BasePruner:
    if not spec.search.prune:
        return optuna.pruners.NopPruner()
    return optuna.pruners.MedianPruner(STARTUP_TRIALS, WARMUP_REPORTS)


def _trials(spec: PipelineSpec, space: Mapping[str, Parameter]) -> int:
    """One is enough where there is nothing to look for."""
    return 1 if all(isinstance(one, Fixed) for one in space.values()) else spec.search.trials


def _first(space: Mapping[str, Parameter]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, parameter in space.items():
        if isinstance(parameter, Range):
            found[name] = int(parameter.first) if parameter.is_whole else float(parameter.first)
        elif isinstance(parameter, Choices):
            found[name] = parameter.values[0]
    return found


def suggested(trial: optuna.Trial, space: Mapping[str, Parameter]) -> dict[str, Any]:
    """A value for each parameter."""
    found: dict[str, Any] = {}
    for name, one in space.items():
        if isinstance(one, Fixed):
            found[name] = one.value
        elif isinstance(one, Choices):
            found[name] = trial.suggest_categorical(name, one.values)
        elif one.is_whole:
            found[name] = trial.suggest_int(name, int(one.low), int(one.high), log=one.is_log)
        else:
            found[name] = trial.suggest_float(name, one.low, one.high, log=one.is_log)
    return found


class _Runner:
    """Runs a trial, and writes down what became of it."""

    def __init__(
        self,
        family: str,
        rows: Transformed,
        spec: PipelineSpec,
        plan: FeaturePlan,
        space: Mapping[str, Parameter],
    ) -> None:
        self._family, self._rows, self._spec, self._plan = family, rows, spec, plan
        self._space = space
        self._score = Scorer(spec, plan)
        self.records: list[TrialRecord] = []

    def __call__(self, trial: optuna.Trial) -> float:
        parameters = suggested(trial, self._space)
        try:
            score, rounds = self._run(trial, parameters)
        except optuna.TrialPruned:
            self._record(trial, parameters, state="pruned")
            raise
        except Exception as error:  # whatever libraries raise for parameters that they cannot take
            why = " ".join(str(error).split())[:300]
            self._record(trial, parameters, state="failed", error=f"{type(error).__name__}: {why}")
            raise
        self._record(trial, parameters, state="complete", score=score, rounds=rounds)
        return score

    def _run(self, trial: optuna.Trial, parameters: Mapping[str, Any]) -> tuple[float, int | None]:
        target = self._rows.validation.y

        def tell(round_: int, answers: Array) -> None:
            trial.report(self._score(target, answers), round_)
            if trial.should_prune():
                raise optuna.TrialPruned

        fitted = fit_family(
            self._family, training_of(self._rows, parameters, self._spec, self._plan, tell)
        )
        answers = answers_of(fitted.estimator, self._rows.validation.x)
        score = self._score(target, answers)
        if not math.isfinite(score):
            metric = self._spec.problem.metric
            raise CandidateError(f"{metric} is not defined of the validation rows")
        return score, fitted.rounds

    def _record(self, trial: optuna.Trial, parameters: Mapping[str, Any], **what: Any) -> None:
        what = {"score": None, **what}
        record = TrialRecord(
            family=self._family, number=trial.number, parameters=dict(parameters), **what
        )
        self.records.append(record)


def training_of(
    rows: Transformed,
    parameters: Mapping[str, Any],
    spec: PipelineSpec,
    plan: FeaturePlan,
    trial: Callable[[int, Array], None] | None = None,
) -> Training:
    """A trial's training, which looks at the validation rows."""
    return Training(
        task=plan.task,
        classes=len(plan.classes),
        train=rows.train,
        validation=rows.validation,
        parameters=parameters,
        patience=spec.search.early_stopping_rounds,
        seed=spec.seed,
        threads=spec.threads,
        trial=trial,
        torch_module=spec.candidates.torch_module,
        folder=str(spec.folder),
    )


def _best(family: str, records: list[TrialRecord], scorer: Scorer) -> Found:
    best: TrialRecord | None = None
    for one in records:
        if one.score is None:
            continue
        if best is None or best.score is None or scorer.is_better(one.score, best.score):
            best = one
    if best is None or best.score is None:
        why = next((one.error for one in records if one.error), "all were stopped early")
        raise CandidateError(f"no trial of the family {family} came to its end: {why}.")
    return Found(
        family=family,
        parameters=best.parameters,
        rounds=best.rounds,
        score=best.score,
        trials=tuple(records),
    )
