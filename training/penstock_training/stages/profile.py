# SPDX-License-Identifier: Apache-2.0
"""profile: what the test part looks like to the chosen model, for live rows to be compared with.

It reads test.parquet, features.json, model.onnx, signature.json and explanation.json, and writes
profile.json.
"""

from typing import Any

import numpy as np

from penstock_training.evaluate.metrics import metrics_of, score
from penstock_training.evaluate.predictions import Predictions
from penstock_training.evaluate.served import feeds_of
from penstock_training.evaluate.subject import Subject, read_subject
from penstock_training.files import read_json
from penstock_training.spec import PipelineSpec
from penstock_training.steps import Step, StepRun

__all__ = ["STEP"]

#: Of more classes the commonest are told of.
ANSWERS_MAX = 20


def _settings(spec: PipelineSpec) -> Any:
    return {
        "name": spec.name,
        "problem": spec.problem.model_dump(mode="json"),
        "split": spec.split.model_dump(mode="json"),
        "sensitive": spec.features.sensitive,
        "feature_names": spec.package.feature_names,
        "seed": spec.seed,
        "threads": spec.threads,
    }


def _run(run: StepRun) -> None:
    from penstock.profile import PROFILE_FILE
    from penstock_monitoring.profile import Reference, build_profile, write_profile

    subject = read_subject(run.spec, run.inputs, part="test")
    subject = subject.in_order_of(_time_column(run.spec))
    predictions = subject.predictions()
    numbers = _answers(predictions)
    is_regression = predictions.task == "regression"
    classes = np.array(subject.classes, dtype=object)
    metrics = [m for m in metrics_of(predictions.task) if m != "value" or predictions.values]
    reference = Reference(
        model=run.spec.name,
        columns=_columns(subject, read_json(run.inputs["explain"] / "explanation.json")),
        answers=["prediction"] if is_regression else [subject.classes[k] for k in numbers],
        answered=predictions.predicted.reshape(len(predictions), -1)[:, numbers],
        losses=predictions.losses(),
        truth=predictions.target if is_regression else classes[predictions.target],
        classes=subject.classes,
        metrics={metric: score(metric, predictions) for metric in metrics},
        is_in_time_order=_time_column(run.spec) is not None,
        seed=run.spec.seed,
    )
    write_profile(build_profile(reference), run.folder / PROFILE_FILE)


def _time_column(spec: PipelineSpec) -> str | None:
    return spec.split.column if spec.split.method == "time" else None


def _answers(predictions: Predictions) -> list[int]:
    """Numbers of the classes that are told of; of regression the one prediction."""
    if predictions.task == "regression":
        return [0]
    if predictions.task == "binary":
        return [predictions.positive]
    counts = np.bincount(predictions.target, minlength=len(predictions.classes))
    return sorted(np.argsort(-counts, kind="stable")[:ANSWERS_MAX].tolist())


def _columns(subject: Subject, explanation: Any) -> list[Any]:
    """The model's columns, as it reads them, called as in the package's signature."""
    from penstock.package import ModelSignature
    from penstock_monitoring.profile import Column
    from penstock_training.package.write import named_columns

    told = (explanation["permutation"] or {}).get("columns", [])
    importance = {one["column"]: one["mean"] for one in told}
    feeds = feeds_of(subject.rows, subject.model.inputs)
    signature = ModelSignature.model_validate(subject.signature)
    signature = named_columns(signature, subject.spec.package.feature_names)
    names = {one.name: one.columns or (one.name,) for one in signature.inputs}
    return [
        Column(
            name=names[tensor["name"]][place],
            datatype=tensor["datatype"],
            values=feeds[tensor["name"]][:, place],
            is_sensitive=column in subject.sensitive,
            importance=importance.get(column),
        )
        for tensor in subject.model.inputs
        for place, column in enumerate(tensor["columns"])
    ]


STEP = Step(
    name="profile", needs=("split", "features", "select", "explain"), run=_run, settings=_settings
)
