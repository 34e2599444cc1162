# SPDX-License-Identifier: Apache-2.0
"""What a reference profile tells of one column, as its JSON has it."""

import base64
from collections import Counter
from typing import Any

import numpy as np
import numpy.typing as npt

from penstock.errors import ProfileError
from penstock.profile import category_places, number_places
from penstock.profile.features import CATEGORIES_MAX, HOURS
from penstock.profile.places import CATEGORY_SPECIALS
from penstock_monitoring.dependence import dependence_of
from penstock_monitoring.edges import bins_of, counts_of_sorted, quantile_edges, shortest
from penstock_monitoring.held_out import Column, Floats, Reference
from penstock_monitoring.rounded import rounded

__all__ = ["feature_of", "means"]

Places = npt.NDArray[np.int64]

#: A category of fewer rows is `other`: so few tell nothing of its rate, and may be somebody's name.
CATEGORY_ROWS_MIN = 5
_UNREADABLE = "\N{REPLACEMENT CHARACTER}"
#: Of KLL: a rank error of 1.33 % (99 %), 2.5 kB.
KLL_K = 200


def feature_of(column: Column, reference: Reference) -> dict[str, Any]:
    """All that is kept of the column."""
    if column.is_sensitive:
        return _sensitive(column)
    return (
        _numeric(column, reference)
        if column.datatype == "FP32"
        else _categorical(column, reference)
    )


def means(places: Places, counts: npt.NDArray[Any], of_rows: Floats) -> Floats:
    """The mean of the rows at each place, 0 where there are none."""
    sums = np.bincount(places, weights=of_rows, minlength=len(counts))
    return np.asarray(sums / np.maximum(counts, 1))


def _sensitive(column: Column) -> dict[str, Any]:
    values = column.values
    is_missing = values == "" if values.dtype.kind in "OU" else np.zeros(len(values), dtype=bool)
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
    finite = np.sort(values[np.isfinite(values)])
    edges = quantile_edges(finite, bins_of(len(finite)))
    infinite = int(np.isinf(values).sum())
    specials = [len(values) - len(finite) - infinite, infinite]
    counts = np.concatenate([counts_of_sorted(finite, edges), specials])
    places = number_places(values, edges) if reference.has_more_than_counts else None
    wide = finite.astype(np.float64)
    has_any = len(finite) > 0
    sketch = {"kll": _sketch(finite)} if reference.has_sketches else {}
    return (
        {
            "kind": "numeric",
            "name": column.name,
            "edges": edges,
            "minimum": shortest(finite.min()) if has_any else None,
            "maximum": shortest(finite.max()) if has_any else None,
            "mean": rounded(wide.mean()) if has_any else None,
            "variance": rounded(wide.var()) if has_any else None,
        }
        | _counted(column, counts, places, reference)
        | sketch
    )


def _sketch(values: npt.NDArray[np.float32]) -> str:
    try:
        from datasketches import kll_floats_sketch
    except ImportError as error:
        raise ProfileError(
            f"datasketches cannot be imported ({error}): `pip install 'penstock[monitoring]'`, or "
            "make the profile without sketches."
        ) from None
    sketch = kll_floats_sketch(KLL_K)
    sketch.update(values)
    return base64.b64encode(sketch.serialize()).decode()


def _categorical(column: Column, reference: Reference) -> dict[str, Any]:
    values = column.values.tolist()
    known = Counter(values)
    known.pop("", None)
    # Bytes that are no UTF-8 came as this, and are another text for whoever counts live rows.
    readable = {name: count for name, count in known.items() if _UNREADABLE not in str(name)}
    enough = [(count, name) for name, count in readable.items() if count >= CATEGORY_ROWS_MIN]
    categories = [name for _, name in sorted(enough, key=_commonest_first)][:CATEGORIES_MAX]
    places = category_places(values, categories)
    counts = np.bincount(places, minlength=len(categories) + len(CATEGORY_SPECIALS))
    return {
        "kind": "categorical",
        "name": column.name,
        "datatype": column.datatype,
        "categories": categories,
        "distinct": len(known),
    } | _counted(column, counts, places, reference)


def _commonest_first(counted: tuple[int, Any]) -> tuple[int, Any]:
    return -counted[0], counted[1]


def _counted(
    column: Column, counts: Places, places: Places | None, reference: Reference
) -> dict[str, Any]:
    """What is told of each place; `places` says which one each row is at, where that matters."""
    told: dict[str, Any] = {
        "counts": counts.tolist(),
        "response": [[] if rows else None for rows in counts],
        "loss": [None] * len(counts),
        "importance": None if column.importance is None else rounded(column.importance),
        "overdispersion": None,
    }
    if places is None:
        return told
    answered, losses = reference.answered, reference.losses
    responses = [] if answered is None else [means(places, counts, one) for one in answered.T]
    lost = None if losses is None else means(places, counts, losses)
    told["response"] = [
        [rounded(response[place]) for response in responses] if rows else None
        for place, rows in enumerate(counts)
    ]
    if lost is not None:
        told["loss"] = [rounded(lost[b]) if rows else None for b, rows in enumerate(counts)]
    if reference.is_in_time_order:
        found = dependence_of(places, len(counts), seed=reference.seed)
        told["overdispersion"] = None if found.phi is None else rounded(found.phi)
        told["history"] = {"block_rows": found.block_rows, "blocks": found.blocks}
    if reference.hours is not None:
        told["by_hour"] = _by_hour(places, len(counts), reference.hours)
    return told


def _by_hour(places: Places, count: int, hours: Places) -> list[list[int]]:
    counts = np.bincount(hours * count + places, minlength=HOURS * count).reshape(HOURS, count)
    return [hour.tolist() if hour.any() else [] for hour in counts]
