# SPDX-License-Identifier: Apache-2.0
"""What calls give back. Values only."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy.typing as npt

__all__ = [
    "HealthStatus",
    "InferResult",
    "ModelMetadata",
    "ParameterValue",
    "Readiness",
    "ServerMetadata",
    "TensorMetadata",
]

ParameterValue = bool | int | float | str

#: The parameter of an answer that tells the arm.
ARM_PARAMETER = "penstock_arm"


class InferResult(dict[str, npt.NDArray[Any]]):
    """The outputs by name, in the server's order, and what the server said beside them.

    The arrays are aligned and read-only: where its bytes lie aligned in a large message, an array
    is a view of them, otherwise a copy. `array.copy()` gives one to write into.
    """

    __slots__ = ("id", "model_name", "model_version", "parameters")

    def __init__(
        self,
        outputs: Mapping[str, npt.NDArray[Any]],
        *,
        model_name: str = "",
        model_version: str = "",
        id: str = "",
        parameters: Mapping[str, ParameterValue] | None = None,
    ) -> None:
        """Keeps the outputs and who made them."""
        super().__init__(outputs)
        self.model_name = model_name
        self.model_version = model_version
        self.id = id
        self.parameters = dict(parameters or {})

    @property
    def arm(self) -> str:
        """Which arm of the model's route answered: "stable", "canary", ...; empty: it has none."""
        return str(self.parameters.get(ARM_PARAMETER, ""))


@dataclass(frozen=True, slots=True, kw_only=True)
class Readiness:
    """Whether a model can serve. True or false itself: `if client.model_ready("m"): ...`."""

    is_ready: bool
    reason: str = ""

    def __bool__(self) -> bool:
        """Gives is_ready."""
        return self.is_ready


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerMetadata:
    """A server's name, version and the protocol extensions it speaks."""

    name: str
    version: str
    extensions: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TensorMetadata:
    """An input or an output as a model declares it. -1 in the shape: any size."""

    name: str
    datatype: str
    shape: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelMetadata:
    """A model's versions, platform and tensors, and what else its server says of it."""

    name: str
    versions: tuple[str, ...]
    platform: str
    inputs: tuple[TensorMetadata, ...]
    outputs: tuple[TensorMetadata, ...]
    properties: Mapping[str, str] = field(default_factory=dict)


class HealthStatus(enum.Enum):
    """What the standard health service says. The value is the number on the wire."""

    UNKNOWN = 0
    SERVING = 1
    NOT_SERVING = 2
    SERVICE_UNKNOWN = 3

    @property
    def is_serving(self) -> bool:
        """True when requests are welcome."""
        return self is HealthStatus.SERVING
