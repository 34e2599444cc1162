# SPDX-License-Identifier: Apache-2.0
"""One instance of a `TritonPythonModel`: from the core's batches to its requests, and back.

    batch of arrays ─> a request per caller, with views of its rows ─> execute() ─> a response per
    caller ─> its arrays, checked one by one; a wrong one fails its own request only

What `execute` raises, or returns in another form than a list of as many responses, fails the batch.
"""

import asyncio
import inspect
import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from penstock.backends.triton.current import RunningModel, entered
from penstock.backends.triton.datatypes import BYTES, TYPE_NUMBERS, numpy_to_triton_type
from penstock.backends.triton.failures import GRPC_CODES, sentence_of
from penstock.backends.triton.model_config import config_json
from penstock.backends.triton.requests import InferenceRequest, InferenceResponse
from penstock.backends.triton.tensor import Tensor
from penstock.errors import BackendError
from penstock.plain_text import sayable
from penstock.repository.config_file import ModelConfig
from penstock.repository.instances import instance_devices
from penstock.repository.plan import ModelPlan, TensorPlan

__all__ = ["Answer", "CLASS_NAME", "TritonInstance"]

log = logging.getLogger(__name__)

CLASS_NAME = "TritonPythonModel"

#: An array for each output of the plan, None where it was not asked for; or gRPC's number of a
#: failure, and a sentence.
Answer = list[NDArray[Any] | None] | tuple[int, str]
Arrays = Mapping[str, NDArray[Any] | None]

INTERNAL = 13


class TritonInstance:
    """What the core enters once per batch, and closes when the version is taken apart."""

    #: The core then tells it of each request, and takes an answer to each.
    sees_requests = True

    def __init__(
        self,
        model_class: Callable[[], Any],
        plan: ModelPlan,
        config: ModelConfig,
        instance: int,
        running: RunningModel,
    ) -> None:
        """Makes the object and initializes it. Raises what its code raises."""
        self._plan = plan
        self._running = running
        self._output_names = [tensor.name for tensor in plan.outputs]
        self._output_numbers = {t.name: TYPE_NUMBERS[t.datatype] for t in plan.outputs}
        self._input_numbers = {t.name: TYPE_NUMBERS[t.datatype] for t in plan.inputs}
        with entered(running):
            self._model = model_class()
            if not callable(getattr(self._model, "execute", None)):
                raise BackendError(f"{CLASS_NAME} has no execute(self, requests).")
            if (initialize := getattr(self._model, "initialize", None)) is not None:
                initialize(_arguments(plan, config, instance))

    def __call__(
        self, inputs: Arrays, request_rows: Sequence[int], facts: Sequence[str] | None
    ) -> list[Answer]:
        """Executes a batch. Raises BackendError or MemoryError, which fail all of it."""
        requests = self._requests(inputs, request_rows, facts)
        try:
            with entered(self._running):
                given = self._model.execute(list(requests))
                if inspect.iscoroutine(given):
                    given = asyncio.run(given)
            _check_responses(given, len(requests))
        except BaseException as error:  # a model may raise anything
            log.exception(
                "model_failed",
                extra={
                    "model": self._plan.name,
                    "version": self._plan.version,
                    "rows": sum(request_rows),
                },
            )
            why = f"Model {self._plan.name!r} failed: {sentence_of(error)}"
            if isinstance(error, MemoryError):
                raise MemoryError(why) from None
            raise BackendError(why) from None
        return [self._answer(*pair) for pair in zip(requests, given, strict=True)]

    def close(self) -> None:
        """`finalize`, if the model has it; what that raises is only logged."""
        finalize = getattr(self._model, "finalize", None)
        if finalize is None:
            return
        try:
            with entered(self._running):
                finalize()
        except BaseException:  # a model may raise anything
            log.exception(
                "model_finalize_raised",
                extra={"model": self._plan.name, "version": self._plan.version},
            )

    def _requests(
        self, inputs: Arrays, request_rows: Sequence[int], facts: Sequence[str] | None
    ) -> list[InferenceRequest]:
        plan = self._plan
        numbers = self._input_numbers
        is_alone = len(request_rows) == 1
        made = []
        start = 0
        for rows in request_rows:
            stop = start + rows
            tensors = [
                Tensor.of_input(name, array if is_alone else array[start:stop], numbers[name])
                for name, array in inputs.items()
                if array is not None
            ]
            start = stop
            made.append(
                InferenceRequest.of_batch(tensors, self._output_names, plan.name, plan.version)
            )
        for request, told in zip(made, facts or (), strict=False):
            if told:
                request.take_facts(told)
        return made

    def _answer(self, request: InferenceRequest, response: InferenceResponse) -> Answer:
        if (error := response.error()) is not None:
            return GRPC_CODES[error.code()], sayable(str(error.message()))
        given = {tensor.name(): tensor for tensor in response.output_tensors()}
        wanted = request.requested_output_names()
        is_batching = bool(self._plan.batch_rows_max)
        try:
            return [
                _output(given, tensor, self._output_numbers[tensor.name], is_batching)
                if tensor.name in wanted
                else None
                for tensor in self._plan.outputs
            ]
        except BackendError as wrong:
            return INTERNAL, f"Model {self._plan.name!r} failed: {wrong}"


