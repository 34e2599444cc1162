# SPDX-License-Identifier: Apache-2.0
"""Two tables, or a reference profile and a table: which columns differ, and by how much."""

import time as clock
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from penstock.drift import WatchedColumn
from penstock.errors import ProfileError
from penstock.profile import (
    CategoricalFeature,
    NumericFeature,
    ReferenceProfile,
    SensitiveFeature,
    read_profile,
)
from penstock_monitoring.column_types import Datatype
from penstock_monitoring.reference_table import profile_of_table, remarks_of
from penstock_monitoring.report import DriftReport
from penstock_monitoring.schema_changes import SchemaChanges, schema_changes
from penstock_monitoring.table_counts import ColumnCounts
from penstock_monitoring.table_verdict import Compared, Spans, status_of_counts
from penstock_monitoring.tables import OpenTable, open_table
from penstock_monitoring.times import times_of

__all__ = ["compare"]

#: Spans of time that the rows of a table with times are shown by.
SPANS = 24
#: A span has about so many rows at least.
SPAN_ROWS_MIN = 200

Feature = NumericFeature | CategoricalFeature | SensitiveFeature
Predictions = str | Mapping[str, str | int]


def compare(
    reference: Any,
    current: Any,
    *,
    sensitive: Collection[str] = (),
    categorical: Collection[str] = (),
    exclude: Collection[str] = (),
    predictions: Predictions = "",
    time: str = "",
    false_discovery_rate: float = 0.05,
    p_values: bool = False,
    now: float | None = None,
) -> DriftReport:
    """How the rows of `current` stand to a reference, in one pass over them and bounded memory.

    `reference`: a profile, the path of one (.json), or a table of which one is made first, as
    profile_of_table() does; `sensitive`, `categorical`, `predictions` and `exclude` are as there.
    `time`: the column that says when a row came; it may be of `current` alone. Of the columns that
    are told of as differing, a part of `false_discovery_rate` at most does not, on average,
    however columns hang together (e-BH). With `p_values` the report has those too.
    `now`: seconds since 1970, what the report is dated by; none: the clock.

    Raises:
        ProfileError: a table cannot be compared; the sentence says why.
        PredictError: a file cannot be read.
    """
    if not 0 < false_discovery_rate < 1:
        raise ProfileError(f"a false discovery rate is {false_discovery_rate}: wanted 0 to 1.")
    if isinstance(current, str | Path) and Path(current).suffix == ".json":
        raise ProfileError(f"{current} is no table: a profile is the reference, and comes first.")
    table = open_table(current, what="the current table")
    profile, name, known = _reference(reference, sensitive, categorical, exclude, predictions, time)
    unknown = [one for one in exclude if one not in known and one not in table.schema.names]
    if unknown:
        raise ProfileError(f"neither table has a column {unknown[0]!r}, which was to be left out.")
    asked = [predictions] if isinstance(predictions, str) else list(predictions)
    asked = [column for column in asked if column]
    changes = schema_changes(
        profile, table.schema, where=table.name, ignored={*exclude, *asked, *filter(None, [time])}
    )
    if not changes.kept:
        raise ProfileError(
            f"{table.name} has no column of {name}'s that can be compared: wanted "
            f"{', '.join(feature.name for feature in profile.features[:5])}."
        )
    spans, windows = _spans(table, time, clock.time() if now is None else now)
    counted = [
        *_feature_counts(changes, table.rows, set(sensitive), spans.count),
        *_score_counts(profile, table, asked, spans.count),
    ]
    _count(table, counted, windows)
    status, found = status_of_counts(
        Compared(
            profile=profile,
            name=Path(current).name if isinstance(current, str | Path) else table.name,
            columns=tuple(counted),
            changes=changes,
            spans=spans,
            false_discovery_rate=false_discovery_rate,
            notes=tuple(remarks_of(profile)),
        )
    )
    return DriftReport(status, log_p_values=found if p_values else None)


