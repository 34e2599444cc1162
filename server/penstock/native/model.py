# SPDX-License-Identifier: Apache-2.0
"""Runs a compiled model in this process, without a server: arrays in, arrays out.

`inputs.py` says what is read where it lies. While the model computes, other Python threads go on.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from penstock.backends.onnxruntime_library import find_onnxruntime
from penstock.errors import ArtifactError, EngineError
from penstock.native.inputs import Tensor, rows_of

try:
    from penstock import _core
except ImportError as error:  # pragma: no cover - a broken installation
    raise EngineError(
        f"The native core cannot be loaded ({error}): `pip install .` or `make setup` builds it.",
        code="FAILED_PRECONDITION",
    ) from error

__all__ = ["NativeModel", "Signature", "Tensor"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """What a model reads and what it answers."""

    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]


THREADS_MAX = 256


class NativeModel:
    """A compiled model that is ready. Any thread may use it, at the same time as others."""

    def __init__(self, path: Path, *, threads: int | None = None) -> None:
        """Raises ArtifactError, which names the file, if it is no compiled model.

        `threads` compute a large batch, the caller's included; None: as many as pay.
        """
        if threads is not None and not 1 <= threads <= THREADS_MAX:
            raise EngineError(
                f"threads is {threads}: wanted 1 to {THREADS_MAX}, or None for as many as pay.",
                code="INVALID_ARGUMENT",
            )
        try:
            library = find_onnxruntime()
            self._core = _core.NativeModel(
                str(path), str(library.path) if library else "", threads or 0
            )
        except _core.CoreError as error:
            raise ArtifactError(str(error)) from None
        self.signature = Signature(
            inputs=_tensors(self._core.inputs), outputs=_tensors(self._core.outputs)
        )

    def predict(self, data: Any) -> Any:
        """What the model says of rows.

        `data` is an array, of a model with one input; a mapping from inputs to arrays; or a table
        of pandas or Arrow. A table's columns are the inputs, by name, or together the rows of the
        one input, in order. The answer is an array, or a dict of them by name where the model has
        several outputs. Raises EngineError that says what was wanted and what was found.
        """
        rows, arrays = rows_of(data, self.signature.inputs)
        try:
            answers = self._core.run(rows, arrays)
        except _core.CoreError as error:
            raise EngineError(str(error), code=error.code) from None
        if len(answers) == 1:
            return answers[0]
        return {
            tensor.name: answer
            for tensor, answer in zip(self.signature.outputs, answers, strict=True)
        }

    def least_ns(self, data: Any, *, seconds: float = 0.05) -> float:
        """Nanoseconds that the core needs for `data`, without what Python adds to a call: the least
        of many short trials, which go on for `seconds`.
        """
        rows, arrays = rows_of(data, self.signature.inputs)
        try:
            return self._core.least_ns(rows, arrays, seconds)
        except _core.CoreError as error:
            raise EngineError(str(error), code=error.code) from None


def _tensors(specs: list[_core.TensorSpec]) -> tuple[Tensor, ...]:
    return tuple(
        Tensor(name=spec.name, datatype=spec.datatype, dims=tuple(spec.dims)) for spec in specs
    )
