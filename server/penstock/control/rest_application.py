# SPDX-License-Identifier: Apache-2.0
"""The control application over REST: calls in, answers out, as Triton's HTTP server gives them."""

import asyncio
import base64
import binascii
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from penstock.control.application import ControlApplication
from penstock.control.json_body import BODY_BYTES_MAX, JsonObject, kind_of, parsed_object
from penstock.control.messages_json import (
    config_json,
    index_json,
    regions_json,
    statistics_json,
)
from penstock.control.openapi import model_document
from penstock.control.openapi_server import server_document
from penstock.control.pages import model_page, page_headers, server_page
from penstock.control.parts import MemoryRegion
from penstock.control.rest import RestAnswer, RestCall
from penstock.control.rest_answers import EMPTY, error_answer, json_answer, optional_object
from penstock.control.rest_drift import RestDrift
from penstock.control.rest_rollouts import RestRollouts
from penstock.control.rest_routes import FoundRoute, find_route
from penstock.control.rest_traffic import RestTraffic
from penstock.control.statuses import http_status
from penstock.errors import ControlError, PenstockError
from penstock_client._proto.model_config_pb2 import ModelConfig

__all__ = ["RestControl"]

log = logging.getLogger(__name__)

#: Characters that are decoded at a time; four make three bytes.
BASE64_PIECE = 1 << 20


class RestControl:
    """A RestApplication. Lives on the control thread's event loop."""

    def __init__(self, application: ControlApplication) -> None:
        self._application = application
        self._routes: dict[str, Callable[[RestCall, Mapping[str, str]], Awaitable[RestAnswer]]] = {
            "all_statistics": self._statistics,
            "config": self._config,
            "statistics": self._statistics,
            "docs": self._docs,
            "openapi": self._openapi,
            "trace": self._trace,
            "logging": self._logging,
            "index": self._index,
            "load": self._load,
            "unload": self._unload,
            "system_status": self._system_status,
            "system_register": self._system_register,
            "system_unregister": self._system_unregister,
            "cuda_status": self._cuda_status,
            "cuda_register": self._cuda_register,
            "cuda_unregister": self._cuda_unregister,
            "v1_alive": self._v1_alive,
            "v1_models": self._v1_models,
            "v1_model": self._v1_model,
            **RestRollouts(application.rollouts).routes,
            **RestTraffic(application.routes).routes,
            **RestDrift(application.drift).routes,
        }

    async def __call__(self, call: RestCall) -> RestAnswer:
        """The answer to `call`, whatever it is."""
        try:
            found = find_route(call.path)
            if found is None:
                return error_answer(404, "Not Found")
            if call.method not in found.methods:
                return _wrong_method(found)
            return await self._routes[found.route](call, found.names)
        except PenstockError as error:
            return error_answer(http_status(error.code), str(error))
        except Exception as error:
            log.exception("control_call_failed", extra={"method": call.method, "path": call.path})
            return error_answer(
                500, f"the server failed to answer: {type(error).__name__}: {error}"
            )

    # -- models -----------------------------------------------------------------------------------

    async def _config(self, call: RestCall, names: Mapping[str, str]) -> RestAnswer:
        found = self._application.model_config(names["model"], names.get("version", ""))
        return json_answer(config_json(found))

    async def _statistics(self, call: RestCall, names: Mapping[str, str]) -> RestAnswer:
        found = self._application.model_statistics(names.get("model", ""), names.get("version", ""))
        return json_answer(statistics_json(found))

    async def _openapi(self, call: RestCall, names: Mapping[str, str]) -> RestAnswer:
        if "model" not in names:
            return json_answer(server_document())
        version = names.get("version", "")
        return json_answer(model_document(self._named_config(names["model"], version), version))

    async def _docs(self, call: RestCall, names: Mapping[str, str]) -> RestAnswer:
        if "model" not in names:
            page = server_page(await self._application.index())
        else:
            version = names.get("version", "")
            page = model_page(self._named_config(names["model"], version), version)
        return RestAnswer(headers=page_headers(), body=page)

    def _named_config(self, model: str, version: str) -> ModelConfig:
        """A configuration, under the name that it was asked by."""
        config = ModelConfig()
        config.CopyFrom(self._application.model_config(model, version))
        config.name = model
        return config

    # -- the repository ---------------------------------------------------------------------------

    async def _index(self, call: RestCall, names: Mapping[str, str]) -> RestAnswer:
        body = optional_object(call.body)
        entries = await self._application.index(
            names.get("repository", ""), ready_only="ready" in body and body.flag("ready")
        )
        return json_answer(index_json(entries))

    async def _load(self, call: RestCall, names: Mapping[str, str]) -> RestAnswer:
        if len(call.body) <= BODY_BYTES_MAX:
            parameters = _load_parameters(call.body)
        else:  # which takes longer than other calls are to wait
            parameters = await asyncio.to_thread(_load_parameters, call.body)
        await self._application.load(
            names["model"], parameters, repository=names.get("repository", "")
        )
        return json_answer(None)

    async def _unload(self, call: RestCall, names: Mapping[str, str]) -> RestAnswer:
        body = optional_object(call.body)
        parameters = body.object("parameters") if "parameters" in body else EMPTY
        wanted = {}
        if "unload_dependents" in parameters:
            try:
                wanted["unload_dependents"] = parameters.flag("unload_dependents")
            except ControlError as error:
                raise ControlError(f"Unable to parse 'unload_dependents': {error}") from None
        await self._application.unload(
            names["model"], wanted, repository=names.get("repository", "")
        )
        return json_answer(None)

    # -- shared memory ----------------------------------------------------------------------------

    async def _system_status(self, call: RestCall, names: Mapping[str, str]) -> RestAnswer:
        return json_answer(regions_json(self._application.system_regions(names.get("region", ""))))

    async def _system_register(self, call: RestCall, names: Mapping[str, str]) -> RestAnswer:
        name = names.get("region", "")
        body = parsed_object(call.body) if name else EMPTY
        if name:
            _require(body, "key", "byte_size")
        self._application.register_system_region(
            MemoryRegion(
                name=name,
                key=body.text("key") if name else "",
                offset=body.unsigned("offset") if "offset" in body else 0,
                byte_size=body.unsigned("byte_size") if name else 0,
            )
        )
        return json_answer(None)

    async def _system_unregister(self, call: RestCall, names: Mapping[str, str]) -> RestAnswer:
        self._application.unregister_system_region(names.get("region", ""))
        return json_answer(None)

    async def _cuda_status(self, call: RestCall, names: Mapping[str, str]) -> RestAnswer:
        self._application.cuda_regions(names.get("region", ""))
        return json_answer([])

    async def _cuda_register(self, call: RestCall, names: Mapping[str, str]) -> RestAnswer:
        name = names.get("region", "")
        if not name:
            self._application.register_cuda_region("", b"", 0, 0)
        body = parsed_object(call.body)
        _require(body, "raw_handle")
        handle = body.object("raw_handle").text("b64")
        try:
            raw_handle = base64.b64decode(handle, validate=True)
        except binascii.Error:
            raise ControlError(
                "'raw_handle' must be a valid base64 encoded cudaIpcMemHandle_t"
            ) from None
        self._application.register_cuda_region(
            name, raw_handle, body.unsigned("device_id"), body.unsigned("byte_size")
        )
        return json_answer(None)

    async def _cuda_unregister(self, call: RestCall, names: Mapping[str, str]) -> RestAnswer:
        self._application.unregister_cuda_region(names.get("region", ""))
        return json_answer(None)

    # -- settings ---------------------------------------------------------------------------------

    async def _trace(self, call: RestCall, names: Mapping[str, str]) -> RestAnswer:
        changes = {}
        if call.method == "POST":
            body = parsed_object(call.body)
            changes = {name: _trace_texts(name, body.value(name)) for name in body.names()}
        return json_answer(self._application.trace_settings(names.get("model", ""), changes))

    async def _logging(self, call: RestCall, names: Mapping[str, str]) -> RestAnswer:
        changes = {}
        if call.method == "POST":
            body = parsed_object(call.body)
            # As Triton does: null leaves a setting as it is.
            set_ones = [name for name in body.names() if body.value(name) is not None]
            changes = {name: _log_value(name, body.value(name)) for name in set_ones}
        return json_answer(self._application.log_settings(changes))

    # -- KServe's first protocol ------------------------------------------------------------------

    async def _v1_alive(self, call: RestCall, names: Mapping[str, str]) -> RestAnswer:
        return json_answer({"status": "alive"})

    async def _v1_models(self, call: RestCall, names: Mapping[str, str]) -> RestAnswer:
        entries = await self._application.index(ready_only=True)
        return json_answer({"models": sorted({entry.name for entry in entries})})

    async def _v1_model(self, call: RestCall, names: Mapping[str, str]) -> RestAnswer:
        self._application.model_config(names["model"])  # raises unless it is ready
        return json_answer({"name": names["model"], "ready": True})


