# SPDX-License-Identifier: Apache-2.0
"""Builds the reference profile of a version from held-out rows. The format is penstock.profile's.

Rows that the model learnt from must not be among them: its answers to those are better than any
that it will give. Of a sensitive column nothing is kept but how many values it has not.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from penstock.digests import canonical_json
from penstock.errors import ProfileError
from penstock.profile import (
    ReferenceProfile,
    category_places,
    digest_of_profile,
    number_places,
    profile_of,
)
from penstock.profile.features import CATEGORIES_MAX, EDGES_MAX
from penstock.profile.places import CATEGORY_SPECIALS, SPECIALS
from penstock.profile.reference import FORMAT
from penstock_monitoring.edges import bins_of, isotonic, quantile_edges, shortest

__all__ = ["Column", "Reference", "build_profile", "write_profile"]

Floats = npt.NDArray[np.float64]

#: A category of fewer rows is `other`: so few tell nothing of its rate, and may be somebody's name.
CATEGORY_ROWS_MIN = 5
SCORE_BINS = 20
#: Rows of a tick, and ticks below which nothing is said of how much their counts vary.
TICK_ROWS = 32
TICKS_MIN = 50
DIGITS = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column of a model's inputs: n values, as the model reads them."""

    name: str
    #: FP32: numbers, NaN where one is missing. BYTES: texts, "" where one is. INT64: numbers.
    datatype: Literal["FP32", "BYTES", "INT64"]
    values: npt.NDArray[Any]
    is_sensitive: bool = False
    importance: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """What the model said of n held-out rows, and what was true."""

    model: str
    columns: Sequence[Column]
    #: Classes whose probabilities are told; of regression one name for the prediction.
    answers: Sequence[str | int]
    #: (n, a) of the answers.
    answered: Floats
    #: Each row's loss (n,).
    losses: Floats
    #: Each row's true class; of regression its true value (n,).
    truth: npt.NDArray[Any]
    #: All classes in order; none: regression.
    classes: Sequence[str | int] = ()
    metrics: Mapping[str, float] = field(default_factory=dict)
    #: Whether rows follow each other as they came.
    is_in_time_order: bool = False
    seed: int = 0


def build_profile(reference: Reference) -> ReferenceProfile:
    """The profile of n rows.

    Raises:
        ProfileError: there are no rows, or parts of different rows.
    """
    n = len(reference.losses)
    if n == 0:
        raise ProfileError("a reference profile needs held-out rows: there are none.")
    for column in reference.columns:
        if len(column.values) != n:
            raise ProfileError(f"{column.name} has {len(column.values)} rows, losses {n}.")
    if reference.answered.shape != (n, len(reference.answers)) or len(reference.truth) != n:
        raise ProfileError(f"answers and true values are not those of {n} rows.")
    content: dict[str, Any] = {
        "format": FORMAT,
        "model": reference.model,
        "rows": n,
        "answers": list(reference.answers),
        "features": [_feature(column, reference) for column in reference.columns],
        "target": _target(reference),
        "scores": [_scores(reference, place) for place in range(len(reference.answers))],
        "metrics": {
            name: _rounded(value)
            for name, value in sorted(reference.metrics.items())
            if np.isfinite(value)
        },
        "thresholds": None,
        "seed": reference.seed,
    }
    content["digest"] = digest_of_profile(content)
    return profile_of(content)


def write_profile(profile: ReferenceProfile, path: Path) -> None:
    """Write profile.json: the same bytes for the same profile."""
    content = profile.model_dump(mode="json")
    path.write_text(canonical_json(content) + "\n", encoding="utf-8")


def _feature(column: Column, reference: Reference) -> dict[str, Any]:
    if column.is_sensitive:
        return _sensitive(column)
    return (
        _numeric(column, reference)
        if column.datatype == "FP32"
        else _categorical(column, reference)
    )


def _sensitive(column: Column) -> dict[str, Any]:
    values = column.values
    is_missing = values == "" if column.datatype == "BYTES" else np.zeros(len(values), dtype=bool)
    if column.datatype == "FP32":
        is_missing = np.isnan(values.astype(np.float32))
    return {
        "kind": "sensitive",
        "name": column.name,
        "datatype": column.datatype,
        "rows": len(values),
        "missing": int(np.sum(is_missing)),
    }


def _numeric(column: Column, reference: Reference) -> dict[str, Any]:
    values = column.values.astype(np.float32)
    finite = values[np.isfinite(values)]
    edges = quantile_edges(finite, bins_of(len(finite)))
    places = number_places(values, edges)
    wide = finite.astype(np.float64)
    has_any = len(finite) > 0
    return {
        "kind": "numeric",
        "name": column.name,
        "edges": edges,
        "minimum": shortest(finite.min()) if has_any else None,
        "maximum": shortest(finite.max()) if has_any else None,
        "mean": _rounded(wide.mean()) if has_any else None,
        "variance": _rounded(wide.var()) if has_any else None,
    } | _counted(column, places, len(edges) + 1 + len(SPECIALS), reference)


