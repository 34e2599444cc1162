# SPDX-License-Identifier: Apache-2.0
"""A dull interpreter of compiled models: the definition of right for everything that runs them.

Each step is what proto/native_artifact.proto says, in numpy, one after the other. Nothing here is
fast; what the native executor answers is held against it.
"""

import statistics
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from penstock.errors import ArtifactError
from penstock.native.artifact import Array, CompiledModel
from penstock.native.checks import KIND_DTYPES, step_kind
from penstock.native.reference_dense import activate, dense
from penstock.native.reference_forest import forest
from penstock_client._proto import native_artifact_pb2 as pb

__all__ = ["evaluate", "run_step", "trace"]

PORT_DTYPES = {
    "FP32": np.float32,
    "FP64": np.float64,
    "INT32": np.int32,
    "INT64": np.int64,
    "UINT8": np.uint8,
    "BOOL": np.bool_,
    "BYTES": object,
}
#: What SOFTMAX_ZERO takes for zero.
ZERO_MAX = 1e-7


def evaluate(model: CompiledModel, inputs: Mapping[str, Array]) -> dict[str, Array]:
    """The outputs by name, in their ports' datatypes and shapes. Raises ArtifactError."""
    values = trace(model, inputs)
    outputs = {}
    for port in model.manifest.outputs:
        value = values[port.value]
        outputs[port.name] = _cast(value, PORT_DTYPES[port.datatype]).reshape(
            len(value), *port.dims
        )
    return outputs


def trace(model: CompiledModel, inputs: Mapping[str, Array]) -> list[Array]:
    """Every value of the model, [rows, width], by its number. Raises ArtifactError."""
    values: dict[int, Array] = {}
    for port in model.manifest.inputs:
        values[port.value] = _input(model, port, inputs)
    rows = {len(value) for value in values.values()}
    if len(rows) != 1:
        raise ArtifactError(f"wanted as many rows of every input; found {sorted(rows)}.")
    for step in model.manifest.steps:
        values[step.writes] = run_step(model, step, [values[read] for read in step.reads])
    return [values.get(place, np.empty((0, 0))) for place in range(len(model.manifest.values))]


def _input(model: CompiledModel, port: pb.Port, inputs: Mapping[str, Array]) -> Array:
    if port.name not in inputs:
        raise ArtifactError(f"wanted input {port.name!r}; found {sorted(inputs)}.")
    given = np.asarray(inputs[port.name])
    if given.shape[1:] != tuple(port.dims) or given.ndim == 0:
        raise ArtifactError(
            f"input {port.name!r}: wanted rows of shape {list(port.dims)}, "
            f"found an array of shape {list(given.shape)}."
        )
    value = model.manifest.values[port.value]
    return _cast(given.reshape(len(given), value.width), KIND_DTYPES[value.kind])


def run_step(model: CompiledModel, step: pb.Step, reads: list[Array]) -> Array:
    """What a step writes for what it reads."""
    value = model.manifest.values[step.writes]
    with np.errstate(all="ignore"):
        written = STEPS[step_kind(step)](model, step, reads)
    written = _cast(np.asarray(written), KIND_DTYPES[value.kind])
    if written.shape != (len(reads[0]), value.width):
        raise ArtifactError(
            f"step {step.name!r} wrote {list(written.shape)}: wanted "
            f"{[len(reads[0]), value.width]}."
        )
    return written


def _cast(x: Array, dtype: Any) -> Array:
    with np.errstate(invalid="ignore", over="ignore"):
        return x.astype(dtype)


def _affine(model: CompiledModel, step: pb.Step, reads: list[Array]) -> Array:
    (x,) = reads
    offset, scale = (model.array(b, x.dtype) for b in (step.affine.offset, step.affine.scale))
    return np.asarray((x - offset) * scale)


def _normalize(model: CompiledModel, step: pb.Step, reads: list[Array]) -> Array:
    (x,) = reads
    if step.normalize.norm == pb.Normalize.L1:
        norm = np.abs(x).sum(axis=1, keepdims=True)
    elif step.normalize.norm == pb.Normalize.L2:
        norm = np.sqrt((x * x).sum(axis=1, keepdims=True))
    elif step.normalize.norm == pb.Normalize.MAX:
        norm = np.abs(x).max(axis=1, keepdims=True)
    else:
        raise ArtifactError(f"norm {step.normalize.norm} is not known: update Penstock.")
    return np.asarray(x / np.where(norm == 0, x.dtype.type(1), norm))


def _impute(model: CompiledModel, step: pb.Step, reads: list[Array]) -> Array:
    (x,) = reads
    missing = step.impute.missing
    if x.dtype.kind == "i":
        is_missing = x.astype(np.float64) == missing
    else:
        is_missing = _equal(x, x.dtype.type(missing))
    return np.where(is_missing, model.array(step.impute.replacement, x.dtype), x)


def _one_hot(model: CompiledModel, step: pb.Step, reads: list[Array]) -> Array:
    (x,) = reads
    categories = model.array(step.one_hot.categories, x.dtype)
    columns, first = [], 0
    for column, count in enumerate(step.one_hot.counts):
        # Of equal categories the first one is meant.
        own = categories[first : first + count]
        is_first = [not _equal(own[:place], one).any() for place, one in enumerate(own)]
        columns += [
            _equal(x[:, column], one) & is_own for one, is_own in zip(own, is_first, strict=True)
        ]
        first += count
    return np.stack(columns, axis=1) if columns else np.empty((len(x), 0))


