# SPDX-License-Identifier: Apache-2.0
"""A Dense step in numpy, word for word as proto/native_artifact.proto says what it computes.

Sums of integers are exact: they are taken in float64, which holds every one of them. Sums of
floats are taken in float64 and rounded once; a kernel's order of adding differs by little.
"""

import numpy as np
import numpy.typing as npt

from penstock.errors import ArtifactError
from penstock.native.artifact import Array, CompiledModel
from penstock_client._proto import native_artifact_pb2 as pb

__all__ = [
    "activate",
    "bfloat16_bits",
    "dense",
    "from_bfloat16_bits",
    "nibbles",
    "quantize_rows",
    "quantize_rows_signed",
    "quantize_static",
    "weights_of",
]

Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]
Int32 = npt.NDArray[np.int32]

#: A scale below this would have an inverse that is no finite float32.
SCALE_MIN = np.float32(2.0**-126)


def dense(model: CompiledModel, what: pb.Dense, x: Float32, outputs: int) -> Float32:
    """y of rows x: sums of integers exact, sums of floats rounded once, at the end."""
    with np.errstate(invalid="ignore", over="ignore"):
        y = _products(model, what, x, outputs)
        if what.bias.bytes:
            y = y + model.array(what.bias, "<f4")
        return activate(what.activation, y.astype(np.float32))


def _products(model: CompiledModel, what: pb.Dense, x: Float32, outputs: int) -> Float64:
    if what.weights in (pb.Dense.FP32, pb.Dense.BF16):
        if what.weights == pb.Dense.BF16:
            x = from_bfloat16_bits(bfloat16_bits(x))
        return _times(x, weights_of(model, what, x.shape[1], outputs))
    if what.weights == pb.Dense.S8:
        weight = model.array(what.weight, "i1").reshape(outputs, x.shape[1])
        if what.HasField("input"):
            scale = np.full(len(x), what.input.scale, np.float32)
            zero = np.full(len(x), what.input.zero_point, np.int32)
            q = quantize_static(x, what.input.scale, what.input.zero_point)
        else:
            q, scale, zero = quantize_rows(x)
        sums = _times(q - zero[:, None], weight)
        scaled: Float64 = sums * np.multiply.outer(scale, model.array(what.scale, "<f4"))
        return scaled
    if what.weights == pb.Dense.U4:
        signed, scale = quantize_rows_signed(x)
        weight = nibbles(model.array(what.weight, "u1").reshape(outputs, -1))
        scales = model.array(what.scale, "<f4").reshape(outputs, -1)
        sums = np.zeros((len(x), outputs))
        for place, first in enumerate(range(0, x.shape[1], what.group)):
            part = slice(first, first + what.group)
            sums += _times(signed[:, part], weight[:, part]) * scales[:, place]
        return sums * scale[:, None]
    raise ArtifactError(f"weights of kind {what.weights} are not known: update Penstock.")


def _times(x: npt.NDArray[np.number], weight: npt.NDArray[np.number]) -> Float64:
    """x times the transposed weight, in float64. An infinite x makes NaN or infinity, silently."""
    product: Float64 = x.astype(np.float64) @ weight.astype(np.float64).T
    return product


def weights_of(model: CompiledModel, what: pb.Dense, inputs: int, outputs: int) -> Float32:
    """The weights as float32 [outputs, inputs], whatever form they are kept in."""
    shape = (outputs, inputs)
    if what.weights == pb.Dense.FP32:
        return model.array(what.weight, "<f4").reshape(shape)
    if what.weights == pb.Dense.BF16:
        return from_bfloat16_bits(model.array(what.weight, "<u2")).reshape(shape)
    scale = model.array(what.scale, "<f4").reshape(outputs, -1)
    if what.weights == pb.Dense.S8:
        return model.array(what.weight, "i1").reshape(shape).astype(np.float32) * scale
    whole = nibbles(model.array(what.weight, "u1").reshape(outputs, -1)).astype(np.float32)
    spread: Float32 = whole * np.repeat(scale, what.group, axis=1)[:, :inputs]
    return spread


