# SPDX-License-Identifier: Apache-2.0
"""candidates: the best parameters of each family.

Writes trials.json, a list of TrialRecord; best.json, {family: {parameters, rounds, score}}; and
failures.json, {family: sentence}, of families that have no model. Outside of the digest:
timings.json and trials.sqlite, which Optuna's dashboard reads.
"""

from typing import Any

from penstock.digests import digest_of_file
from penstock_training.files import read_json, write_json
from penstock_training.spec import PipelineSpec
from penstock_training.steps import Step, StepRun

__all__ = ["STEP", "reads_of", "settings_of"]


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


def reads_of(spec: PipelineSpec) -> Any:
    """The file that makes the family torch's module, where it lies beside the spec."""
    named = spec.candidates.torch_module
    if named is None:
        return None
    path = spec.folder / (named.partition(":")[0].replace(".", "/") + ".py")
    return digest_of_file(path) if path.is_file() else None


def _run(run: StepRun) -> None:
    from dataclasses import asdict

    import pandas as pd

    from penstock_training.candidates.families import try_families
    from penstock_training.candidates.tables import parts_of
    from penstock_training.errors import CandidateError
    from penstock_training.features import FeaturePlan

    spec = run.spec
    plan = FeaturePlan.from_json(read_json(run.inputs["features"] / "features.json"))
    train, validation = (
        pd.read_parquet(run.inputs["split"] / f"{part}.parquet") for part in ("train", "validation")
    )
    tried = try_families(
        spec,
        plan,
        parts_of(train, validation, plan),
        storage=run.folder / "trials.sqlite",
        note=lambda text: run.note("candidates", text),
        count=lambda done, total: run.progress.count("candidates", done, total),
    )
    if not tried.found:
        raise CandidateError("no family has a model. " + " ".join(tried.failures.values()))
    trials = [asdict(one) for family in tried.found.values() for one in family.trials]
    write_json(run.folder / "trials.json", trials)
    write_json(
        run.folder / "best.json",
        {
            family: {"parameters": one.parameters, "rounds": one.rounds, "score": one.score}
            for family, one in tried.found.items()
        },
    )
    write_json(run.folder / "failures.json", tried.failures)
    write_json(run.folder / "timings.json", {"seconds": tried.seconds})


STEP = Step(
    name="candidates",
    revision=2,
    needs=("split", "features"),
    run=_run,
    settings=settings_of,
    reads=reads_of,
    outside=frozenset({"timings.json", "trials.sqlite"}),
)
