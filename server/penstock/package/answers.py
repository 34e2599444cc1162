# SPDX-License-Identifier: Apache-2.0
"""What a version answers, and whether that is what was expected of it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from penstock.errors import PackageError

__all__ = ["Arrays", "compiled_answers", "difference_of", "graph_answers", "graph_tensors"]

Arrays = Mapping[str, NDArray[Any]]
#: Datatype and shape by name; -1 is any size.
Tensors = dict[str, tuple[str, list[int]]]

#: ONNX Runtime's names of types -> those of the V2 protocol.
_TYPES = {
    "tensor(bool)": "BOOL",
    "tensor(double)": "FP64",
    "tensor(float)": "FP32",
    "tensor(float16)": "FP16",
    "tensor(string)": "BYTES",
    **{
        f"tensor({kind}{n})": f"{kind.upper()}{n}"
        for kind in ("int", "uint")
        for n in (8, 16, 32, 64)
    },
}


def graph_answers(path: Path, inputs: Arrays) -> dict[str, NDArray[Any]]:
    """What the ONNX graph at `path` answers, by ONNX Runtime on one thread.

    Raises:
        PackageError: it cannot be loaded, or refuses the inputs.
    """
    session = _session(path)
    names = [output.name for output in session.get_outputs()]
    try:
        return dict(zip(names, session.run(names, dict(inputs)), strict=True))
    except Exception as error:  # ONNX Runtime's own classes have no root
        raise _does_not_run(path, error) from None


def graph_tensors(path: Path) -> tuple[Tensors, Tensors]:
    """The inputs and the outputs of the ONNX graph at `path`.

    Raises:
        PackageError: it cannot be loaded.
    """
    session = _session(path)
    inputs, outputs = (
        {
            one.name: (
                _TYPES.get(one.type, one.type),
                [size if isinstance(size, int) else -1 for size in one.shape],
            )
            for one in tensors
        }
        for tensors in (session.get_inputs(), session.get_outputs())
    )
    return inputs, outputs


def compiled_answers(path: Path, inputs: Arrays) -> dict[str, NDArray[Any]]:
    """What the compiled model at `path` answers, by the native core on one thread.

    Raises:
        PenstockError: it cannot be loaded, or refuses the inputs.
    """
    from penstock.native import load

    model = load(path, threads=1)
    found = model.predict(dict(inputs) if len(inputs) > 1 else next(iter(inputs.values())))
    if isinstance(found, dict):
        return found
    return {model.signature.outputs[0].name: np.asarray(found)}


def _session(path: Path) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:
        raise _does_not_run(path, error) from None


def _does_not_run(path: Path, error: Exception) -> PackageError:
    reason = " ".join(str(error).split()).rstrip(".")
    return PackageError(f"{path} does not run: {reason}.")


def difference_of(found: Arrays, expected: Arrays, *, tolerance: float) -> str:
    """A clause that says where `found` is not what was expected; empty if it is. Pure.

    `tolerance`: the difference of floats that is let pass, relative to the larger of 1 and the
    expected value. NaN is as good as NaN, and all else must be equal, datatypes too. The core does
    the same when it loads a package (cpp/model/difference.h).
    """
    for name, wanted in expected.items():
        if name not in found:
            return f"{name} is missing"
        got = found[name]
        if _datatype(got) != _datatype(wanted):
            return f"{name} is {_datatype(got)}, wanted {_datatype(wanted)}"
        if got.shape != wanted.shape:
            return f"{name} has shape {list(got.shape)}, wanted {list(wanted.shape)}"
        if wanted.dtype.kind == "f":
            is_same = _are_close(
                np.asarray(got, np.float64), np.asarray(wanted, np.float64), tolerance
            )
        elif wanted.dtype.kind in "OSU":
            is_same = np.asarray(_texts(got) == _texts(wanted))
        else:
            is_same = np.asarray(got == wanted)
        if not is_same.all():
            place = tuple(int(i) for i in np.argwhere(~is_same)[0])
            return f"{name}{list(place)} is {got[place]!r}, wanted {wanted[place]!r}"
    return ""


def _datatype(values: NDArray[Any]) -> str:
    return "BYTES" if values.dtype.kind in "OSU" else str(values.dtype)


def _are_close(
    found: NDArray[np.float64], wanted: NDArray[np.float64], tolerance: float
) -> NDArray[np.bool_]:
    # Around an infinity there is no room: it would let everything pass.
    with np.errstate(invalid="ignore"):  # infinity less infinity
        is_near = np.abs(found - wanted) <= tolerance * np.maximum(1.0, np.abs(wanted))
    are_both_nan = np.isnan(found) & np.isnan(wanted)
    return np.asarray((found == wanted) | are_both_nan | (np.isfinite(wanted) & is_near))


def _texts(values: NDArray[Any]) -> NDArray[Any]:
    flat = [one.decode() if isinstance(one, bytes) else str(one) for one in values.ravel()]
    return np.array(flat, dtype=object).reshape(values.shape)