def _equal(x: Array, key: Any) -> Array:
    """NaN equals NaN."""
    return np.asarray((x == key) | ((x != x) & (key != key)))


def _lookup(model: CompiledModel, step: pb.Step, reads: list[Array]) -> Array:
    (x,) = reads
    dtype = np.dtype(KIND_DTYPES[model.manifest.values[step.writes].kind])
    written = np.full(x.shape, model.array(step.lookup.otherwise, dtype)[0])
    keys = model.array(step.lookup.keys, x.dtype)
    for key, value in zip(keys, model.array(step.lookup.values, dtype), strict=True):
        written[_equal(x, key)] = value
    return written


def _dense(model: CompiledModel, step: pb.Step, reads: list[Array]) -> Array:
    return dense(model, step.dense, reads[0], model.manifest.values[step.writes].width)


def _activation(model: CompiledModel, step: pb.Step, reads: list[Array]) -> Array:
    (x,) = reads
    function = step.activation.function
    if function in (pb.Activation.SOFTMAX, pb.Activation.SOFTMAX_ZERO):
        powers = np.exp(x - x.max(axis=1, keepdims=True))
        if function == pb.Activation.SOFTMAX_ZERO:
            powers = np.where(np.abs(x) <= x.dtype.type(ZERO_MAX), 0, powers)
        total = powers.sum(axis=1, keepdims=True)
        return np.asarray(powers / np.where(total == 0, x.dtype.type(1), total))
    if function == pb.Activation.EXP:
        return np.asarray(np.exp(x))
    if function == pb.Activation.LOG1P_EXP:
        return np.asarray(np.logaddexp(x, x.dtype.type(0)))
    if function == pb.Activation.PROBIT:
        return np.array([_probit(p) for p in x.flat], np.float64).reshape(x.shape)
    if function == pb.Activation.SIGN_SQUARE:
        return np.asarray(np.sign(x) * x * x)
    if function == pb.Activation.COPY_SIGN_NORMALIZE:
        return np.asarray(x / x.sum(axis=1, keepdims=True))
    return activate(step.activation, x)


def _probit(p: float) -> float:
    if 0 < p < 1:
        return statistics.NormalDist().inv_cdf(p)
    return -np.inf if p == 0 else np.inf if p == 1 else np.nan


def _labels(model: CompiledModel, step: pb.Step, reads: list[Array]) -> Array:
    (x,) = reads
    what = step.labels
    labels: list[Any] = list(what.numbers) or [label.encode() for label in what.strings]
    otherwise = what.otherwise_number if what.numbers else what.otherwise_string.encode()
    flat = [labels[place] if 0 <= place < len(labels) else otherwise for place in x.flat]
    written = np.empty(x.size, np.int64 if what.numbers else object)
    written[:] = flat
    return written.reshape(x.shape)


def _string_index(model: CompiledModel, step: pb.Step, reads: list[Array]) -> Array:
    (x,) = reads
    places = {text.encode(): place for place, text in enumerate(step.string_index.strings)}
    flat = [places.get(one.encode() if isinstance(one, str) else one, -1) for one in x.flat]
    return np.array(flat, np.int64).reshape(x.shape)


def _threshold(model: CompiledModel, step: pb.Step, reads: list[Array]) -> Array:
    x = reads[0].astype(np.float64)
    what = step.threshold
    return x >= what.threshold if what.is_inclusive else x > what.threshold


def _arg_max(model: CompiledModel, step: pb.Step, reads: list[Array]) -> Array:
    """NaN is greater than nothing, and nothing is greater than NaN: it stays if it stands first."""
    (x,) = reads
    best = np.zeros(len(x), np.int64)
    rows = np.arange(len(x))
    for column in range(1, x.shape[1]):
        best = np.where(x[:, column] > x[rows, best], column, best)
    return best[:, None]


def _complement(model: CompiledModel, step: pb.Step, reads: list[Array]) -> Array:
    (x,) = reads
    return np.concatenate([1 - x, x], axis=1)


def _onnx(model: CompiledModel, step: pb.Step, reads: list[Array]) -> Array:
    import onnxruntime

    session = onnxruntime.InferenceSession(
        model.raw(step.onnx.model), providers=["CPUExecutionProvider"]
    )
    (written,) = session.run(["w"], {f"r{place}": read for place, read in enumerate(reads)})
    return np.asarray(written).reshape(len(reads[0]), -1)


STEPS: dict[str, Callable[[CompiledModel, pb.Step, list[Array]], Array]] = {
    "convert": lambda model, step, reads: reads[0],
    "affine": _affine,
    "normalize": _normalize,
    "impute": _impute,
    "one_hot": _one_hot,
    "lookup": _lookup,
    "concat": lambda model, step, reads: np.concatenate(reads, axis=1),
    "select": lambda model, step, reads: reads[0][:, list(step.select.columns)],
    "dense": _dense,
    "activation": _activation,
    "forest": lambda model, step, reads: forest(model, step.forest, reads[0]),
    "arg_max": _arg_max,
    "threshold": _threshold,
    "string_index": _string_index,
    "labels": _labels,
    "complement": _complement,
    "onnx": _onnx,
}
