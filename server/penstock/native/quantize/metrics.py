# SPDX-License-Identifier: Apache-2.0
"""How good answers are: scikit-learn's metrics, and agreement with the model as it was.

auc, logloss           of scores: an output of floats
accuracy, f1           of classes: an output of integers or text, else the scores' best column
rmse, mae, r2          of numbers: an output of floats, one column
agreement              without labels: the part of rows with the same class as the unquantised
                       model; for a model that answers one number, the r2 of its answers
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from penstock.errors import QuantizeError
from penstock.native.artifact import Array, CompiledModel
from penstock_client._proto import native_artifact_pb2 as pb

__all__ = ["METRICS", "Metric", "chosen_output", "metric_named", "score"]

Taken = Literal["scores", "classes", "numbers", "either"]
Scorer = Callable[[Array, Array], float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """A metric by the name that --metric has; `taken` says which answers it looks at."""

    name: str
    taken: Taken
    is_higher_better: bool = True

    @property
    def needs_labels(self) -> bool:
        """Whether rows need labels: all but agreement."""
        return self.taken != "either"

    def drop(self, before: float, after: float) -> float:
        """How much worse `after` is; below zero where it is better."""
        return before - after if self.is_higher_better else after - before


METRICS = {
    metric.name: metric
    for metric in (
        Metric(name="auc", taken="scores"),
        Metric(name="accuracy", taken="classes"),
        Metric(name="logloss", taken="scores", is_higher_better=False),
        Metric(name="f1", taken="classes"),
        Metric(name="rmse", taken="numbers", is_higher_better=False),
        Metric(name="mae", taken="numbers", is_higher_better=False),
        Metric(name="r2", taken="numbers"),
        Metric(name="agreement", taken="either"),
    )
}


def metric_named(name: str) -> Metric:
    """Raises QuantizeError that lists what there is."""
    if name not in METRICS:
        raise QuantizeError(f"metric {name!r} is not known: wanted one of {', '.join(METRICS)}.")
    return METRICS[name]


def chosen_output(model: CompiledModel, metric: Metric, name: str) -> pb.Port:
    """The output that is looked at: the one named, else the one that suits best."""
    outputs = list(model.manifest.outputs)
    if name:
        for port in outputs:
            if port.name == name:
                return port
        found = ", ".join(repr(port.name) for port in outputs)
        raise QuantizeError(f"wanted output {name!r}; the model has {found}.")
    floats = [port for port in outputs if port.datatype in ("FP32", "FP64")]
    classes = [port for port in outputs if port not in floats]
    ranked = [*classes, *floats[::-1]] if metric.taken == "classes" else floats[::-1]
    if metric.taken == "either":
        ranked = [*classes, *floats]
    if not ranked:
        raise QuantizeError(
            f"metric {metric.name!r} looks at an output of floats; the model has none."
        )
    return ranked[0]


def score(metric: Metric, answers: Array, labels: Array) -> float:
    """The metric of `answers`, an output, given what is right. Raises QuantizeError.

    For agreement `labels` are the unquantised model's answers.
    """
    answers = answers.reshape(len(answers), -1)
    if metric.taken == "either":
        return _agreement(answers, labels.reshape(len(labels), -1))
    try:
        import sklearn.metrics
    except ImportError:
        raise QuantizeError(
            f"metric {metric.name!r} is scikit-learn's, which is not installed: "
            "pip install 'penstock[quantize]', or take --metric agreement."
        ) from None
    scorers: Mapping[str, Scorer] = {
        "auc": _auc,
        "accuracy": sklearn.metrics.accuracy_score,
        "logloss": _logloss,
        "f1": _f1,
        "rmse": sklearn.metrics.root_mean_squared_error,
        "mae": sklearn.metrics.mean_absolute_error,
        "r2": sklearn.metrics.r2_score,
    }
    try:
        found = float(scorers[metric.name](*_prepared(metric, answers, labels)))
    except ValueError as error:
        why = str(error).partition("\n")[0].rstrip(".")
        raise QuantizeError(f"metric {metric.name!r} cannot be taken: {why}.") from None
    if not np.isfinite(found):
        raise QuantizeError(f"metric {metric.name!r} is {found} on these rows.")
    return found


def _prepared(metric: Metric, answers: Array, labels: Array) -> tuple[Array, Array]:
    if answers.dtype.kind == "f" and np.isnan(answers).any():
        raise QuantizeError("the model answers NaN on these rows.")
    if metric.taken == "classes":
        return _comparable(labels, _classes(answers))
    if metric.taken == "numbers":
        if answers.shape[1] != 1:
            raise QuantizeError(
                f"metric {metric.name!r} is of one number a row; the output has {answers.shape[1]}."
            )
        return labels, answers[:, 0]
    if len(np.unique(labels)) < 2:
        raise QuantizeError(
            f"metric {metric.name!r} needs rows of two classes at least; all labels are "
            f"{labels.tolist()[0]!r}."
        )
    return labels, answers


def _classes(answers: Array) -> Array:
    """Integers and text are classes; of scores the best column, of a single one above a half."""
    if answers.dtype.kind != "f":
        return answers[:, 0]
    if answers.shape[1] == 1:
        return (answers[:, 0] > 0.5).astype(np.int64)
    return np.asarray(answers.argmax(axis=1))


def _comparable(labels: Array, classes: Array) -> tuple[Array, Array]:
    """Both as text where the model answers text."""
    if classes.dtype.kind != "O":
        if labels.dtype.kind in "OSU":
            raise QuantizeError(
                "the labels are text and the model answers numbers of classes: wanted labels that "
                "are whole numbers from 0."
            )
        return labels, classes
    return np.array([_text(one) for one in labels]), np.array([_text(one) for one in classes])


def _text(one: object) -> str:
    if isinstance(one, bytes):
        return one.decode("utf-8", "replace")
    return str(int(one)) if isinstance(one, float) and one.is_integer() else str(one)


def _auc(labels: Array, answers: Array) -> float:
    import sklearn.metrics

    if answers.shape[1] <= 2:
        return float(sklearn.metrics.roc_auc_score(labels, answers[:, -1]))
    return float(sklearn.metrics.roc_auc_score(labels, answers, multi_class="ovr"))


def _logloss(labels: Array, answers: Array) -> float:
    import sklearn.metrics

    if answers.shape[1] == 1:
        answers = np.concatenate([1 - answers, answers], axis=1)
    known = np.unique(labels)
    places = known if len(known) == answers.shape[1] else np.arange(answers.shape[1])
    return float(sklearn.metrics.log_loss(labels, answers.astype(np.float64), labels=places))


def _f1(labels: Array, classes: Array) -> float:
    import sklearn.metrics

    is_binary = set(np.unique(labels)) <= {0, 1} and set(np.unique(classes)) <= {0, 1}
    average = "binary" if is_binary else "macro"
    return float(sklearn.metrics.f1_score(labels, classes, average=average))


def _agreement(answers: Array, right: Array) -> float:
    if answers.dtype.kind != "f":
        return float((answers == right).all(axis=1).mean())
    if not np.isfinite(right).all():
        raise QuantizeError("the unquantised model answers NaN or infinity on these rows.")
    if answers.shape[1] > 1:
        return float((answers.argmax(axis=1) == right.argmax(axis=1)).mean())
    spread = float(np.square(right - right.mean(), dtype=np.float64).sum())
    missed = float(np.square(right - answers, dtype=np.float64).sum())
    if spread == 0:
        return 1.0 if missed == 0 else 0.0
    return 1 - missed / spread if np.isfinite(missed) else 0.0
