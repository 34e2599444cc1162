# SPDX-License-Identifier: Apache-2.0
"""Live rows of a version as the core would count them, and the profile that they are held to."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from penstock.drift import Layout, MonitoringSettings, Sample, Taken, WatchedColumn
from penstock.profile import NumericFeature, ReferenceProfile, category_places, number_places
from penstock_monitoring import Column, Reference, build_profile

__all__ = ["BEGIN", "LiveRows", "layout_of", "profile_of_values", "taken_of"]

Values = Mapping[str, npt.NDArray[Any]]

#: Monday, 2 November 2026, 00:00 UTC.
BEGIN = 1_793_577_600.0


def profile_of_values(values: Values, **more: Any) -> ReferenceProfile:
    """A profile of columns of numbers (float) and texts (object)."""
    n = len(next(iter(values.values())))
    columns = [
        Column(
            name=name,
            datatype="FP32" if column.dtype.kind == "f" else "BYTES",
            values=column,
            is_sensitive=name.startswith("secret"),
        )
        for name, column in values.items()
    ]
    zeros = np.zeros(n)
    return build_profile(
        Reference(
            model="m",
            columns=columns,
            answers=("prediction",),
            answered=zeros.reshape(-1, 1),
            losses=zeros,
            truth=zeros,
            **more,
        )
    )


def layout_of(profile: ReferenceProfile) -> Layout:
    """What the server would watch of a profile's features."""
    found = []
    for feature in profile.features:
        given: dict[str, Any] = {"name": feature.name, "tensor": feature.name}
        if isinstance(feature, NumericFeature):
            given |= {
                "reading": "number",
                "edges": feature.edges,
                "minimum": feature.minimum,
                "maximum": feature.maximum,
                "shift": feature.mean or 0.0,
            }
        elif feature.kind == "categorical":
            given |= {"reading": "category", "categories": feature.categories}
        else:
            given |= {"reading": "present", "is_sensitive": True}
        found.append(WatchedColumn(**given))
    return Layout(columns=tuple(found))


def taken_of(
    layout: Layout,
    values: Values,
    *,
    at: float,
    since: float,
    ends_tick: bool = True,
    repeated_rows: int = 0,
    samples: bool = True,
) -> Taken:
    """What the core would have counted of rows, each of a request of its own."""
    n = len(next(iter(values.values()))) if values else 0
    counts, outside, moments = [], [], []
    numbers = np.full((n, len(layout.columns)), np.nan, dtype=np.float32)
    texts: dict[int, Sequence[str | int]] = {}
    for place, column in enumerate(layout.columns):
        value: npt.NDArray[Any] = values[column.name] if values else np.zeros(0)
        low_high, sums = (0, 0), (0.0, 0.0, np.inf, -np.inf)
        if column.reading == "present":
            is_missing = value == "" if value.dtype.kind == "O" else np.isnan(value.astype(float))
            places = is_missing.astype(np.int64)
        elif column.reading == "category":
            texts[place] = [str(text) for text in value]
            places = category_places(texts[place], column.categories)
        else:
            value = value.astype(np.float32)
            places = number_places(value, column.edges)
            numbers[:, place] = value
            finite = value[np.isfinite(value)].astype(np.float64)
            if len(finite):
                off = finite - column.shift
                sums = (off.sum(), (off**2).sum(), finite.min(), finite.max())
            if column.minimum is not None and column.maximum is not None:
                low_high = (
                    int((finite < np.float32(column.minimum)).sum()),
                    int((finite > np.float32(column.maximum)).sum()),
                )
        counts.append(np.bincount(places, minlength=column.places))
        outside.append(low_high)
        moments.append(sums)
    all_counts = np.concatenate(counts).astype(np.uint32)
    return Taken(
        at=at,
        since=since,
        shown=all_counts,
        tested=all_counts,
        outside=np.array(outside, dtype=np.uint32),
        moments=np.array(moments, dtype=np.float64),
        requests=n,
        rows=n,
        tested_rows=n,
        dropped_rows=0,
        repeated_rows=repeated_rows,
        capped_rows=0,
        share=1.0,
        ends_tick=ends_tick,
        sample=Sample(numbers=numbers, texts=texts) if samples else None,
    )


@dataclass
class LiveRows:
    """Rows of x (normal), z (normal, uncorrelated), city (3 texts), secret (normal)."""

    seed: int = 0
    reference_rows: int = 5000
    settings: MonitoringSettings = field(default_factory=MonitoringSettings)

    def __post_init__(self) -> None:
        self.random = np.random.default_rng(self.seed)
        self.profile = profile_of_values(self.draw(self.reference_rows))
        self.layout = layout_of(self.profile)

    def monitor_arguments(self, saved: bytes | None = None) -> dict[str, Any]:
        """Of a monitor of these rows, held against their profile."""
        return {
            "model": "m",
            "version": 1,
            "layout": self.layout,
            "profile": self.profile,
            "is_self_reference": False,
            "settings": self.settings,
            "saved": saved,
        }

    def draw(self, n: int, *, shift: float = 0.0, missing: float = 0.01) -> dict[str, Any]:
        """Rows whose x is `shift` deviations higher, and z missing as often as said."""
        draws = self.random
        z = draws.normal(size=n)
        z[draws.random(n) < missing] = np.nan
        return {
            "x": draws.normal(shift, 1.0, n),
            "z": z,
            "city": draws.choice(["north", "south", "west"], n, p=[0.6, 0.3, 0.1]).astype(object),
            "secret": draws.normal(size=n),
        }
