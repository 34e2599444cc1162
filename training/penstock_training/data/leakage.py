# SPDX-License-Identifier: Apache-2.0
"""Features that know too much: copies of the target, and those that predict it by themselves.

Each feature alone predicts the target of rows that it was not fitted to: a number by a decision
tree, a category by what its rows have in common. What is missing counts as a value, for it may tell
as much. A feature that scores SKILL_MIN of what is possible is no luck of the rows.

Identifiers, a new value in each row, are told apart: they predict nothing, and learn rows by heart.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from penstock_training.data.columns import Columns
from penstock_training.data.findings import Finding, severity_of
from penstock_training.data.same_rows import codes_of, numbers_of
from penstock_training.data.target import class_codes
from penstock_training.spec.data import Answer

__all__ = ["ROWS_MAX", "SKILL_MIN", "identifiers", "leaks"]

#: Of more rows a sample is looked at.
ROWS_MAX = 5000
#: 0: as good as the commonest class or the mean; 1: never wrong.
SKILL_MIN = 0.995
#: A feature that is not half good on the first rows is not looked at further: most are not.
_FIRST_ROWS = 1000
_FIRST_SKILL_MIN = 0.5
_FOLDS = 3
_LEAF_ROWS_MIN = 2
#: Of fewer rows nothing is said: a feature may separate them by luck.
_ROWS_MIN = 30

Array = NDArray[Any]


def leaks(
    table: Any, columns: Columns, *, is_classes: bool, answer: Answer, seed: int
) -> list[Finding]:
    """A finding for each feature that predicts the target almost surely."""
    if len(table) < _ROWS_MIN:
        return []
    # Also of few rows the order is chance, so that the first rows are any rows.
    rows = np.random.default_rng(seed).permutation(len(table))[:ROWS_MAX]
    table = table.take(rows)
    target = table.column(columns.target)
    y = class_codes(target)[0] if is_classes else numbers_of(target)
    folds = np.arange(len(table)) % _FOLDS
    found = []
    for name in columns.features:
        column = table.column(name)
        is_number = name in columns.numeric
        x: Array = numbers_of(column) if is_number else codes_of(column)
        few = slice(0, _FIRST_ROWS)
        first = _skill(x[few], y[few], folds[few], is_number=is_number, is_classes=is_classes)
        if first < _FIRST_SKILL_MIN:
            continue
        skill = _skill(x, y, folds, is_number=is_number, is_classes=is_classes)
        if skill >= SKILL_MIN:
            sentence = (
                f"feature {name!r} alone predicts the target {columns.target!r} ({skill:.1%} of "
                "what is possible): it may be known only afterwards; add it to [features] drop."
            )
            found.append(
                Finding(
                    check="leakage",
                    severity=severity_of(answer),
                    columns=(name,),
                    sentence=sentence,
                )
            )
    return found


def _skill(x: Array, y: Array, folds: Array, *, is_number: bool, is_classes: bool) -> float:
    predicted = np.empty(len(y), np.float64)
    for fold in range(_FOLDS):
        fits, judges = folds != fold, folds == fold
        predict = _by_tree if is_number else _by_category
        predicted[judges] = predict(x[fits], y[fits], x[judges], is_classes)
    if not is_classes:
        spread = float(np.square(y - y.mean()).sum())
        return 1 - float(np.square(y - predicted).sum()) / spread if spread else 0.0
    # Balanced accuracy: the commonest class alone is worth nothing.
    recalls = [float((predicted[y == code] == code).mean()) for code in np.unique(y)]
    chance = 1 / len(recalls)
    return (float(np.mean(recalls)) - chance) / (1 - chance)


def _by_tree(x: Array, y: Array, asked: Array, is_classes: bool) -> Array:
    from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

    make = DecisionTreeClassifier if is_classes else DecisionTreeRegressor
    tree = make(min_samples_leaf=_LEAF_ROWS_MIN, random_state=0)
    found: Array = tree.fit(x.reshape(-1, 1), y).predict(asked.reshape(-1, 1))
    return found


def _by_category(x: Array, y: Array, asked: Array, is_classes: bool) -> Array:
    """The commonest class, or the mean, of a category; of an unknown one that of all rows."""
    count = int(max(x.max(), asked.max())) + 1
    rows = np.bincount(x, minlength=count)
    if is_classes:
        votes = np.zeros((count, int(y.max()) + 1))
        np.add.at(votes, (x, y), 1)
        answers = votes.argmax(axis=1).astype(np.float64)
        usual = float(np.bincount(y).argmax())
    else:
        answers = np.bincount(x, weights=y, minlength=count) / np.maximum(rows, 1)
        usual = float(y.mean())
    found: Array = np.where(rows[asked] > 0, answers[asked], usual)
    return found


def identifiers(table: Any, columns: Columns) -> list[Finding]:
    """A finding for each feature of text or whole numbers that has a new value in each row."""
    from pyarrow import types

    found = []
    for name in columns.features:
        column = table.column(name)
        is_discrete = types.is_string(column.type) or types.is_integer(column.type)
        if not is_discrete or len(table) < _ROWS_MIN or column.null_count:
            continue
        if int(codes_of(column).max()) + 1 == len(table):
            sentence = (
                f"feature {name!r} has another value in each of {len(table)} rows: if it names "
                "them, add it to [features] drop."
            )
            found.append(
                Finding(check="identifier", severity="warn", columns=(name,), sentence=sentence)
            )
    return found
