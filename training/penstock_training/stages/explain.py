# SPDX-License-Identifier: Apache-2.0
"""explain: what the chosen model leans on.

It reads test.parquet (explained), train.parquet (the background that rows are held against),
features.json, model.onnx and signature.json, and writes explanation.json, importance.png and
shap.png.
"""

from typing import Any

import numpy as np

from penstock_training.evaluate.report import plain
from penstock_training.evaluate.subject import Subject, read_subject
from penstock_training.explain.permutation import permutation_importance
from penstock_training.explain.pictures import draw_importance, draw_shap
from penstock_training.explain.report import permutation_content, shap_content
from penstock_training.explain.shapley import BACKGROUND_MAX, budget, codes_of, shap_values
from penstock_training.files import write_json
from penstock_training.spec import PipelineSpec
from penstock_training.steps import Step, StepRun

__all__ = ["STEP"]


def _settings(spec: PipelineSpec) -> Any:
    return {
        "explain": spec.explain.model_dump(mode="json"),
        "problem": spec.problem.model_dump(mode="json"),
        "sensitive": spec.features.sensitive,
        "seed": spec.seed,
        "threads": spec.threads,
    }


def _run(run: StepRun) -> None:
    subject = read_subject(run.spec, run.inputs, part="test")
    rows = _some(subject.rows, run.spec.explain.rows, run.spec.seed)
    content: dict[str, Any] = {"permutation": None, "shap": None}
    if run.spec.explain.permutation:
        content["permutation"] = _permutation(run, subject, rows)
    if run.spec.explain.shap:
        content["shap"] = _shap(run, subject, rows)
    write_json(run.folder / "explanation.json", plain(content))


def _some(rows: Any, count: int, seed: int) -> Any:
    """`count` of the rows at most, chosen by chance, in their order."""
    if len(rows) <= count:
        return rows
    chosen = np.random.default_rng(seed).choice(len(rows), count, replace=False)
    return rows.iloc[np.sort(chosen)].reset_index(drop=True)


def _permutation(run: StepRun, subject: Subject, rows: Any) -> dict[str, Any]:
    metric = run.spec.problem.metric
    found = permutation_importance(
        rows,
        subject.features,
        subject.predictions,
        metric,
        seed=run.spec.seed,
        count=lambda done, total: run.progress.count("explain", done, total),
    )
    draw_importance(found, metric, run.folder / "importance.png")
    return permutation_content(found, metric, len(rows))


def _shap(run: StepRun, subject: Subject, rows: Any) -> dict[str, Any]:
    train = read_subject(run.spec, run.inputs, part="train").rows
    inputs = subject.model.inputs
    columns = len(subject.features)
    count, background = budget(len(rows), min(BACKGROUND_MAX, len(train)), columns)
    rows = _some(rows, count, run.spec.seed)
    train = _some(train, background, run.spec.seed)
    found = shap_values(rows, train, inputs, subject.model.predict, seed=run.spec.seed)
    answers = list(subject.classes) or ["prediction"]
    shown = subject.positive
    texts = codes_of([rows, train], inputs).texts
    draw_shap(
        found,
        [str(name) for name in answers],
        shown,
        sensitive=subject.sensitive,
        texts=texts.keys(),
        path=run.folder / "shap.png",
    )
    return shap_content(found, answers, subject.sensitive, texts)


STEP = Step(name="explain", needs=("split", "features", "select"), run=_run, settings=_settings)
