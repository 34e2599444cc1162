# SPDX-License-Identifier: Apache-2.0
"""candidates: the best parameters of each family.

Writes trials.json, a list of TrialRecord; best.json, {family: {parameters, rounds, score}}; and
failures.json, {family: sentence}, of families that have no model. Outside of the digest:
timings.json and trials.sqlite, which Optuna's dashboard reads.
"""

import time
from typing import Any

from penstock_training.files import read_json, write_json
from penstock_training.spec import PipelineSpec
from penstock_training.steps import Step, StepRun

__all__ = ["STEP", "settings_of"]


def settings_of(spec: PipelineSpec) -> Any:
    """All that a model depends on, besides rows and features."""
    problem = spec.problem
    return {
        "candidates": spec.candidates.model_dump(mode="json"),
        "search": spec.search.model_dump(mode="json"),
        "metric": problem.metric,
        "positive": problem.positive,
        "values": problem.values,
        "seed": spec.seed,
        "threads": spec.threads,
    }


def _run(run: StepRun) -> None:
    from dataclasses import asdict

    import pandas as pd

    from penstock_training.candidates.search import Found, search
    from penstock_training.candidates.tables import parts_of, transformed_for
    from penstock_training.errors import CandidateError
    from penstock_training.features import FeaturePlan

    spec = run.spec
    plan = FeaturePlan.from_json(read_json(run.inputs["features"] / "features.json"))
    train, validation = (
        pd.read_parquet(run.inputs["split"] / f"{part}.parquet") for part in ("train", "validation")
    )
    parts = parts_of(train, validation, plan)
    families = spec.candidates.families
    total = len(families) * spec.search.trials
    begin = time.monotonic()
    found: dict[str, Found] = {}
    failures: dict[str, str] = {}
    seconds: dict[str, float] = {}
    for number, family in enumerate(families):
        since = time.monotonic()
        deadline = None
        if spec.search.seconds is not None:
            left = begin + spec.search.seconds - since
            deadline = since + max(left, 0) / (len(families) - number)
        done = number * spec.search.trials

        def count(trials: int, done: int = done) -> None:
            run.progress.count("candidates", done + trials, total)

        try:
            rows = transformed_for(family, parts, plan, class_weight=spec.candidates.class_weight)
            found[family] = search(
                family,
                rows,
                spec,
                plan,
                storage=run.folder / "trials.sqlite",
                deadline=deadline,
                count=count,
            )
            run.note("candidates", f"{family}: {spec.problem.metric} {found[family].score:.6g}")
        except CandidateError as error:
            failures[family] = str(error)
            run.note("candidates", str(error))
        seconds[family] = round(time.monotonic() - since, 3)
    if not found:
        raise CandidateError("no family has a model. " + " ".join(failures.values()))
    trials = [asdict(one) for family in found.values() for one in family.trials]
    write_json(run.folder / "trials.json", trials)
    write_json(
        run.folder / "best.json",
        {
            family: {"parameters": one.parameters, "rounds": one.rounds, "score": one.score}
            for family, one in found.items()
        },
    )
    write_json(run.folder / "failures.json", failures)
    write_json(run.folder / "timings.json", {"seconds": seconds})


STEP = Step(
    name="candidates",
    needs=("split", "features"),
    run=_run,
    settings=settings_of,
    outside=frozenset({"timings.json", "trials.sqlite"}),
)