def _reference(
    given: Any,
    sensitive: Collection[str],
    categorical: Collection[str],
    exclude: Collection[str],
    predictions: Predictions,
    time: str,
) -> tuple[ReferenceProfile, str, Collection[str]]:
    """The profile, what it is called, and the columns of what it is of."""
    if isinstance(given, ReferenceProfile):
        return given, given.model or "the reference", _names(given)
    if isinstance(given, str | Path) and Path(given).suffix == ".json":
        profile = read_profile(Path(given))
        return profile, str(given), _names(profile)
    table = open_table(given, what="the reference table")
    has_times = time in table.schema.names
    profile = profile_of_table(
        table.held if not isinstance(given, str | Path) else given,
        model=Path(table.name).name if isinstance(given, str | Path) else "",
        sensitive=sensitive,
        categorical=categorical,
        exclude=[name for name in exclude if name in table.schema.names],
        predictions=predictions,
        time=time if has_times else "",
    )
    return profile, table.name, table.schema.names


def _names(profile: ReferenceProfile) -> Collection[str]:
    return {feature.name for feature in profile.features}


def _spans(table: OpenTable, time: str, now: float) -> tuple[Spans, npt.NDArray[np.int64] | None]:
    """The spans of time that rows are counted by, and which one each row (n,) is in."""
    if not time:
        return Spans(begin=now, end=now, now=now), None
    times = times_of(table, time)
    begin, end = float(times.min()), float(times.max())
    count = int(np.clip(len(times) // SPAN_ROWS_MIN, 1, SPANS)) if end > begin else 1
    width = (end - begin) / count or 1.0
    windows = np.minimum(((times - begin) / width).astype(np.int64), count - 1)
    return Spans(begin=begin, end=end, now=now, count=count), windows


def _feature_counts(
    changes: SchemaChanges, rows: int, sensitive: set[str], windows: int
) -> Iterator[ColumnCounts]:
    for feature in changes.kept:
        datatype: Datatype = "FP32" if isinstance(feature, NumericFeature) else feature.datatype
        yield ColumnCounts(
            column=_watched(feature, feature.name in sensitive),
            datatype=datatype,
            rows=rows,
            windows=windows,
        )


def _watched(feature: Feature, is_sensitive: bool) -> WatchedColumn:
    name = feature.name
    if is_sensitive or isinstance(feature, SensitiveFeature):
        return WatchedColumn(name=name, tensor="", reading="present", is_sensitive=True)
    if isinstance(feature, CategoricalFeature):
        return WatchedColumn(
            name=name, tensor="", reading="category", categories=feature.categories
        )
    return WatchedColumn(
        name=name,
        tensor="",
        reading="number",
        edges=feature.edges,
        minimum=feature.minimum,
        maximum=feature.maximum,
    )


def _score_counts(
    profile: ReferenceProfile, table: OpenTable, asked: list[str], windows: int
) -> Iterator[ColumnCounts]:
    """Of the columns of predictions that are named, which are the profile's scores in order."""
    if asked and len(asked) != len(profile.scores):
        raise ProfileError(
            f"{len(asked)} columns of predictions are named, and the reference has "
            f"{len(profile.scores)}: name as many."
        )
    for name, score in zip(asked, profile.scores, strict=True) if asked else ():
        if name not in table.schema.names:
            raise ProfileError(f"{table.name} has no column {name!r}, which was named.")
        column = WatchedColumn(
            name=name, tensor="", is_output=True, reading="number", edges=score.edges
        )
        yield ColumnCounts(column=column, datatype="FP32", rows=table.rows, windows=windows)


def _count(
    table: OpenTable, counted: list[ColumnCounts], windows: npt.NDArray[np.int64] | None
) -> None:
    first = 0
    for batch in table.batches([one.column.name for one in counted]):
        span = None if windows is None else windows[first : first + batch.num_rows]
        for one in counted:
            one.add(batch.column(one.column.name), span)
        first += batch.num_rows
