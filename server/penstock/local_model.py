# SPDX-License-Identifier: Apache-2.0
"""The server's executors in this process, without a server: arrays in, arrays out.

Of the core besides: what makes rows of a table's columns. While it works, other Python threads go
on.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from penstock.backends.isolation import WorkerLaunch
from penstock.backends.onnxruntime_library import OnnxRuntimeLibrary
from penstock.errors import EngineError
from penstock.model_spec import model_spec, tensor_plans
from penstock.repository.plan import ModelPlan

try:
    from penstock import _core
except ImportError as error:  # pragma: no cover - a broken installation
    raise EngineError(
        f"The native core cannot be loaded ({error}): `pip install .` or `make setup` builds it.",
        code="FAILED_PRECONDITION",
    ) from error

__all__ = ["LocalModel", "Misfit", "TableColumn", "Texts", "encode_texts", "gather_rows", "isa"]

Array = npt.NDArray[Any]
#: A column of a table, which keeps the buffers that it looks into.
TableColumn = _core.TableColumn
#: A row's number, that of the column which does not fit, and why, as _core.pyi has it.
Misfit = tuple[int, int, str]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Texts:
    """A tensor of texts of this shape: element i is `content[offsets[i] : offsets[i + 1]]`."""

    shape: tuple[int, ...]
    offsets: npt.NDArray[np.int64]
    content: npt.NDArray[np.uint8]


class LocalModel:
    """A loaded version. Any thread may run it; `instances` of them at a time, or 0: all.

    `reads_columns`: run_columns() may be called as well.
    """

    def __init__(
        self,
        plan: ModelPlan,
        library: OnnxRuntimeLibrary | None,
        *,
        executes: Sequence[Callable[..., Any]] = (),
        worker: WorkerLaunch | None = None,
    ) -> None:
        """As `engine.Engine.load` takes it; nothing is warmed up.

        Raises EngineError with what is wrong with the model or its configuration.
        """
        spec = model_spec(plan, executes, worker)
        preload = [str(path) for path in library.preload] if library else []
        try:
            self._core = _core.LocalModel(spec, str(library.path) if library else "", preload)
        except _core.CoreError as error:
            raise EngineError(str(error), code=error.code) from None
        self.inputs = tensor_plans(self._core.inputs)
        self.outputs = tensor_plans(self._core.outputs)
        self.batch_rows_max: int = self._core.batch_rows_max
        self.instances: int = self._core.instances
        self.reads_columns: bool = self._core.reads_columns

    def run(self, rows: int, arrays: Sequence[Array], *, instance: int = 0) -> list[Array | Texts]:
        """Every output, in order. `arrays`: C-contiguous rows of each input, in order; of BYTES
        what encode_texts() gives. Read where they lie.

        Raises EngineError with what the model says.
        """
        try:
            answers = self._core.run(rows, arrays, instance)
        except _core.CoreError as error:
            raise EngineError(str(error), code=error.code) from None
        return [
            Texts(shape=one[0], offsets=one[1][0], content=one[1][1])
            if isinstance(one, tuple)
            else one
            for one in answers
        ]

    def run_columns(
        self, rows: int, columns: Sequence[TableColumn]
    ) -> tuple[list[Array | Texts], list[Misfit]]:
        """Every output, in order, and rows that do not fit, for which zeros stand. `columns`: one
        for each element of a row of the only input.

        Raises EngineError with what the model says.
        """
        try:
            return self._core.run_columns(rows, columns)
        except _core.CoreError as error:
            raise EngineError(str(error), code=error.code) from None


def gather_rows(
    columns: Sequence[TableColumn], rows: int, datatype: str
) -> tuple[Array, list[Misfit]]:
    """Rows of `datatype`, of shape (rows, columns), and those that do not fit, in order.

    What does not fit is 0 there. Raises EngineError if memory is out.
    """
    try:
        return _core.gather_rows(columns, rows, datatype)
    except _core.CoreError as error:
        raise EngineError(str(error), code=error.code) from None


def encode_texts(column: TableColumn, rows: int) -> Array:
    """A column of texts as LocalModel.run() reads it. Raises EngineError if memory is out."""
    try:
        return _core.encode_texts(column, rows)
    except _core.CoreError as error:
        raise EngineError(str(error), code=error.code) from None


def isa() -> str:
    """The best instruction set this machine has, e.g. "avx512_vnni"."""
    return _core.isa()