def _categorical(column: Column, reference: Reference) -> dict[str, Any]:
    values = column.values.tolist()
    present = [value for value in values if value != ""]
    known, counts = np.unique(np.asarray(present, dtype=object), return_counts=True)
    ranked = sorted(zip(counts.tolist(), known.tolist(), strict=True), key=_commonest_first)
    categories = [name for count, name in ranked if count >= CATEGORY_ROWS_MIN][:CATEGORIES_MAX]
    places = category_places(values, categories)
    return {
        "kind": "categorical",
        "name": column.name,
        "datatype": column.datatype,
        "categories": categories,
        "distinct": len(known),
    } | _counted(column, places, len(categories) + len(CATEGORY_SPECIALS), reference)


def _commonest_first(counted: tuple[int, Any]) -> tuple[int, Any]:
    return -counted[0], counted[1]


def _counted(
    column: Column, places: npt.NDArray[np.int64], count: int, reference: Reference
) -> dict[str, Any]:
    """What is told of each of `count` places, of which `places` says each row's."""
    counts = np.bincount(places, minlength=count)
    responses = [
        _means(places, counts, reference.answered[:, answer])
        for answer in range(len(reference.answers))
    ]
    losses = _means(places, counts, reference.losses)
    overdispersion = _overdispersion(places, count) if reference.is_in_time_order else None
    return {
        "counts": counts.tolist(),
        "response": [
            [_rounded(response[place]) for response in responses] if rows else None
            for place, rows in enumerate(counts)
        ],
        "loss": [_rounded(losses[place]) if rows else None for place, rows in enumerate(counts)],
        "importance": None if column.importance is None else _rounded(column.importance),
        "overdispersion": overdispersion,
    }


def _means(places: npt.NDArray[np.int64], counts: npt.NDArray[Any], of_rows: Floats) -> Floats:
    sums = np.bincount(places, weights=of_rows, minlength=len(counts))
    return np.asarray(sums / np.maximum(counts, 1))


def _overdispersion(places: npt.NDArray[np.int64], count: int) -> float | None:
    """The variance of ticks' counts over a multinomial's, summed over places."""
    ticks = len(places) // TICK_ROWS
    if ticks < TICKS_MIN:
        return None
    used = places[: ticks * TICK_ROWS]
    cells = used + np.repeat(np.arange(ticks) * count, TICK_ROWS)
    counts = np.bincount(cells, minlength=ticks * count).reshape(ticks, count)
    shares = counts.sum(axis=0) / len(used)
    wanted = float((TICK_ROWS * shares * (1 - shares)).sum())
    # A column of one value varies as much as it should.
    return _rounded(float(counts.var(axis=0, ddof=1).sum()) / wanted) if wanted > 0 else 1.0


def _target(reference: Reference) -> dict[str, Any]:
    if reference.classes:
        return {
            "kind": "classes",
            "classes": list(reference.classes),
            "counts": [int(np.sum(reference.truth == name)) for name in reference.classes],
        }
    truth = reference.truth.astype(np.float64)
    edges = quantile_edges(truth.astype(np.float32), bins_of(len(truth)))
    places = number_places(truth, edges)
    return {
        "kind": "numbers",
        "edges": edges,
        "counts": np.bincount(places, minlength=len(edges) + 1).tolist(),
        "mean": _rounded(truth.mean()),
        "variance": _rounded(truth.var()),
    }


def _scores(reference: Reference, place: int) -> dict[str, Any]:
    answered = reference.answered[:, place].astype(np.float32)
    edges = quantile_edges(answered, min(SCORE_BINS, bins_of(len(answered)), EDGES_MAX + 1))
    places = number_places(answered, edges)
    counts = np.bincount(places, minlength=len(edges) + 1)
    losses = _means(places, counts, reference.losses)
    found: dict[str, Any] = {
        "answer": None,
        "edges": edges,
        "counts": counts.tolist(),
        "hits": [],
        "calibrated": [],
        "loss": [_rounded(losses[b]) if rows else None for b, rows in enumerate(counts)],
    }
    if reference.classes:
        name = reference.answers[place]
        hits = np.bincount(places[reference.truth == name], minlength=len(counts))
        found["answer"] = name
        found["hits"] = hits.tolist()
        found["calibrated"] = [_rounded(share) for share in isotonic(hits, counts)]
    return found


def _rounded(value: float) -> float:
    return float(f"{value:.{DIGITS}g}")
