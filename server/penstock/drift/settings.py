# SPDX-License-Identifier: Apache-2.0
"""How the rows of a model are watched: monitoring.toml next to it."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["MonitoringSettings"]


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
    timezone: str = "UTC"
    #: Columns that are counted but never told of.
    sensitive: tuple[str, ...] = ()
    #: Live rows that make a reference where none was given; 0: none is made.
    self_reference_rows: Annotated[int, Field(ge=0, le=100_000)] = 2000
    #: Whether alarms may be against the same hours of last week, once that is known.
    seasonal: bool = True
