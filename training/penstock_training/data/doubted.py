# SPDX-License-Identifier: Apache-2.0
"""Labels that the other rows contradict, by cleanlab, and whether they look like a plan.

A forest predicts each row from rows of other folds. Of classes, confident learning (Northcutt,
Jiang & Chuang, "Confident Learning: Estimating Uncertainty in Dataset Labels", 2021) says which
labels are likely wrong. Of a regression, a target is doubted that is further from its prediction
than RESIDUALS_MAX robust standard deviations of all residuals.

Mistakes go both ways between two classes. Labels that were flipped on purpose go one way: that is
told apart. A poisoned label whose row carries a mark that a model can learn is not seen: a model
that has learnt the mark agrees with the label.
"""

from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from penstock_training.data.columns import Columns
from penstock_training.data.findings import Finding, severity_of
from penstock_training.data.same_rows import codes_of, numbers_of
from penstock_training.data.tables import ROW
from penstock_training.data.target import class_codes
from penstock_training.spec.data import Answer

__all__ = ["Doubts", "doubted_table", "findings_of", "labels_in_doubt"]

#: Of more rows, or more values, a sample of rows is looked at.
ROWS_MAX = 10_000
VALUES_MAX = 1_000_000
RESIDUALS_MAX = 6.0
_FOLDS = 5
_TREES = 50
#: Doubted labels of one class that go to one other: a plan, if there are so many, and so few back.
_ONE_WAY_MIN = 10
_BACK_SHARE_MAX = 0.1
_MAD_TO_SD = 1.4826

Array = NDArray[Any]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Doubts:
    """Rows whose labels are doubted, the most doubted first."""

    #: Places in the table.
    rows: Array
    given: list[Any]
    expected: list[Any]
    #: cleanlab's quality of the label, from 0 to 1.
    quality: Array
    #: Rows that were looked at.
    looked_at: int


def labels_in_doubt(table: Any, columns: Columns, *, is_classes: bool, seed: int) -> Doubts | None:
    """Look for labels that other rows contradict; None if a class has too few rows for that."""
    rows = np.arange(len(table))
    rows_max = min(ROWS_MAX, max(VALUES_MAX // len(columns.features), 1))
    if len(table) > rows_max:
        rows = np.sort(np.random.default_rng(seed).choice(rows, rows_max, replace=False))
        table = table.take(rows)
    x = np.stack([_column(table, name, columns) for name in columns.features], axis=1)
    target = table.column(columns.target)
    find = _of_classes if is_classes else _of_numbers
    return find(x, target, rows, seed)


def _column(table: Any, name: str, columns: Columns) -> Array:
    column = table.column(name)
    found: Array = numbers_of(column) if name in columns.numeric else codes_of(column)
    return found.astype(np.float64)


def _of_classes(x: Array, target: Any, rows: Array, seed: int) -> Doubts | None:
    from cleanlab.filter import find_label_issues
    from cleanlab.rank import get_label_quality_scores
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.model_selection import StratifiedKFold, cross_val_predict

    codes, classes = class_codes(target)
    folds = min(_FOLDS, int(np.bincount(codes).min()))
    if folds < 2:
        return None
    model = RandomForestClassifier(_TREES, min_samples_leaf=2, random_state=seed)
    split = StratifiedKFold(folds, shuffle=True, random_state=seed)
    probabilities = cross_val_predict(model, x, codes, cv=split, method="predict_proba")
    quality = np.asarray(get_label_quality_scores(codes, probabilities))
    doubted = np.asarray(
        find_label_issues(
            codes, probabilities, n_jobs=1, return_indices_ranked_by="self_confidence"
        ),
        np.int64,
    )
    return Doubts(
        rows=rows[doubted],
        given=[classes[code] for code in codes[doubted]],
        expected=[classes[code] for code in probabilities[doubted].argmax(axis=1)],
        quality=quality[doubted],
        looked_at=len(rows),
    )


def _of_numbers(x: Array, target: Any, rows: Array, seed: int) -> Doubts | None:
    from cleanlab.regression.rank import get_label_quality_scores
    from sklearn.ensemble import RandomForestRegressor
    from sklearn.model_selection import KFold, cross_val_predict

    y = numbers_of(target)
    if len(y) < 2 * _FOLDS:
        return None
    model = RandomForestRegressor(_TREES, min_samples_leaf=2, random_state=seed)
    split = KFold(_FOLDS, shuffle=True, random_state=seed)
    predicted = np.asarray(cross_val_predict(model, x, y, cv=split))
    residuals = y - predicted
    middle = float(np.median(residuals))
    spread = _MAD_TO_SD * float(np.median(np.abs(residuals - middle)))
    distances = np.abs(residuals - middle)
    doubted = np.flatnonzero(distances > RESIDUALS_MAX * spread) if spread else np.array([], int)
    doubted = doubted[np.argsort(-distances[doubted], kind="stable")]
    quality = np.asarray(get_label_quality_scores(y, predicted))
    return Doubts(
        rows=rows[doubted],
        given=y[doubted].tolist(),
        expected=predicted[doubted].tolist(),
        quality=quality[doubted],
        looked_at=len(rows),
    )


def findings_of(
    doubts: Doubts, columns: Columns, *, answer: Answer, share_max: float, is_classes: bool
) -> list[Finding]:
    """What is to be said of them. Below `share_max` of the rows it is a note."""
    count, rows = len(doubts.rows), doubts.looked_at
    found = []
    if count:
        too_many = count > share_max * rows
        sentence = (
            f"{count} of {rows} labels are contradicted by the other rows: look at those in "
            "doubted.parquet, the most doubted first."
        )
        severity = severity_of(answer) if too_many else "note"
        found.append(
            Finding(check="labels", severity=severity, columns=(columns.target,), sentence=sentence)
        )
    if is_classes:
        found += _one_way(doubts, columns, answer=answer)
    return found


def _one_way(doubts: Doubts, columns: Columns, *, answer: Answer) -> list[Finding]:
    pairs = Counter(zip(doubts.given, doubts.expected, strict=True))
    found = []
    for (given, expected), count in sorted(pairs.items(), key=lambda item: -item[1]):
        if count < _ONE_WAY_MIN or pairs[expected, given] > _BACK_SHARE_MAX * count:
            continue
        sentence = (
            f"{count} rows labelled {given!r} look like {expected!r}, and {pairs[expected, given]} "
            "the other way round: labels that are flipped one way may be poison; ask where those "
            "rows of doubted.parquet come from."
        )
        found.append(
            Finding(
                check="labels",
                severity="refuse" if answer == "refuse" else "warn",
                columns=(columns.target,),
                sentence=sentence,
            )
        )
    return found


def doubted_table(table: Any, doubts: Doubts, columns: Columns) -> Any:
    """An Arrow table: ROW, the given and the expected label, the quality.

    A spec whose target is sensitive is refused, so labels may be told.
    """
    import pyarrow

    rows = table.take(pyarrow.array(doubts.rows, pyarrow.int64()))
    kind = table.column(columns.target).type
    is_fraction = any(isinstance(one, float) for one in doubts.expected)
    expected_kind = pyarrow.float64() if is_fraction else kind
    return pyarrow.table(
        {
            "given": rows.column(columns.target),
            "expected": pyarrow.array(doubts.expected, expected_kind),
            "quality": pyarrow.array(doubts.quality, pyarrow.float64()),
            ROW: rows.column(ROW),
        }
    )
