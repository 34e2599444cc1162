# SPDX-License-Identifier: Apache-2.0
"""Everything that is measured on the held-out rows, as evaluation.json holds it."""

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from penstock_training.evaluate.calibration import calibration_bins
from penstock_training.evaluate.champion import Comparison
from penstock_training.evaluate.groups import groups_of
from penstock_training.evaluate.intervals import Estimate, estimates, resamples_of
from penstock_training.evaluate.metrics import metrics_of, per_class
from penstock_training.evaluate.predictions import Predictions
from penstock_training.evaluate.robustness import Probe, ProbedColumns, probes
from penstock_training.evaluate.slices import Slice, worst_slices
from penstock_training.evaluate.subject import Subject
from penstock_training.evaluate.verdict import GroupScore, Verdict, judge
from penstock_training.files import rounded
from penstock_training.spec import GroupSpec

__all__ = ["Evaluation", "evaluate", "plain"]

HARDEST_ROWS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """What is known of a model on n held-out rows."""

    predictions: Predictions
    metrics: dict[str, Estimate]
    groups: list[tuple[GroupSpec, list[GroupScore]]]
    slices: list[Slice]
    probes: list[Probe]
    champion: Comparison | None
    verdict: Verdict
    size_bytes: int

    def content(self, subject: Subject) -> dict[str, Any]:
        """As evaluation.json holds it: numbers to six digits, None where there is none."""
        spec, predictions = subject.spec, self.predictions
        found: dict[str, Any] = {
            "task": spec.problem.task,
            "metric": spec.problem.metric,
            "rows": len(predictions),
            "confidence": spec.evaluate.confidence,
            "resamples": resamples_of(spec.evaluate.bootstrap, len(predictions)),
            "metrics": {name: asdict(estimate) for name, estimate in self.metrics.items()},
            "groups": [_group_content(group, scores) for group, scores in self.groups],
            "slices": [asdict(found) for found in self.slices],
            "hardest_rows": _hardest(predictions),
            "robustness": [asdict(probe) for probe in self.probes],
            "champion": asdict(self.champion) if self.champion else None,
            "size_bytes": self.size_bytes,
            "verdict": self.verdict.content(),
        }
        if predictions.task != "regression":
            found |= _class_content(predictions)
        return dict(plain(found))


def evaluate(
    subject: Subject,
    predictions: Predictions,
    champion: Comparison | None,
    count: Callable[[int, int], None],
) -> Evaluation:
    """Measure everything; `count` is told how many parts of how many are done."""
    spec = subject.spec
    problem = spec.problem
    metrics = [m for m in metrics_of(problem.task) if m != "value" or problem.values]
    parts = 4
    found = _estimates(subject, metrics, predictions)
    count(1, parts)
    groups = [(group, _group_scores(subject, group, predictions)) for group in problem.groups]
    count(2, parts)
    columns = spec.evaluate.slices if spec.evaluate.slices is not None else subject.features
    for column in columns:
        subject.column(column)
    slices = worst_slices(subject.rows, columns, predictions.losses(), subject.sensitive)
    count(3, parts)
    probed = probes(
        subject.rows,
        ProbedColumns(
            numeric=subject.numeric,
            texts=subject.model.columns_of("BYTES"),
            whole=subject.model.columns_of("INT64"),
        ),
        subject.predictions,
        problem.metric,
        seed=spec.seed,
    )
    count(4, parts)
    size_bytes = subject.model_path.stat().st_size
    return Evaluation(
        predictions=predictions,
        metrics=found,
        groups=groups,
        slices=slices,
        probes=probed,
        champion=champion,
        verdict=judge(problem, found, groups, size_bytes),
        size_bytes=size_bytes,
    )


def plain(content: Any) -> Any:
    """The same with every float rounded as files hold it, and None for what is not finite."""
    if isinstance(content, dict):
        return {key: plain(value) for key, value in content.items()}
    if isinstance(content, list | tuple):
        return [plain(value) for value in content]
    if isinstance(content, np.generic):
        return plain(content.item())
    return rounded(content) if isinstance(content, float) else content


def _estimates(
    subject: Subject, metrics: Sequence[str], predictions: Predictions
) -> dict[str, Estimate]:
    return estimates(
        metrics,
        predictions,
        resamples=subject.spec.evaluate.bootstrap,
        confidence=subject.spec.evaluate.confidence,
        seed=subject.spec.seed,
    )


def _group_scores(subject: Subject, spec: GroupSpec, predictions: Predictions) -> list[GroupScore]:
    groups = groups_of(
        spec.column,
        subject.column(spec.column),
        is_sensitive=spec.column in subject.sensitive,
    )
    scores = []
    for group in groups:
        estimate = _estimates(subject, [spec.metric], predictions.take(group.rows))[spec.metric]
        rows = int(group.rows.sum())
        scores.append(GroupScore(name=group.name, rows=rows, estimate=estimate))
    return scores


def _group_content(spec: GroupSpec, scores: Sequence[GroupScore]) -> dict[str, Any]:
    values = [s.estimate.value for s in scores if s.rows >= spec.rows_min]
    defined = [value for value in values if math.isfinite(value)]
    return {
        "column": spec.column,
        "metric": spec.metric,
        "at_least": spec.at_least,
        "at_most": spec.at_most,
        "rows_min": spec.rows_min,
        "gap": max(defined) - min(defined) if defined else None,
        "groups": [
            {"name": s.name, "rows": s.rows, "is_judged": s.rows >= spec.rows_min}
            | asdict(s.estimate)
            for s in scores
        ],
    }


def _class_content(predictions: Predictions) -> dict[str, Any]:
    c = len(predictions.classes)
    codes = predictions.target * c + predictions.labels
    return {
        "classes": list(predictions.classes),
        "positive": predictions.classes[predictions.positive]
        if predictions.task == "binary"
        else None,
        "per_class": [
            {"class": name} | row
            for name, row in zip(predictions.classes, per_class(predictions), strict=True)
        ],
        "confusion": np.bincount(codes, minlength=c * c).reshape(c, c).tolist(),
        "calibration": [asdict(found) for found in calibration_bins(predictions)],
    }


def _hardest(predictions: Predictions) -> list[dict[str, Any]]:
    losses = predictions.losses()
    worst = np.argsort(-losses, kind="stable")[:HARDEST_ROWS]
    return [{"row": int(row), "loss": float(losses[row])} for row in worst]
