# SPDX-License-Identifier: Apache-2.0
"""A reference profile of the first live rows of a version that came without one."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from penstock.drift import Layout, Sample
from penstock.errors import ProfileError
from penstock.profile import ReferenceProfile
from penstock_monitoring.held_out import Column, Reference
from penstock_monitoring.profile import build_profile

__all__ = ["self_reference"]


def self_reference(
    *, model: str, layout: Layout, samples: Sequence[Sample], sensitive: Sequence[str]
) -> ReferenceProfile:
    """A profile of sampled rows, which has every column of the layout among its features.

    It knows neither losses nor what was true: what needs those has nothing to go by. Samples have
    no values of sensitive columns, so it says that none was missing; no monitor goes by that.

    Raises:
        ProfileError: there are no rows, or samples of other columns.
    """
    rows = sum(len(sample.numbers) for sample in samples)
    if rows == 0:
        raise ProfileError("a reference of live rows needs some: there are none yet.")
    columns = []
    for place, column in enumerate(layout.columns):
        is_sensitive = (
            column.is_sensitive or column.reading == "present" or column.name in sensitive
        )
        if column.reading == "category":
            values: Any = [text for sample in samples for text in sample.texts.get(place, ())]
            if len(values) != rows:
                raise ProfileError(f"{column.name} has {len(values)} sampled rows, others {rows}.")
            values = ["?"] * rows if is_sensitive else values
            is_text = any(isinstance(value, str) for value in values)
            array = np.asarray(values, dtype=object if is_text else np.int64)
            columns.append(
                Column(
                    name=column.name,
                    datatype="BYTES" if is_text else "INT64",
                    values=array,
                    is_sensitive=is_sensitive,
                )
            )
            continue
        if any(sample.numbers.shape[1] != len(layout.columns) for sample in samples):
            raise ProfileError("sampled rows are of other columns than the layout's.")
        numbers = np.concatenate([sample.numbers[:, place] for sample in samples])
        if is_sensitive:
            numbers = np.zeros(rows, dtype=np.float32)
        columns.append(
            Column(name=column.name, datatype="FP32", values=numbers, is_sensitive=is_sensitive)
        )
    return build_profile(Reference(model=model, columns=columns))
