# SPDX-License-Identifier: Apache-2.0
"""Whether a model is better than the one it would follow: both of the same rows, row by row.

The difference of the deciding metric has an interval from resamples that both share. Beside it
stands a paired test: of classes McNemar's exact one on rows that one of the two has right; of
regression a sign-flip test on the differences of squared errors.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from penstock_training.errors import DataError
from penstock_training.evaluate.intervals import interval, resampled, resamples_of
from penstock_training.evaluate.metrics import is_better, score, weighted
from penstock_training.evaluate.predictions import Floats, Predictions
from penstock_training.evaluate.served import ServedModel
from penstock_training.evaluate.subject import Subject
from penstock_training.files import read_json

__all__ = [
    "Comparison",
    "champion_file",
    "champion_predictions",
    "compare",
    "predictions_table",
    "row_keys",
]

FLIPS = 10_000
_BLOCK = 2_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """A model beside its champion."""

    metric: str
    value: float
    champion: float
    #: value - champion, and its interval.
    difference: float
    low: float | None
    high: float | None
    #: "better" or "worse" if the interval leaves out 0, else "no difference shown".
    outcome: str
    #: "mcnemar_exact" or "sign_flip".
    test: str
    p_value: float
    #: Rows that only the one, and only the other has right; of regression: is nearer to.
    only_model_right: int
    only_champion_right: int


def compare(
    metric: str,
    model: Predictions,
    champion: Predictions,
    *,
    resamples: int,
    confidence: float,
    seed: int,
) -> Comparison:
    """Both predict the same rows, in the same order."""
    count = resamples_of(resamples, len(model))
    drawn = [
        weighted(metric, model, weights) - weighted(metric, champion, weights)
        for weights in resampled(len(model), count, seed)
    ]
    value, other = score(metric, model), score(metric, champion)
    all_drawn = np.concatenate(drawn) if drawn else np.empty(0)
    low, high = interval(value - other, all_drawn, confidence)
    tested = (
        _sign_flip(model, champion, seed)
        if model.task == "regression"
        else _mcnemar(model, champion)
    )
    return Comparison(
        metric=metric,
        value=value,
        champion=other,
        difference=value - other,
        low=low,
        high=high,
        outcome=_outcome(metric, value, other, low, high),
        test=tested.name,
        p_value=tested.p_value,
        only_model_right=tested.only_model,
        only_champion_right=tested.only_champion,
    )


def _outcome(
    metric: str, value: float, champion: float, low: float | None, high: float | None
) -> str:
    if low is None or high is None or low <= 0 <= high:
        return "no difference shown"
    return "better" if is_better(metric, value, champion) else "worse"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Tested:
    name: str
    p_value: float
    only_model: int
    only_champion: int


def _mcnemar(model: Predictions, champion: Predictions) -> _Tested:
    from scipy import stats

    right, other = model.labels == model.target, champion.labels == champion.target
    only_model, only_champion = int(np.sum(right & ~other)), int(np.sum(other & ~right))
    discordant = only_model + only_champion
    p_value = 1.0
    if discordant:
        p_value = float(stats.binomtest(only_model, discordant, 0.5).pvalue)
    return _Tested(
        name="mcnemar_exact",
        p_value=p_value,
        only_model=only_model,
        only_champion=only_champion,
    )


def _sign_flip(model: Predictions, champion: Predictions, seed: int) -> _Tested:
    """Whichever model an error is of is exchanged at random in each row, FLIPS times."""
    gaps = model.losses() - champion.losses()
    observed = abs(float(gaps.sum()))
    draws = np.random.default_rng([seed, 1])
    as_great, block = 0, max(1, _BLOCK // len(gaps))
    for first in range(0, FLIPS, block):
        signs = draws.integers(0, 2, (min(block, FLIPS - first), len(gaps))) * 2 - 1
        as_great += int(np.sum(np.abs(signs @ gaps) >= observed * (1 - 1e-12)))
    return _Tested(
        name="sign_flip",
        p_value=(as_great + 1) / (FLIPS + 1),
        only_model=int(np.sum(gaps < 0)),
        only_champion=int(np.sum(gaps > 0)),
    )


def champion_file(path: Path) -> Path:
    """The file that is asked for a champion's predictions: a .parquet, or a model.onnx.

    Raises:
        DataError: there is none at `path`.
    """
    file = path / "model.onnx" if path.is_dir() else path
    if not file.is_file() or file.suffix not in (".onnx", ".parquet"):
        raise DataError(
            f"[evaluate] champion {path}: wanted a version's folder, its model.onnx beside its "
            "signature.json, or a predictions.parquet."
        )
    return file


def champion_predictions(path: Path, subject: Subject) -> Predictions:
    """What the champion says of the subject's rows.

    Raises:
        DataError: it is of other columns, other classes or other rows.
    """
    file = champion_file(path)
    if file.suffix == ".parquet":
        return _read_predictions(file, subject)
    signature = read_json(file.parent / "signature.json")
    wanted = {
        column
        for tensor in signature["inputs"]
        for column in tensor.get("columns", [tensor["name"]])
    }
    missing = sorted(wanted - set(subject.rows.columns))
    if missing:
        raise DataError(f"the champion {file} reads {', '.join(missing)}: no such columns.")
    predicted = ServedModel(file, signature, threads=subject.spec.threads).predict(subject.rows)
    if subject.spec.problem.task != "regression":
        classes = next(
            output["classes"]
            for output in signature["outputs"]
            if output["name"] == "probabilities"
        )
        predicted = _in_order(file, predicted, list(classes), subject)
    return subject.predictions_of(subject.rows, predicted)


def _in_order(file: Path, predicted: Floats, classes: list[Any], subject: Subject) -> Floats:
    by_name = {str(name): number for number, name in enumerate(classes)}
    names = [str(name) for name in subject.classes]
    if sorted(by_name) != sorted(names):
        raise DataError(
            f"the champion {file} knows {', '.join(by_name)}, wanted {', '.join(names)}: "
            "models of other classes cannot be compared."
        )
    return predicted[:, [by_name[name] for name in names]]


def row_keys(rows: Any, sensitive: frozenset[str]) -> npt.NDArray[np.uint64]:
    """A number for each row (n,) that tells it from others without its sensitive columns."""
    import pandas as pd

    columns = sorted(column for column in rows.columns if column not in sensitive)
    keys = pd.util.hash_pandas_object(rows[columns], index=False)
    return np.asarray(keys.to_numpy(np.uint64))


def predictions_table(subject: Subject, predictions: Predictions) -> Any:
    """predictions.parquet: a line per row of the part, in its order; no feature is among it."""
    import pandas as pd

    table: dict[str, Any] = {
        "row": row_keys(subject.rows, subject.sensitive),
        "target": subject.rows[subject.spec.problem.target],
    }
    if predictions.task == "regression":
        table["prediction"] = predictions.predicted
    else:
        names = np.asarray(subject.classes, dtype=object)
        table["prediction"] = pd.Series(names[predictions.labels]).infer_objects()
        for number, name in enumerate(subject.classes):
            table[f"probability of {name}"] = predictions.predicted[:, number]
    return pd.DataFrame(table)


def _read_predictions(file: Path, subject: Subject) -> Predictions:
    import pandas as pd

    table = pd.read_parquet(file)
    keys = row_keys(subject.rows, subject.sensitive)
    if "row" not in table or not np.array_equal(table["row"].to_numpy(np.uint64), keys):
        raise DataError(
            f"{file} is of other rows than this test part: name the champion's model.onnx, which "
            "can be asked for these."
        )
    if subject.spec.problem.task == "regression":
        return subject.predictions_of(subject.rows, table["prediction"].to_numpy(np.float64))
    columns = [f"probability of {name}" for name in subject.classes]
    known = [column for column in table.columns if str(column).startswith("probability of ")]
    if sorted(known) != sorted(columns):
        raise DataError(f"{file} is of other classes than this target has.")
    return subject.predictions_of(subject.rows, table[columns].to_numpy(np.float64))
