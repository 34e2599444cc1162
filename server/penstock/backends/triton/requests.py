# SPDX-License-Identifier: Apache-2.0
"""Requests and responses, as models written for Triton see and make them."""

import json
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, NoReturn, Self

from penstock.backends.triton.failures import TritonError, TritonModelException, not_served
from penstock.backends.triton.tensor import Tensor

__all__ = [
    "InferenceRequest",
    "InferenceResponse",
    "PreferredMemory",
    "get_input_tensor_by_name",
    "get_output_tensor_by_name",
]

SEQUENCE_START = 1
SEQUENCE_END = 2
RELEASE_ALL = 1
#: Parameters with a meaning of their own, which `parameters` does not repeat.
RESERVED = frozenset({"sequence_id", "sequence_start", "sequence_end", "priority", "timeout"})

_BLS = "Requests of a model to other models (BLS) are"


class PreferredMemory:
    """Where the answer of a request to another model shall lie."""

    def __init__(self, preferred_memory_type: int, preferred_device_id: int = 0) -> None:
        """Kept as they are."""
        self.preferred_memory_type = preferred_memory_type
        self.preferred_device_id = preferred_device_id


class InferenceRequest:
    """One request of a batch: its own rows of each input, and what it says beside them."""

    # What a request says that says nothing: most of a batch, so it is not said for each.
    _request_id: str = ""
    _correlation_id: int | str = 0
    _flags: int = 0
    _timeout: int = 0
    _priority: int = 0
    _parameters: Mapping[str, Any] = MappingProxyType({})
    _preferred_memory: PreferredMemory | None = None
    _trace: Any = None

    def __init__(
        self,
        request_id: str = "",
        correlation_id: int | str = 0,
        inputs: Sequence[Tensor] = (),
        requested_output_names: Sequence[str] = (),
        model_name: str = "",
        model_version: int = -1,
        flags: int = 0,
        timeout: int = 0,
        preferred_memory: PreferredMemory | None = None,
        trace: Any = None,
        parameters: dict[str, Any] | None = None,
    ) -> None:
        """A request to another model, which can be made but not sent."""
        self._inputs = list(inputs)
        self._outputs = list(requested_output_names)
        self._model_name = model_name
        self._model_version = model_version
        self._preferred_memory = preferred_memory
        self._trace = trace
        self._request_id = request_id
        self._correlation_id = correlation_id
        self._flags = flags
        self._timeout = timeout
        self._parameters = parameters or {}

    @classmethod
    def of_batch(
        cls, inputs: list[Tensor], outputs: list[str], model_name: str, model_version: int
    ) -> Self:
        """A request that says nothing beside its inputs; `outputs` are all of the model's."""
        made = cls.__new__(cls)
        made._inputs = inputs
        made._outputs = outputs
        made._model_name = model_name
        made._model_version = model_version
        return made

    def take_facts(self, facts: str) -> None:
        """What it says beside its inputs, as cpp/serving/request_facts.h has it."""
        told = json.loads(facts)
        self._request_id = told.get("id", "")
        self._outputs = told.get("outputs", self._outputs)
        parameters: dict[str, Any] = told.get("parameters", {})
        if not RESERVED.isdisjoint(parameters):
            self._correlation_id = parameters.pop("sequence_id", 0)
            self._flags = SEQUENCE_START if parameters.pop("sequence_start", False) else 0
            self._flags |= SEQUENCE_END if parameters.pop("sequence_end", False) else 0
            self._priority = parameters.pop("priority", 0)
            self._timeout = parameters.pop("timeout", 0)
        # Headers that the server forwards. They are texts for the model, whatever their names.
        self._parameters = parameters | told.get("headers", {})

    def inputs(self) -> list[Tensor]:
        """The inputs that it brought, in the configuration's order."""
        return self._inputs

    def request_id(self) -> str:
        """Its id; empty if it has none."""
        return self._request_id

    def correlation_id(self) -> int | str:
        """The id of its sequence; 0 if it has none."""
        return self._correlation_id

    def requested_output_names(self) -> list[str]:
        """The outputs it asks for: all of the model's where it names none."""
        return self._outputs

    def model_name(self) -> str:
        """The model that it is for."""
        return self._model_name

    def model_version(self) -> int:
        """The version that it is for."""
        return self._model_version

    def parameters(self) -> str:
        """Its parameters: JSON of an object."""
        return json.dumps(dict(self._parameters))

    def timeout(self) -> int:
        """Its parameter `timeout`, in microseconds; 0: none."""
        return self._timeout

    def priority(self) -> int:
        """Its parameter `priority`; 0: the model's own."""
        return self._priority

    def flags(self) -> int:
        """Whether it starts or ends a sequence."""
        return self._flags

    def set_flags(self, flags: int) -> None:
        """Changes these."""
        self._flags = flags

    def trace(self) -> Any:
        """None: requests are not traced."""
        return self._trace

    def preferred_memory(self) -> PreferredMemory | None:
        """As it was made with."""
        return self._preferred_memory

    def is_cancelled(self) -> bool:
        """False: a batch that runs is let finish, and its cancelled requests' answers dropped."""
        return False

    def set_release_flags(self, flags: int) -> None:
        """Raises TritonModelException for anything but TRITONSERVER_REQUEST_RELEASE_ALL."""
        if flags != RELEASE_ALL:
            raise not_served("Requests that are scheduled again (RELEASE_RESCHEDULE) are")

    def get_response_sender(self) -> NoReturn:
        """Raises TritonModelException."""
        raise not_served("Decoupled models, which send responses by themselves, are")

    def exec(self, decoupled: bool = False, execution_timeout: int = 0) -> NoReturn:
        """Raises TritonModelException."""
        del decoupled, execution_timeout
        raise not_served(_BLS)

    def async_exec(self, decoupled: bool = False, execution_timeout: int = 0) -> NoReturn:
        """Raises TritonModelException."""
        del decoupled, execution_timeout
        raise not_served(_BLS)


class InferenceResponse:
    """The answer to one request: tensors, or an error."""

    __slots__ = ("_error", "_outputs")

    def __init__(
        self, output_tensors: Sequence[Tensor] = (), error: TritonError | None = None
    ) -> None:
        """With an `error` the tensors are not looked at."""
        if error is not None and not isinstance(error, TritonError):
            found = type(error).__name__
            raise TritonModelException(f"the error of a response is {found}: wanted TritonError.")
        self._error = error
        self._outputs = [] if error is not None else list(output_tensors)
        for tensor in self._outputs:
            if not isinstance(tensor, Tensor):
                found = type(tensor).__name__
                raise TritonModelException(f"an output of a response is {found}: wanted Tensor.")

    def output_tensors(self) -> list[Tensor]:
        """Its tensors."""
        return self._outputs

    def has_error(self) -> bool:
        """Whether it is an error."""
        return self._error is not None

    def error(self) -> TritonError | None:
        """The error, if it is one."""
        return self._error


def get_input_tensor_by_name(inference_request: InferenceRequest, name: str) -> Tensor | None:
    """The request's input `name`; None if it has none."""
    return _named(inference_request.inputs(), name)


def get_output_tensor_by_name(inference_response: InferenceResponse, name: str) -> Tensor | None:
    """The response's output `name`; None if it has none."""
    return _named(inference_response.output_tensors(), name)


def _named(tensors: Sequence[Tensor], name: str) -> Tensor | None:
    for tensor in tensors:
        if tensor.name() == name:
            return tensor
    return None
