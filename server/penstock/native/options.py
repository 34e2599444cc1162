# SPDX-License-Identifier: Apache-2.0
"""How a model is to be compiled."""

from dataclasses import dataclass

from penstock.errors import OptionsError
from penstock_client._proto import native_artifact_pb2 as pb

__all__ = ["CompileOptions"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CompileOptions:
    """What the caller chose.

    `is_exact`: the library's own arithmetic, in its order and width; otherwise float32 in whatever
    order is fastest. `input_datatype`: V2's, FP32 or FP64, of the rows that tree models read; "":
    what the library computes in.
    """

    is_exact: bool = True
    input_datatype: str = ""

    def __post_init__(self) -> None:
        if self.input_datatype not in ("", "FP32", "FP64"):
            raise OptionsError(
                f"the input's datatype is {self.input_datatype!r}: wanted FP32 or FP64."
            )

    def input_of(self, datatype: str) -> tuple[str, pb.Kind]:
        """Datatype and kind of the rows, where exact arithmetic wants `datatype`."""
        chosen = self.input_datatype or (datatype if self.is_exact else "FP32")
        return chosen, pb.FLOAT64 if chosen == "FP64" else pb.FLOAT32
