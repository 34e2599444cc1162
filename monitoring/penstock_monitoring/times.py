# SPDX-License-Identifier: Apache-2.0
"""When the rows of a table came, and what hour of the week that was."""

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
import numpy.typing as npt

from penstock.errors import ProfileError
from penstock.predict.arrow import pyarrow_module
from penstock_monitoring.tables import OpenTable

__all__ = ["hours_of_week", "times_of"]

#: The least time by which clocks of two places differ.
QUARTER_S = 900


def times_of(table: OpenTable, column: str) -> npt.NDArray[np.float64]:
    """The time of each row, in seconds since 1970, UTC (n,).

    The column is of timestamps (without a time zone: UTC), of dates, or of numbers of seconds.

    Raises:
        ProfileError: it is not there, is none of these, or has missing values.
    """
    if column not in table.schema.names:
        raise ProfileError(f"{table.name} has no column {column!r} to take times from.")
    arrow = pyarrow_module()
    kind = table.schema.field(column).type
    if not (
        arrow.types.is_timestamp(kind)
        or arrow.types.is_date(kind)
        or arrow.types.is_integer(kind)
        or arrow.types.is_floating(kind)
    ):
        raise ProfileError(
            f"{table.name}: column {column!r} is {kind}: wanted timestamps, or seconds since 1970."
        )
    parts = [_seconds(batch.column(0), kind) for batch in table.batches([column])]
    times = np.concatenate(parts)
    if not np.isfinite(times).all():
        raise ProfileError(f"{table.name}: {np.sum(~np.isfinite(times))} rows have no {column!r}.")
    return times


def hours_of_week(times: npt.NDArray[np.float64], timezone: str) -> npt.NDArray[np.int64]:
    """The hour of the week (n,) of each time, 0 to 167 from Monday on, by the clock of a place.

    Raises:
        ProfileError: `timezone` is no IANA name.
    """
    try:
        zone = ZoneInfo(timezone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ProfileError(
            f"There is no time zone {timezone!r}: wanted one as Europe/Rome."
        ) from None
    quarters, which = np.unique(np.floor(times / QUARTER_S).astype(np.int64), return_inverse=True)
    hours = [
        (local.weekday() * 24 + local.hour)
        for local in (
            datetime.fromtimestamp(quarter * QUARTER_S, UTC).astimezone(zone)
            for quarter in quarters.tolist()
        )
    ]
    return np.asarray(hours, dtype=np.int64)[which]


def _seconds(array: Any, kind: Any) -> npt.NDArray[np.float64]:
    arrow = pyarrow_module()
    if arrow.types.is_timestamp(kind) or arrow.types.is_date(kind):
        array = array.cast(arrow.timestamp("us")).cast(arrow.int64())
        return _floats(array) / 1e6
    return _floats(array)


def _floats(array: Any) -> npt.NDArray[np.float64]:
    found: npt.NDArray[np.float64] = array.cast(pyarrow_module().float64(), safe=False).to_numpy(
        zero_copy_only=False
    )
    return found
