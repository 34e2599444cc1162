# SPDX-License-Identifier: Apache-2.0
"""Two versions side by side: which is better, by how much, and whether that is more than chance.

Pure: what was read in, rows out.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from penstock.registry.runs import Estimate

__all__ = [
    "Better",
    "Comparison",
    "ComparedMetric",
    "ComparedValue",
    "VersionTold",
    "compare_versions",
    "less_is_better",
]

#: Metrics of which less is better; those of training, and what other libraries call theirs.
LOSSES = frozenset(
    {
        "brier", "brier_score", "ece", "error", "log_loss", "logloss", "loss", "mae", "mape",
        "max_error", "mean_absolute_error", "mean_squared_error", "mse", "rmse",
        "root_mean_squared_error",
    }
)  # fmt: skip
#: Metrics of which more is better.
GAINS = frozenset(
    {
        "accuracy", "accuracy_score", "auc", "average_precision", "balanced_accuracy", "f1",
        "f1_macro", "f1_score", "precision", "precision_score", "r2", "r2_score", "recall",
        "recall_score", "roc_auc", "rows_per_second", "score", "validation_score", "value",
    }
)  # fmt: skip
#: What a metric's name may begin with, when it is one of the above of certain rows.
_ROWS = ("test_", "training_", "val_", "validation_")
LATENCY = "latency."
#: Metrics of a run that say how it was timed, and not how long it took.
_SETTINGS = frozenset({"latency.batch_rows"})


class Better(StrEnum):
    """Which of two numbers is the better one."""

    FIRST = "a"
    SECOND = "b"
    SAME = "same"
    #: Nobody said which direction is better, or one number is missing.
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionTold:
    """What is known of a version, for a comparison."""

    version: int
    metrics: Mapping[str, Estimate] = field(default_factory=dict)
    parameters: Mapping[str, str] = field(default_factory=dict)
    #: The metric that decided; empty: unknown.
    deciding: str = ""
    #: Of all its files, and of model.onnx alone.
    size_bytes: int | None = None
    model_bytes: int | None = None
    #: Of the rows that it was trained with; empty: unknown.
    data_digest: str = ""
    data_rows: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparedMetric:
    """A number of both versions. None: one has not got it."""

    name: str
    a: Estimate | None
    b: Estimate | None
    #: Of b to a.
    difference: float | None
    better: Better
    #: Whether the intervals have nothing in common; None: there are not two intervals.
    is_apart: bool | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparedValue:
    """A parameter of both versions; empty: one has not got it."""

    name: str
    a: str
    b: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Two versions of `name`."""

    name: str
    a: VersionTold
    b: VersionTold
    #: The deciding metric first.
    metrics: tuple[ComparedMetric, ...]
    #: Latency and size.
    costs: tuple[ComparedMetric, ...]
    #: Those that differ.
    parameters: tuple[ComparedValue, ...]
    #: None: of one of them the data is not known.
    is_same_data: bool | None


def compare_versions(name: str, a: VersionTold, b: VersionTold) -> Comparison:
    """What there is of the two, side by side."""
    deciding = a.deciding or b.deciding
    found = sorted(a.metrics.keys() | b.metrics.keys(), key=lambda one: (one != deciding, one))
    compared = [
        _compared(metric, a.metrics.get(metric), b.metrics.get(metric))
        for metric in found
        if metric not in _SETTINGS
    ]
    sizes = [
        _compared(label, _number(first), _number(second))
        for label, first, second in (
            ("model.onnx bytes", a.model_bytes, b.model_bytes),
            ("package bytes", a.size_bytes, b.size_bytes),
        )
        if first is not None or second is not None
    ]
    parameters = [
        ComparedValue(name=key, a=a.parameters.get(key, ""), b=b.parameters.get(key, ""))
        for key in sorted(a.parameters.keys() | b.parameters.keys())
        if a.parameters.get(key) != b.parameters.get(key)
    ]
    is_known = bool(a.data_digest and b.data_digest)
    return Comparison(
        name=name,
        a=a,
        b=b,
        metrics=tuple(one for one in compared if not one.name.startswith(LATENCY)),
        costs=(*(one for one in compared if one.name.startswith(LATENCY)), *sizes),
        parameters=tuple(parameters),
        is_same_data=a.data_digest == b.data_digest if is_known else None,
    )


def less_is_better(metric: str) -> bool | None:
    """None: nobody knows."""
    if metric.endswith(" bytes"):
        return True
    name = metric.removeprefix(LATENCY)
    if name != metric:
        return name not in GAINS
    for begin in ("", *_ROWS):
        if (bare := metric.removeprefix(begin)) in LOSSES:
            return True
        if bare in GAINS:
            return False
    return None


def _compared(name: str, a: Estimate | None, b: Estimate | None) -> ComparedMetric:
    if a is None or b is None:
        return ComparedMetric(
            name=name, a=a, b=b, difference=None, better=Better.UNKNOWN, is_apart=None
        )
    return ComparedMetric(
        name=name,
        a=a,
        b=b,
        difference=b.value - a.value,
        better=_better(name, a.value, b.value),
        is_apart=_is_apart(a, b),
    )


def _better(name: str, a: float, b: float) -> Better:
    if a == b:
        return Better.SAME
    less = less_is_better(name)
    if less is None or a != a or b != b:
        return Better.UNKNOWN
    return Better.FIRST if (a < b) == less else Better.SECOND


def _is_apart(a: Estimate, b: Estimate) -> bool | None:
    if a.low is None or a.high is None or b.low is None or b.high is None:
        return None
    return a.high < b.low or b.high < a.low


def _number(value: int | None) -> Estimate | None:
    return None if value is None else Estimate(value=float(value))
