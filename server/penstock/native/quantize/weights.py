# SPDX-License-Identifier: Apache-2.0
"""A layer's weights in each of the forms that proto/native_artifact.proto has."""

import numpy as np
import numpy.typing as npt

__all__ = ["GROUP", "four_bits", "int8"]

#: Weights of four bits that share a scale.
GROUP = 32
#: Scales that are tried for a group, as parts of the one that just covers it.
SCALE_TRIES = np.linspace(1, 0.7, 16)

Float32 = npt.NDArray[np.float32]


def int8(weight: Float32) -> tuple[npt.NDArray[np.int8], Float32]:
    """Whole numbers in -127..127, and a scale for each output that covers its greatest weight."""
    scale = _or_one((np.abs(weight).max(axis=1) / 127).astype(np.float32))
    whole = np.clip(np.rint(weight / scale[:, None]), -127, 127)
    return whole.astype(np.int8), scale


def four_bits(weight: Float32) -> tuple[npt.NDArray[np.uint8], Float32]:
    """Nibbles [outputs, inputs / 2], and a scale for each GROUP inputs: of those tried, the one
    with the least square error. It may be negative, for there is a -8 and no 8.
    """
    outputs, inputs = weight.shape
    groups = -(-inputs // GROUP)
    padded = np.zeros((outputs, groups * GROUP))
    padded[:, :inputs] = weight
    parts = padded.reshape(outputs, groups, GROUP)
    greatest = np.take_along_axis(parts, np.abs(parts).argmax(axis=2)[..., None], axis=2)[..., 0]
    best_scale: Float32 = np.ones((outputs, groups), np.float32)
    best_error = np.full((outputs, groups), np.inf)
    for cover in (greatest / -8, greatest / 7):
        for part in SCALE_TRIES:
            scale = _or_one((cover * part).astype(np.float32))
            error = np.square(parts - _whole(parts, scale) * scale[..., None]).sum(axis=2)
            is_better = error < best_error
            best_scale[is_better], best_error[is_better] = scale[is_better], error[is_better]
    nibbles = (_whole(parts, best_scale) + 8).astype(np.uint8)
    flat = nibbles.reshape(outputs, groups * GROUP)[:, :inputs]
    return (flat[:, 0::2] | flat[:, 1::2] << 4).astype(np.uint8), best_scale


def _whole(parts: npt.NDArray[np.float64], scale: Float32) -> npt.NDArray[np.float64]:
    return np.clip(np.rint(parts / scale[..., None]), -8, 7)


def _or_one(scale: Float32) -> Float32:
    """Scales that are normal float32; a weight as small as the others is zero."""
    return np.where(np.abs(scale) < np.finfo(np.float32).tiny, np.float32(1), scale)
