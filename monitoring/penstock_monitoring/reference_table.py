# SPDX-License-Identifier: Apache-2.0
"""The reference profile of a table of held-out rows."""

from collections.abc import Collection, Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from penstock.errors import ProfileError
from penstock.profile import CategoricalFeature, NumericFeature, ReferenceProfile
from penstock_monitoring.asked_model import asked_of
from penstock_monitoring.bound import bound_of
from penstock_monitoring.column_types import (
    Datatype,
    TypedColumn,
    categories_of,
    numbers_of,
    typed_columns,
)
from penstock_monitoring.dependence import TICK_ROWS
from penstock_monitoring.held_out import Column, Floats, Reference
from penstock_monitoring.profile import build_profile
from penstock_monitoring.row_choice import chosen_rows, rows_max
from penstock_monitoring.tables import OpenTable, open_table
from penstock_monitoring.times import hours_of_week, times_of

__all__ = ["profile_of_table", "remarks_of"]

Values = npt.NDArray[Any]

WEEK_S = 7 * 86_400
#: Of fewer, nobody can tell an hour of the week from a day that was odd.
SEASONAL_WEEKS = 2
#: Of rows in time order so many that follow each other are looked at, where not all are.
RUN_ROWS = 32 * TICK_ROWS


def profile_of_table(
    table: Any,
    *,
    model: str = "",
    predictions: str | Mapping[str, str | int] = "",
    target: str = "",
    importances: Mapping[str, float] | None = None,
    sensitive: Collection[str] = (),
    categorical: Collection[str] = (),
    exclude: Collection[str] = (),
    time: str = "",
    timezone: str = "UTC",
    seasonal: bool = False,
    sketches: bool = False,
    seed: int = 0,
) -> ReferenceProfile:
    """What live rows are compared with, of a table as open_table() takes it.

    Every column is one of the model's inputs but those that are named otherwise. Numbers and
    booleans are numbers; texts and dictionaries are categories, as are whole numbers named by
    `categorical`. Of more than a million rows (or 32 million values), so many are looked at, spread
    evenly.

    `predictions`: the column of a regression's answers, or by column the class whose probability it
    is. `target`: the column of what was true. `importances`: by column. `sensitive`: of whose
    values nothing is kept but how many are missing. `time`: when each row came, for how much
    counts vary over time, and with `seasonal` for counts by hour of the week of `timezone`, of 2
    weeks or more. `sketches`: keep a KLL sketch of each column of numbers.

    Raises:
        ProfileError: the table has no rows, a column that is neither numbers nor categories, or
            not the columns that are named.
        PredictError: a file cannot be read.
    """
    opened = open_table(table)
    asked = {predictions: None} if isinstance(predictions, str) else dict(predictions)
    asked.pop("", None)
    named = [*asked, *(name for name in (target, time) if name)]
    for name in (*sensitive, *named):
        if name not in opened.schema.names:
            raise ProfileError(f"{opened.name} has no column {name!r}, which was named.")
    columns = typed_columns(
        opened.schema, where=opened.name, categorical=categorical, exclude={*exclude, *named}
    )
    order, times = _order(opened, time, rows_max(len(columns)))
    is_seasonal = seasonal and _covers_weeks(times, opened, time)
    told = importances or {}
    values = _gathered(opened, columns, order)
    answered = {name: _numbers(opened, name, order).astype(np.float64) for name in asked}
    known = asked_of(
        answered,
        [
            str(one) if not isinstance(one, int) else one
            for one in asked.values()
            if one is not None
        ],
        _truth(opened, target, order) if target else None,
    )
    return build_profile(
        Reference(
            model=model,
            columns=[
                Column(
                    name=column.name,
                    datatype=column.datatype,
                    values=values[column.name],
                    is_sensitive=column.name in sensitive,
                    importance=told.get(column.name),
                )
                for column in columns
            ],
            answers=known.answers,
            answered=known.answered,
            losses=known.losses,
            truth=known.truth,
            classes=known.classes,
            is_in_time_order=bool(time),
            hours=hours_of_week(times, timezone) if is_seasonal else None,
            timezone=timezone,
            has_sketches=sketches,
            seed=seed,
        )
    )