def nibbles(packed: npt.NDArray[np.uint8]) -> Int32:
    """[outputs, bytes] to [outputs, 2 * bytes] of -8..7: of each byte the lower half first."""
    halves = np.stack([packed & 15, packed >> 4], axis=-1).astype(np.int32) - 8
    return halves.reshape(len(packed), -1)


def quantize_static(x: Float32, scale: float, zero_point: int) -> Int32:
    """q of x in 0..255, by a scale and a zero point that are the same for all rows."""
    inverse = np.float32(1) / np.float32(scale)
    return _clamped(x * inverse, -zero_point, 255 - zero_point) + zero_point


def quantize_rows(x: Float32) -> tuple[Int32, Float32, Int32]:
    """q of x in 0..255, and each row's own scale and zero point."""
    low = np.fmin.reduce(x, axis=1, initial=np.float32(0))
    high = np.fmax.reduce(x, axis=1, initial=np.float32(0))
    scale = _not_tiny((high - low) / np.float32(255))
    inverse = np.float32(1) / scale
    zero = _clamped(-low * inverse, 0, 255)
    shifted = np.fmin(np.fmax(np.rint(x * inverse[:, None]), -zero[:, None]), 255 - zero[:, None])
    return np.nan_to_num(shifted).astype(np.int32) + zero[:, None], scale, zero


def quantize_rows_signed(x: Float32) -> tuple[Int32, Float32]:
    """q of x in -127..127, and each row's own scale."""
    most = np.fmax.reduce(np.abs(x), axis=1, initial=np.float32(0))
    scale = _not_tiny(most / np.float32(127))
    return _clamped(x * (np.float32(1) / scale)[:, None], -127, 127), scale


def _not_tiny(scale: Float32) -> Float32:
    return np.where(scale < SCALE_MIN, np.float32(1), scale).astype(np.float32)


def _clamped(x: Float32, low: int, high: int) -> Int32:
    """Rounded to nearest, ties to even, into the bounds; NaN as zero."""
    return np.clip(np.rint(np.nan_to_num(x, nan=0.0)), low, high).astype(np.int32)


def bfloat16_bits(x: Float32) -> npt.NDArray[np.uint16]:
    """The upper halves of float32, rounded to nearest, ties to even; NaN stays NaN."""
    bits = np.ascontiguousarray(x, np.float32).view(np.uint32)
    rounded = (bits + 0x7FFF + (bits >> 16 & 1)) >> 16
    return np.where(np.isnan(x), bits >> 16 | 0x40, rounded).astype(np.uint16)


def from_bfloat16_bits(bits: npt.NDArray[np.uint16]) -> Float32:
    """float32 of the same value."""
    return (bits.astype(np.uint32) << 16).view(np.float32)


def activate(what: pb.Activation, x: Array) -> Array:
    """Functions of one element; of float32 in float32, of float64 in float64."""
    alpha, beta = x.dtype.type(what.alpha), x.dtype.type(what.beta)
    if what.function == pb.Activation.IDENTITY:
        return x
    if what.function == pb.Activation.RELU:
        return np.asarray(np.maximum(x, 0))
    if what.function == pb.Activation.LEAKY_RELU:
        return np.where(x < 0, alpha * x, x)
    if what.function == pb.Activation.SIGMOID:
        slope = alpha if alpha else x.dtype.type(1)
        return np.asarray(1 / (1 + np.exp(-slope * x)))
    if what.function == pb.Activation.TANH:
        return np.asarray(np.tanh(x))
    if what.function == pb.Activation.CLIP:
        return np.asarray(np.minimum(np.maximum(x, alpha), beta))
    raise ArtifactError(f"function {what.function} is not one of a single element.")