def _wrong_method(found: FoundRoute) -> RestAnswer:
    return error_answer(405, "Method Not Allowed", ("allow", ", ".join(found.methods)))


def _require(body: JsonObject, *names: str) -> None:
    for name in names:
        if name not in body:
            raise ControlError(f"Shared memory register request has no '{name}' field")


def _load_parameters(sent: bytes) -> dict[str, str | bytes]:
    # Files are in it: its bound is that of the port.
    body = optional_object(sent, bytes_max=None)
    parameters = body.object("parameters") if "parameters" in body else EMPTY
    return {name: _load_parameter(parameters, name) for name in parameters.names()}


def _load_parameter(parameters: JsonObject, name: str) -> str | bytes:
    text = parameters.text(name)
    if not name.startswith("file:"):
        return text
    try:
        return _from_base64(text)
    except (binascii.Error, ValueError) as error:
        raise ControlError(f"load parameter '{name}' must be base64: {error}") from None


def _from_base64(text: str) -> bytes:
    """Piece by piece, for all of it at once would hold Python's lock for as long as it takes."""
    starts = range(0, max(len(text), 1), BASE64_PIECE)
    pieces = [base64.b64decode(text[at : at + BASE64_PIECE], validate=True) for at in starts]
    if any(len(piece) != BASE64_PIECE // 4 * 3 for piece in pieces[:-1]):
        raise ValueError("it goes on after its padding")
    return b"".join(pieces)


def _trace_texts(name: str, value: Any) -> list[str] | None:
    """The texts of a trace setting; None where null or nothing clears it."""
    if value is None:
        return None
    texts = value if isinstance(value, list) else [value]
    for text in texts:
        if not isinstance(text, str):
            raise ControlError(
                f"attempt to access JSON non-string as string: '{name}' holds {kind_of(text)}"
            )
    return texts


def _log_value(name: str, value: Any) -> bool | int | str:
    if isinstance(value, bool | int | str):
        return value
    raise ControlError(f"log setting '{name}' cannot be {kind_of(value)}")
