# SPDX-License-Identifier: Apache-2.0
"""The exported model, asked for rows of a frame. What is judged is what will be served."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from penstock_training.errors import CandidateError
from penstock_training.evaluate.predictions import Floats

__all__ = ["ServedModel", "feeds_of"]

#: Rows that are asked for at a time.
_BLOCK = 8192


class ServedModel:
    """model.onnx in ONNX Runtime, with the inputs of its signature."""

    def __init__(self, path: Path, signature: Mapping[str, Any], *, threads: int = 1) -> None:
        """`signature` as signature.json has it.

        Raises:
            CandidateError: ONNX Runtime does not take the file.
        """
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        try:
            self._session = onnxruntime.InferenceSession(
                str(path), options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # its own classes, which are not public
            raise CandidateError(f"{path} cannot be run: {error}.") from None
        # An input of one column may leave its columns out: it is called like the column.
        self.inputs: Sequence[Mapping[str, Any]] = [
            {**one, "columns": one.get("columns") or [one["name"]]} for one in signature["inputs"]
        ]
        outputs = [output["name"] for output in signature["outputs"]]
        self._output = "probabilities" if "probabilities" in outputs else "prediction"
        self._is_classifier = self._output == "probabilities"

    def columns_of(self, datatype: str) -> tuple[str, ...]:
        """Columns of inputs of a datatype: FP32, BYTES or INT64."""
        return tuple(
            column
            for tensor in self.inputs
            if tensor["datatype"] == datatype
            for column in tensor["columns"]
        )

    def predict(self, frame: Any) -> Floats:
        """Probabilities (n, c) of a pandas frame's n rows, or predictions (n,).

        Raises:
            CandidateError: the graph refuses the rows.
        """
        parts = []
        for first in range(0, len(frame), _BLOCK):
            feeds = feeds_of(frame.iloc[first : first + _BLOCK], self.inputs)
            try:
                parts.append(self._session.run([self._output], feeds)[0])
            except Exception as error:  # its own classes, which are not public
                raise CandidateError(f"the exported model refuses rows: {error}.") from None
        answers = np.concatenate(parts).astype(np.float64)
        return answers if self._is_classifier else answers.reshape(len(frame))


def feeds_of(frame: Any, inputs: Sequence[Mapping[str, Any]]) -> dict[str, npt.NDArray[Any]]:
    """The tensors of a frame's rows, by the signature's inputs.

    What is missing is NaN, or empty text: over the wire a text cannot be missing.
    """
    feeds: dict[str, npt.NDArray[Any]] = {}
    for tensor in inputs:
        name = tensor["name"]
        if tensor["datatype"] == "FP32":
            numbers = frame[list(tensor["columns"])].to_numpy(np.float32, na_value=np.nan)
            feeds[name] = np.ascontiguousarray(numbers)
        elif tensor["datatype"] == "BYTES":
            texts = frame[name].astype(object).where(frame[name].notna(), "")
            feeds[name] = np.array([[str(text)] for text in texts], dtype=object)
        else:
            feeds[name] = frame[name].to_numpy(np.int64).reshape(-1, 1)
    return feeds
