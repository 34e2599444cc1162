# SPDX-License-Identifier: Apache-2.0
"""What a model written in Python sees.

A version's folder holds `model.py` with one class:

    from penstock.backend import Batch, Context

    class Doubler:
        def load(self, context: Context) -> None:      # optional, once per instance
            self.factor = float(context.config.parameters["factor"].string_value)

        def execute(self, batch: Batch):               # once per batch, never per request
            return {"y": batch["x"] * self.factor}

`execute` gives an array for each output of config.pbtxt; with max_batch_size of 1 or more, the
first dimension of each is `batch.rows`. What it raises is answered to every request of the batch,
and only to those; the traceback goes to the log.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

if TYPE_CHECKING:
    from penstock_client._proto.model_config_pb2 import ModelConfig

__all__ = ["Batch", "Context"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """Where an object of the model's class finds itself. There is one object per instance."""

    model: str
    version: int
    folder: Path  # of the version
    config: "ModelConfig"
    instance: int  # from 0


class Batch(Mapping[str, NDArray[Any]]):
    """The inputs of some requests, one behind the other, by name.

    `batch["x"]` is a read-only view of the server's own memory: it is valid until `execute`
    returns, so copy what must live longer. An optional input that the batch's requests left out is
    not in the mapping. BYTES inputs are object arrays of `bytes`.
    """

    __slots__ = ("_inputs", "request_rows", "rows")

    def __init__(
        self, inputs: Mapping[str, NDArray[Any] | None], request_rows: Sequence[int]
    ) -> None:
        """`request_rows` says how many rows each request brought, in order."""
        self._inputs = {name: array for name, array in inputs.items() if array is not None}
        self.request_rows = request_rows
        self.rows = sum(request_rows)

    def __getitem__(self, name: str) -> NDArray[Any]:
        """The input `name`. Raises KeyError if the model has no such input, or it was left out."""
        return self._inputs[name]

    def __iter__(self) -> Iterator[str]:
        """The names of the inputs that are there."""
        return iter(self._inputs)

    def __len__(self) -> int:
        """How many inputs are there; not the rows."""
        return len(self._inputs)

    def __repr__(self) -> str:
        """Names, types and shapes, without values."""
        inputs = ", ".join(f"{name}: {a.dtype}{list(a.shape)}" for name, a in self.items())
        return f"<Batch of {len(self.request_rows)} requests, {self.rows} rows: {inputs}>"