def remarks_of(profile: ReferenceProfile) -> Iterator[str]:
    """Sentences about what little can be told of. Pure."""
    bound = bound_of(
        profile, {one.name for one in profile.features}, "The bound of false alarms holds"
    )
    told = any(getattr(one, "history", None) is not None for one in profile.features)
    if not (told and bound.is_claimed):
        yield bound.sentence
    for feature in profile.features:
        match feature:
            case NumericFeature() if feature.minimum is None:
                yield f"{feature.name} has no finite value: only whether that changes can be seen."
            case NumericFeature() if feature.minimum == feature.maximum:
                yield f"{feature.name} is always {feature.minimum:g}: any other value is new."
            case CategoricalFeature() if feature.counts[-1] == feature.rows:
                yield f"{feature.name} has no value: only whether that changes can be seen."
            case CategoricalFeature() if feature.counts[-2] * 2 > feature.rows:
                yield (
                    f"{feature.name} has {feature.distinct} different values, most of them too "
                    "rare for a bin of their own: leave it out if it is a name or a key."
                )
            case _:
                pass


def _order(
    opened: OpenTable, time: str, most: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    """Numbers of the rows that are looked at, in order of time if there is one; their times."""
    if not time:
        found = np.flatnonzero(chosen_rows(opened.rows, most, TICK_ROWS))
        return found, np.zeros(0)
    times = times_of(opened, time)
    order = np.argsort(times, kind="stable")[chosen_rows(opened.rows, most, RUN_ROWS)]
    return order, times[order]


def _covers_weeks(times: npt.NDArray[np.float64], opened: OpenTable, time: str) -> bool:
    if not time:
        raise ProfileError("counts by hour of the week need the column of times.")
    weeks = (times[-1] - times[0]) / WEEK_S
    if weeks < SEASONAL_WEEKS:
        raise ProfileError(
            f"{opened.name} covers {weeks:.1f} weeks by {time!r}: counts by hour of the week want "
            f"{SEASONAL_WEEKS} at least."
        )
    return True


def _gathered(
    opened: OpenTable, columns: tuple[TypedColumn, ...], order: npt.NDArray[np.int64]
) -> dict[str, Values]:
    """The values (n,) of each column, of the rows `order` in that order."""
    chosen = np.sort(order)
    parts: dict[str, list[Values]] = {column.name: [] for column in columns}
    first = 0
    for batch in opened.batches([column.name for column in columns]):
        low, high = np.searchsorted(chosen, [first, first + batch.num_rows])
        rows = chosen[low:high] - first
        for column in columns:
            values = _values(batch.column(column.name), column.datatype)
            parts[column.name].append(values[rows])
        first += batch.num_rows
    rank = np.searchsorted(chosen, order)
    return {name: np.concatenate(found)[rank] for name, found in parts.items()}


def _values(array: Any, datatype: Datatype) -> Values:
    return numbers_of(array) if datatype == "FP32" else categories_of(array, datatype)


def _numbers(opened: OpenTable, name: str, order: npt.NDArray[np.int64]) -> Floats:
    column = TypedColumn(name=name, datatype="FP32")
    [found] = typed_columns(
        opened.schema, where=opened.name, exclude=set(opened.schema.names) - {name}
    )
    if found != column:
        raise ProfileError(f"{opened.name}: predictions in {name!r} are texts: wanted numbers.")
    return _gathered(opened, (column,), order)[name]


def _truth(opened: OpenTable, name: str, order: npt.NDArray[np.int64]) -> Values:
    """True values (n,): texts, or numbers; whole ones as Python has them."""
    [found] = typed_columns(
        opened.schema, where=opened.name, exclude=set(opened.schema.names) - {name}
    )
    values = _gathered(opened, (found,), order)[name]
    if found.datatype == "FP32" and np.array_equal(values, np.floor(values)):
        return np.array([int(value) for value in values.tolist()], dtype=object)
    return values