def _arguments(plan: ModelPlan, config: ModelConfig, instance: int) -> dict[str, str]:
    """What `initialize` is told: texts, all of them."""
    kind, device = instance_devices(config)[instance]
    return {
        "model_config": config_json(config),
        "model_instance_kind": kind,
        "model_instance_name": f"{plan.name}_{instance}",
        "model_instance_device_id": str(device),
        "model_repository": str(plan.model_path.parent.parent),
        "model_version": str(plan.version),
        "model_name": plan.name,
    }


def _check_responses(given: Any, requests: int) -> None:
    if not isinstance(given, list):
        raise BackendError(
            f"execute returned {type(given).__name__}: wanted a list of {requests} "
            "InferenceResponse, one for each request."
        )
    if len(given) != requests:
        raise BackendError(
            f"execute returned {len(given)} responses to {requests} requests: wanted one for each."
        )
    for response in given:
        if not isinstance(response, InferenceResponse):
            raise BackendError(
                f"execute returned {type(response).__name__} among its responses: wanted "
                "InferenceResponse."
            )


def _output(
    given: Mapping[str, Tensor], tensor: TensorPlan, number: int, is_batching: bool
) -> NDArray[Any]:
    found = given.get(tensor.name)
    if found is None:
        raise BackendError(f"a response has outputs {list(given)}: wanted {tensor.name!r}.")
    array = found.as_given()
    if found.triton_dtype() != number and not (tensor.datatype == "BF16" and _is_16_bit(array)):
        raise BackendError(
            f"output {tensor.name!r} is {array.dtype}: wanted {tensor.datatype}, by the "
            "configuration."
        )
    shape = array.shape
    dims = tensor.model_dims
    if (shape[1:] if is_batching else shape) != dims:
        _check_shape(shape, (-1, *dims) if is_batching else dims, tensor.name)
    if number == BYTES:
        try:
            return _bytes_array(array)
        except UnicodeEncodeError:
            raise BackendError(f"output {tensor.name!r} holds a text that is no Unicode.") from None
    return array if array.flags.c_contiguous else np.ascontiguousarray(array)


def _check_shape(shape: tuple[int, ...], wanted: tuple[int, ...], name: str) -> None:
    if len(shape) != len(wanted) or any(
        dim not in (-1, size) for dim, size in zip(wanted, shape, strict=True)
    ):
        raise BackendError(
            f"output {name!r} has shape {list(shape)}: wanted {list(wanted)}, by the configuration "
            "(-1 is any size)."
        )


def _is_16_bit(array: NDArray[Any]) -> bool:
    return numpy_to_triton_type(array.dtype) == TYPE_NUMBERS["UINT16"]


def _bytes_array(array: NDArray[Any]) -> NDArray[np.object_]:
    """As Triton has it: whatever is no bytes object is the UTF-8 of its text."""
    flat = [
        item if isinstance(item, bytes) else str(item).encode() for item in array.ravel().tolist()
    ]
    made = np.empty(len(flat), np.object_)
    made[:] = flat
    return made.reshape(array.shape)
