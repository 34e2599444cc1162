# SPDX-License-Identifier: Apache-2.0
"""Looks for a family's best parameters, by Optuna: trials are kept in SQLite.

The score is [problem] metric of the validation rows. Of equal scores the earlier trial's stands.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import optuna

from penstock_training.candidates.outcome import Outcome, Pruned, TrialSetting, run_trial
from penstock_training.candidates.score import Scorer
from penstock_training.errors import CandidateError
from penstock_training.spec import PipelineSpec
from penstock_training.spec.search_space import Choices, Fixed, Parameter, Range, space_of

__all__ = ["Found", "InProcess", "Runner", "TrialRecord", "best_of", "search"]

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


class Runner(Protocol):
    """Runs trials, wherever."""

    #: How many are begun without knowing what becomes of each other.
    batch: int

    def run(
        self, setting: TrialSetting, trials: Sequence[tuple[optuna.Trial, Mapping[str, Any]]]
    ) -> list[Outcome]:
        """What became of each."""


class InProcess:
    """Here, one after the other; a trial that is worse than half of the others is stopped."""

    batch = 1

    def run(
        self, setting: TrialSetting, trials: Sequence[tuple[optuna.Trial, Mapping[str, Any]]]
    ) -> list[Outcome]:
        """See Runner."""
        return [self._run(setting, trial, parameters) for trial, parameters in trials]

    @staticmethod
    def _run(setting: TrialSetting, trial: optuna.Trial, parameters: Mapping[str, Any]) -> Outcome:
        def watch(round_: int, score: float) -> None:
            trial.report(score, round_)
            if trial.should_prune():
                raise Pruned

        return run_trial(setting, parameters, watch)


def search(
    setting: TrialSetting,
    *,
    storage: Path,
    runner: Runner,
    deadline: float | None = None,
    count: Callable[[int], None] = lambda _: None,
) -> Found:
    """Try parameters of a family.

    `deadline`: of time.monotonic(); a trial that has begun is finished, and one is always made.
    `count` is told how many trials have ended.

    Raises:
        CandidateError: no trial came to its end.
    """
    spec, family = setting.spec, setting.family
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    given = spec.candidates.parameters.get(family, {})  # type: ignore[call-overload]
    space = space_of(family, is_classifier=setting.plan.is_classifier, given=given)
    scorer = Scorer(spec, setting.plan)
    study = optuna.create_study(
        study_name=family,
        storage=f"sqlite:///{storage}",
        direction="minimize" if scorer.is_loss else "maximize",
        sampler=optuna.samplers.TPESampler(seed=spec.seed),
        pruner=_pruner(spec),
    )
    study.enqueue_trial(_first(space))
    records: list[TrialRecord] = []
    left = _trials(spec, space)
    while left and not (records and deadline is not None and time.monotonic() >= deadline):
        asked = [study.ask() for _ in range(min(runner.batch, left))]
        trials = [(trial, suggested(trial, space)) for trial in asked]
        for (trial, parameters), outcome in zip(trials, runner.run(setting, trials), strict=True):
            _tell(study, trial, outcome)
            records.append(_record(family, trial.number, parameters, outcome))
        left -= len(asked)
        count(len(records))
    return best_of(family, records, scorer)


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


def _tell(study: optuna.Study, trial: optuna.Trial, outcome: Outcome) -> None:
    states = {
        "complete": optuna.trial.TrialState.COMPLETE,
        "pruned": optuna.trial.TrialState.PRUNED,
        "failed": optuna.trial.TrialState.FAIL,
    }
    study.tell(trial, outcome.score, state=states[outcome.state])


def _record(
    family: str, number: int, parameters: Mapping[str, Any], outcome: Outcome
) -> TrialRecord:
    return TrialRecord(
        family=family,
        number=number,
        parameters=dict(parameters),
        score=outcome.score,
        state=outcome.state,
        rounds=outcome.rounds,
        error=outcome.error,
    )


def best_of(family: str, records: Sequence[TrialRecord], scorer: Scorer) -> Found:
    """The record of the best score; of equal ones the first.

    Raises:
        CandidateError: no trial came to its end.
    """
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
