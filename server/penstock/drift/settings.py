# SPDX-License-Identifier: Apache-2.0
"""How the rows of a model are watched: monitoring.toml next to it."""

from typing import Annotated, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

__all__ = ["MonitoringSettings"]


def _known_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, OSError, ValueError):
        raise ValueError(
            f"wanted an IANA time zone, such as Europe/Berlin, found {name!r}"
        ) from None
    return name


class MonitoringSettings(BaseModel):
    """What monitoring.toml may say; nothing of it has to be said."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, strict=True)

    #: `full`: every request; `sampled`: `share` of them; `off`: none.
    mode: Literal["off", "sampled", "full"] = "full"
    share: Annotated[float, Field(gt=0, le=1)] = 0.1
    #: For the whole model. The one knob of how soon and how often alarms are raised.
    false_alarms_per_30_days: Annotated[float, Field(gt=0, le=1000)] = 1.0
    #: How far a mean score of [-1, 1] may be off before it counts as drift.
    tolerance: Annotated[float, Field(ge=0, le=0.5)] = 0.02
    #: An IANA name: what hours of the week are reckoned in.
    timezone: Annotated[str, AfterValidator(_known_zone)] = "UTC"
    #: Columns that are counted but never told of.
    sensitive: tuple[str, ...] = ()
    #: Live rows that make a reference where none was given; 0: none is made.
    self_reference_rows: Annotated[int, Field(ge=0, le=100_000)] = 2000
    #: Whether alarms may be against the same hours of last week, once that is known.
    seasonal: bool = True
    #: A tick ends after so many seconds and at least 32 rows that are tested: no alarm is raised
    #: sooner. Of shorter ticks there are more, so each needs more evidence.
    tick_s: Annotated[float, Field(ge=0.1, le=3600)] = 10.0
