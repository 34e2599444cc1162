# SPDX-License-Identifier: Apache-2.0
"""A model that MLflow answers: what `model.py` of such a version is. MLflow is imported only in the
process of such a model.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from penstock.backend import Batch, Context
from penstock.errors import BackendError
from penstock.package.signature import (
    SIGNATURE_FILE,
    ModelSignature,
    TensorSignature,
    read_signature,
)
from penstock.package.smoke import DTYPES

if TYPE_CHECKING:
    from pandas import DataFrame

__all__ = ["MLFLOW_FOLDER", "PyfuncModel"]

#: Where a version keeps the model as MLflow has it.
MLFLOW_FOLDER = "mlflow"


class PyfuncModel:
    """Gives MLflow rows as its signature wants them, and its answers the outputs' names."""

    def load(self, context: Context) -> None:
        """Reads the model."""
        from mlflow import pyfunc

        folder = context.folder.resolve() / MLFLOW_FOLDER
        load: Any = pyfunc.load_model
        self._model = load(str(folder))
        self._signature: ModelSignature = read_signature(context.folder / SIGNATURE_FILE)
        schema = self._model.metadata.get_input_schema()
        #: None: it reads tensors.
        self._columns: list[tuple[str, str]] | None = None
        if not schema.is_tensor_spec():
            self._columns = [
                (name if isinstance(name, str) else f"column_{i}", kind.to_pandas().name)
                for i, (name, kind) in enumerate(
                    zip(schema.input_names(), schema.input_types(), strict=True)
                )
            ]

    def execute(self, batch: Batch) -> Mapping[str, NDArray[Any]]:
        """Answers a batch."""
        told = self._tensors(batch) if self._columns is None else self._frame(batch)
        return _answers(self._model.predict(told), self._signature.outputs, batch.rows)

    def _tensors(self, batch: Batch) -> Any:
        arrays = {name: np.array(array) for name, array in batch.items()}
        return next(iter(arrays.values())) if len(arrays) == 1 else arrays

    def _frame(self, batch: Batch) -> "DataFrame":
        import pandas as pd

        by_name: dict[str, NDArray[Any]] = {}
        for tensor in self._signature.inputs:
            array = batch[tensor.name]
            if tensor.columns:
                by_name |= {name: array[:, i] for i, name in enumerate(tensor.columns)}
            else:
                texts = [text.decode() for text in array[:, 0]]
                by_name[tensor.name] = np.array(texts, object)
        assert self._columns is not None
        return pd.DataFrame(
            {
                name: by_name[name] if kind in ("object", "str") else by_name[name].astype(kind)
                for name, kind in self._columns
            }
        )


def _answers(found: Any, outputs: Sequence[TensorSignature], rows: int) -> dict[str, NDArray[Any]]:
    """By output. A frame's or a mapping's columns are found by name, all else is the one output."""
    by_name: dict[str, Any] = {}
    if hasattr(found, "columns") or isinstance(found, Mapping):
        by_name = {str(name): found[name] for name in found}
    if not by_name or (len(outputs) == 1 and outputs[0].name not in by_name):
        by_name = {outputs[0].name: found}
    return {one.name: _array(by_name, one, rows) for one in outputs}


def _array(by_name: Mapping[str, Any], output: TensorSignature, rows: int) -> NDArray[Any]:
    if output.name not in by_name:
        raise BackendError(
            f"MLflow's model answers {', '.join(by_name)}: wanted {output.name!r}, as its "
            "signature says."
        )
    array = np.asarray(by_name[output.name])
    if output.datatype == "BYTES":
        array = np.array([_bytes(one) for one in array.ravel()], object).reshape(array.shape)
    else:
        array = array.astype(DTYPES.get(output.datatype, np.float16))
    if array.shape[:1] != (rows,):
        raise BackendError(
            f"MLflow's model answers {output.name!r} with shape {list(array.shape)}: wanted "
            f"{rows} rows."
        )
    return array.reshape(rows, *output.shape[1:]) if -1 not in output.shape[1:] else array


def _bytes(value: Any) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode()
