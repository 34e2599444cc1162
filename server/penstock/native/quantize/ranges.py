# SPDX-License-Identifier: Apache-2.0
"""Which range of its input a static scale covers: all that was seen, or less, in finer steps.

    minmax       from the least to the greatest
    percentile   without the 0.05 % at either end
    mse          the part of minmax, shrunk by one factor, where the mean square error is least

Every range holds zero, so that zero is exact. All of this is pure.
"""

from typing import Literal

import numpy as np
import numpy.typing as npt

from penstock.native.reference_dense import SCALE_MIN, quantize_static
from penstock_client._proto import native_artifact_pb2 as pb

__all__ = ["RANGE_CHOICES", "RangeChoice", "static_input"]

RangeChoice = Literal["minmax", "percentile", "mse"]
RANGE_CHOICES: tuple[RangeChoice, ...] = ("minmax", "percentile", "mse")

PERCENTILE = 0.05
SHRINKAGES = np.geomspace(1, 0.1, 40)
#: So many elements say enough about an input.
SAMPLE_MAX = 1 << 16

Float32 = npt.NDArray[np.float32]


def static_input(x: Float32, choice: RangeChoice) -> pb.StaticInput:
    """Scale and zero point for rows like `x`, which are finite."""
    if choice == "percentile":
        low, high = (float(end) for end in np.percentile(x, [PERCENTILE, 100 - PERCENTILE]))
        return _spread(low, high)
    low, high = float(x.min()), float(x.max())
    if choice == "minmax":
        return _spread(low, high)
    sample = _sample(x)
    tried = [_spread(low * factor, high * factor) for factor in SHRINKAGES]
    return min(tried, key=lambda one: _square_error(sample, one))


def _spread(low: float, high: float) -> pb.StaticInput:
    low, high = min(low, 0.0), max(high, 0.0)
    scale = np.float32((high - low) / 255)
    if not scale >= SCALE_MIN:
        scale = np.float32(1)
    zero_point = int(np.clip(np.rint(-low / float(scale)), 0, 255))
    return pb.StaticInput(scale=float(scale), zero_point=zero_point)


def _sample(x: Float32) -> Float32:
    flat = x.reshape(1, -1)
    step = -(-flat.shape[1] // SAMPLE_MAX)
    return flat[:, ::step]


def _square_error(x: Float32, spread: pb.StaticInput) -> float:
    q = quantize_static(x, spread.scale, spread.zero_point)
    found = (q - int(spread.zero_point)) * spread.scale
    return float(np.square(x - found, dtype=np.float64).sum())
