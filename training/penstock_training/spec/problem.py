# SPDX-License-Identifier: Apache-2.0
"""`[problem]`: what is to be predicted, and when a model is good enough to be registered."""

from typing import Literal

from pydantic import Field, model_validator

from penstock_training.spec.table import Table

__all__ = ["METRICS", "GroupSpec", "Guardrail", "Metric", "ProblemSpec", "Task", "is_loss"]

Task = Literal["binary", "multiclass", "regression"]

#: Metric -> the tasks that it is defined for.
METRICS: dict[str, tuple[Task, ...]] = {
    "accuracy": ("binary", "multiclass"),
    "average_precision": ("binary",),
    "balanced_accuracy": ("binary", "multiclass"),
    "brier": ("binary", "multiclass"),
    "ece": ("binary", "multiclass"),
    "f1": ("binary",),
    "f1_macro": ("binary", "multiclass"),
    "log_loss": ("binary", "multiclass"),
    "mae": ("regression",),
    "precision": ("binary",),
    "r2": ("regression",),
    "recall": ("binary",),
    "rmse": ("regression",),
    "roc_auc": ("binary", "multiclass"),
    "value": ("binary", "multiclass"),
}
_LOSSES = frozenset({"brier", "ece", "log_loss", "mae", "rmse"})

Metric = Literal[
    "accuracy",
    "average_precision",
    "balanced_accuracy",
    "brier",
    "ece",
    "f1",
    "f1_macro",
    "log_loss",
    "mae",
    "precision",
    "r2",
    "recall",
    "rmse",
    "roc_auc",
    "value",
]


def is_loss(metric: str) -> bool:
    """Whether less of `metric` is better."""
    return metric in _LOSSES


class Guardrail(Table):
    """A bound on another metric of the test rows."""

    metric: Metric
    at_least: float | None = None
    at_most: float | None = None

    @model_validator(mode="after")
    def _has_a_bound(self) -> "Guardrail":
        if (self.at_least is None) == (self.at_most is None):
            raise ValueError("wanted one of at_least and at_most")
        return self


class GroupSpec(Table):
    """The metric of each group of rows: each must reach the bound, if there is one."""

    column: str
    metric: Metric
    at_least: float | None = None
    at_most: float | None = None
    #: Of a smaller group the metric is told and not judged.
    rows_min: int = Field(default=30, ge=1)


class ProblemSpec(Table):
    """The target, the metric that decides, and what else a version has to satisfy."""

    task: Task
    target: str
    #: Of a binary task: the class whose probability is scored. None: the one that sorts last.
    positive: str | int | bool | None = None
    metric: Metric
    #: The metric's bound: a floor, or of a loss a ceiling.
    threshold: float | None = None
    guardrails: tuple[Guardrail, ...] = ()
    groups: tuple[GroupSpec, ...] = ()
    #: Microseconds that the packaged model takes for one row, the median. What is timed lies
    #: outside the digest of a version: see docs/training.md.
    latency_us_max: float | None = Field(default=None, gt=0)
    #: Bytes of model.onnx.
    size_bytes_max: int | None = Field(default=None, gt=0)
    #: Binary: what a row is worth, by its outcome: true_positive, false_positive, true_negative,
    #: false_negative. Multi-class: right and wrong. In whatever unit the team counts.
    values: dict[str, float] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _fits_the_task(self) -> "ProblemSpec":
        asked = [
            self.metric,
            *(g.metric for g in self.guardrails),
            *(g.metric for g in self.groups),
        ]
        for metric in asked:
            if self.task not in METRICS[metric]:
                fitting = ", ".join(m for m, tasks in METRICS.items() if self.task in tasks)
                raise ValueError(f"{metric} is no metric of a {self.task} task: wanted {fitting}")
        outcomes = _OUTCOMES.get(self.task, ())
        unknown = sorted(set(self.values) - set(outcomes))
        if unknown:
            wanted = ", ".join(outcomes) or "none: it has no outcomes"
            raise ValueError(
                f"values has {', '.join(unknown)}: wanted of a {self.task} task {wanted}"
            )
        if "value" in asked and not self.values:
            raise ValueError("the metric value needs [problem.values]")
        return self


_OUTCOMES: dict[str, tuple[str, ...]] = {
    "binary": ("true_positive", "false_positive", "true_negative", "false_negative"),
    "multiclass": ("right", "wrong"),
}
