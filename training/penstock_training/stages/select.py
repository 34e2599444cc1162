# SPDX-License-Identifier: Apache-2.0
"""select: the best candidate whose graph answers as its pipeline does.

Writes selection.json, model.onnx, signature.json, parity.json; and model.joblib, the fitted
Pipeline for frames of features_of(), outside of the digest: the same model can be pickled to other
bytes.
"""

from typing import Any

from penstock_training.files import read_json, write_json
from penstock_training.stages.candidates import reads_of, settings_of
from penstock_training.steps import Step, StepRun

__all__ = ["STEP"]


def _run(run: StepRun) -> None:
    import joblib
    import pandas as pd

    from penstock_training.candidates.chosen import pipeline_of
    from penstock_training.candidates.score import Scorer
    from penstock_training.candidates.tables import parts_of, transformed_for
    from penstock_training.errors import CandidateError
    from penstock_training.export import exported, signature_of
    from penstock_training.export.proof import prove
    from penstock_training.features import FeaturePlan, features_of

    spec = run.spec
    plan = FeaturePlan.from_json(read_json(run.inputs["features"] / "features.json"))
    train, validation, test = (
        pd.read_parquet(run.inputs["split"] / f"{part}.parquet")
        for part in ("train", "validation", "test")
    )
    parts = parts_of(train, validation, plan)
    best = read_json(run.inputs["candidates"] / "best.json")
    order = {family: place for place, family in enumerate(spec.candidates.used)}
    sign = 1 if Scorer(spec, plan).is_loss else -1
    ranking = sorted(best, key=lambda one: (sign * best[one]["score"], order.get(one, 0)))
    refused: dict[str, str] = {}
    for family in ranking:
        found = best[family]
        try:
            rows = transformed_for(family, parts, plan, class_weight=spec.candidates.class_weight)
            pipeline = pipeline_of(family, found["parameters"], found["rounds"], rows, spec, plan)
            model = exported(pipeline, plan, spec.name)
            parity = prove(pipeline, model, features_of(test, plan), plan, seed=spec.seed)
        except CandidateError as error:
            refused[family] = str(error)
            run.note("select", f"{family}: {error}")
            continue
        break
    else:
        raise CandidateError("no candidate can be served. " + " ".join(refused.values()))
    joblib.dump(pipeline, run.folder / "model.joblib")
    (run.folder / "model.onnx").write_bytes(model)
    write_json(run.folder / "signature.json", signature_of(plan))
    write_json(run.folder / "parity.json", parity)
    write_json(run.folder / "selection.json", _selection(run, family, ranking, best, refused))
    run.note("select", f"{family}, of {len(ranking)} families")


def _selection(
    run: StepRun,
    family: str,
    ranking: list[str],
    best: dict[str, Any],
    refused: dict[str, str],
) -> dict[str, Any]:
    metric = run.spec.problem.metric
    found = best[family]
    others = [one for one in ranking if one != family and one not in refused]
    equal = [one for one in others if best[one]["score"] == found["score"]]
    is_best = "is the best"
    if equal:
        is_best = f"is that of {', '.join(equal)} too, and the first family is taken"
    why = f"Its {metric} of the validation rows, {found['score']:.6g}, {is_best}"
    if others and not equal:
        why += f"; the next is {others[0]} with {best[others[0]]['score']:.6g}"
    if refused:
        why += f"; {', '.join(refused)} would be better and cannot be served"
    return {
        "ranking": [{"family": one, "score": best[one]["score"]} for one in ranking],
        "refused": refused,
        "family": family,
        "metric": metric,
        "parameters": found["parameters"],
        "rounds": found["rounds"],
        "score": found["score"],
        "why": why + ".",
    }


STEP = Step(
    name="select",
    revision=2,
    needs=("split", "features", "candidates"),
    run=_run,
    settings=lambda spec: {**settings_of(spec), "name": spec.name},
    reads=reads_of,
    outside=frozenset({"timings.json", "model.joblib"}),
)
