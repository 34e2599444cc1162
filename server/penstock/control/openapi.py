# SPDX-License-Identifier: Apache-2.0
"""OpenAPI 3.1 documents: of one model, made from its configuration, and of the server. Pure.

A model's document holds its own inputs and outputs: names, datatypes, shapes, and a request that
the model takes as it stands, of one row of zeros.
"""

import math
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

from penstock import __version__
from penstock.control.openapi_schemas import (
    ERROR_ANSWERS,
    SHARED_SCHEMAS,
    answer,
    datatype_name,
    request_schema,
    response_schema,
    tensor_shape,
)
from penstock_client._proto.model_config_pb2 import ModelConfig

__all__ = ["EXAMPLE_ELEMENTS_MAX", "example_request", "model_document", "server_document"]

#: A request of more elements than this stands in no document.
EXAMPLE_ELEMENTS_MAX = 4096

ZEROS: dict[str, bool | float | str] = {"BOOL": False, "BYTES": "text"}
REF = "#/components/schemas/"

OPENAPI = "3.1.0"


def model_document(config: ModelConfig, version: str = "") -> dict[str, Any]:
    """What can be asked of a model, or of one version of it."""
    base = model_path(config.name, version)
    example = example_request(config)
    content: dict[str, Any] = {"schema": {"$ref": f"{REF}InferRequest"}}
    if example is not None:
        content["examples"] = {"zeros": {"summary": "One row of zeros.", "value": example}}
    return {
        "openapi": OPENAPI,
        "info": {
            "title": config.name,
            "version": version or "latest",
            "summary": f"Inference with the model {config.name}",
            "description": _description(config),
        },
        "servers": [{"url": "/"}],
        "paths": {
            base: {
                "get": _get("metadata", "Names, datatypes and shapes of its tensors", "Metadata")
            },
            f"{base}/ready": {
                "get": {
                    "operationId": "ready",
                    "summary": "Whether the model can be asked",
                    "responses": {
                        "200": {"description": "It can."},
                        "400": answer("It cannot.", f"{REF}Error"),
                    },
                }
            },
            f"{base}/infer": {
                "post": {
                    "operationId": "infer",
                    "summary": "Run the model",
                    "requestBody": {"required": True, "content": {"application/json": content}},
                    "responses": {
                        "200": answer("The outputs.", f"{REF}InferResponse"),
                        **ERROR_ANSWERS,
                    },
                }
            },
            f"{base}/config": {"get": _get("config", "The completed configuration", "Config")},
            f"{base}/stats": {
                "get": _get("statistics", "Counts and durations of requests", "Statistics")
            },
        },
        "components": {
            "schemas": {
                **SHARED_SCHEMAS,
                "InferRequest": request_schema(config),
                "InferResponse": response_schema(config),
            }
        },
    }


def server_document() -> dict[str, Any]:
    """What can be asked of a server, whatever its models are."""
    model = [_path_parameter("model")]
    region = [_path_parameter("region")]
    free = {"content": {"application/json": {"schema": {"type": "object"}}}}
    paths: dict[str, Any] = {
        "/v2": {"get": _get("serverMetadata", "Name, version and extensions", "Metadata")},
        "/v2/health/live": {"get": _plain("live", "Whether the server answers")},
        "/v2/health/ready": {"get": _plain("ready", "Whether the server wants requests")},
        "/v2/models/{model}": {
            "parameters": model,
            "get": _get("modelMetadata", "Names, datatypes and shapes of its tensors", "Metadata"),
        },
        "/v2/models/{model}/ready": {
            "parameters": model,
            "get": _plain("modelReady", "Whether a model can be asked"),
        },
        "/v2/models/{model}/infer": {
            "parameters": model,
            "post": {
                "operationId": "infer",
                "summary": "Run a model; its own document holds what it takes",
                "requestBody": {"required": True, **free},
                "responses": {"200": {"description": "The outputs.", **free}, **ERROR_ANSWERS},
            },
        },
        "/v2/models/{model}/config": {
            "parameters": model,
            "get": _get("config", "The completed configuration", "Config"),
        },
        "/v2/models/{model}/stats": {
            "parameters": model,
            "get": _get("statistics", "Counts and durations of requests", "Statistics"),
        },
        "/v2/models/stats": {
            "get": _get("allStatistics", "Counts and durations of all models", "Statistics")
        },
        "/v2/repository/index": {
            "post": {
                "operationId": "repositoryIndex",
                "summary": "The models that the repositories hold",
                "requestBody": {"required": False, **free},
                "responses": {"200": answer("The models.", f"{REF}Index"), **ERROR_ANSWERS},
            }
        },
    }
    for verb in ("load", "unload"):
        paths[f"/v2/repository/models/{{model}}/{verb}"] = {
            "parameters": model,
            "post": _plain(f"{verb}Model", f"{verb.capitalize()} a model", body=free),
        }
    paths["/v2/systemsharedmemory/status"] = {
        "get": _get("sharedMemory", "The registered regions", "Regions")
    }
    for verb in ("register", "unregister"):
        paths[f"/v2/systemsharedmemory/region/{{region}}/{verb}"] = {
            "parameters": region,
            "post": _plain(f"{verb}Region", f"{verb.capitalize()} a region", body=free),
        }
    for name in ("logging", "trace/setting"):
        what = name.partition("/")[0]
        paths[f"/v2/{name}"] = {
            "get": _get(f"{what}Settings", f"The settings of {what}", "Settings"),
            "post": {
                "operationId": f"{what}Change",
                "summary": f"Change settings of {what}",
                "requestBody": {"required": True, **free},
                "responses": {
                    "200": answer("The settings after it.", f"{REF}Settings"),
                    **ERROR_ANSWERS,
                },
            },
        }
    return {
        "openapi": OPENAPI,
        "info": {
            "title": "Penstock",
            "version": __version__,
            "summary": "An inference server that speaks the V2 protocol",
            "description": "Each model has a document of its own at /v2/models/MODEL/openapi.json.",
        },
        "servers": [{"url": "/"}],
        "paths": paths,
        "components": {"schemas": SHARED_SCHEMAS},
    }


def example_request(config: ModelConfig) -> dict[str, Any] | None:
    """A request that the model takes: a row of zeros for every input that it must have.

    None if it would have more than EXAMPLE_ELEMENTS_MAX elements.
    """
    wanted = [one for one in config.input if not one.optional]
    shapes = [[max(dim, 1) for dim in tensor_shape(config, one.dims)] for one in wanted]
    if sum(math.prod(shape) for shape in shapes) > EXAMPLE_ELEMENTS_MAX:
        return None
    return {
        "inputs": [
            {
                "name": one.name,
                "shape": shape,
                "datatype": (datatype := datatype_name(one.data_type)),
                "data": [ZEROS.get(datatype, 0)] * math.prod(shape),
            }
            for one, shape in zip(wanted, shapes, strict=True)
        ]
    }


def model_path(model: str, version: str = "") -> str:
    """Where a model stands, percent-encoded."""
    path = f"/v2/models/{quote(model, safe='')}"
    return f"{path}/versions/{version}" if version else path


def _description(config: ModelConfig) -> str:
    rows = (
        f"Requests may hold up to {config.max_batch_size} rows."
        if config.max_batch_size
        else "A request is one run of the model: it is not batched."
    )
    backend = config.backend or config.platform
    return f"Run by {backend}. {rows}" if backend else rows


def _get(operation: str, summary: str, schema: str) -> dict[str, Any]:
    return {
        "operationId": operation,
        "summary": summary,
        "responses": {"200": answer(f"{summary}.", f"{REF}{schema}"), **ERROR_ANSWERS},
    }


def _plain(operation: str, summary: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
    """An operation whose answer has no body."""
    made: dict[str, Any] = {"operationId": operation, "summary": summary}
    if body is not None:
        made["requestBody"] = {"required": False, **body}
    return {**made, "responses": {"200": {"description": "Yes, or done."}, **ERROR_ANSWERS}}


def _path_parameter(name: str) -> dict[str, Any]:
    return {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}


def tensor_rows(config: ModelConfig, tensors: Sequence[Any]) -> list[dict[str, Any]]:
    """Name, datatype and shape of tensors, for a page to show."""
    return [
        {
            "name": one.name,
            "datatype": datatype_name(one.data_type),
            "shape": tensor_shape(config, one.dims),
            "optional": bool(getattr(one, "optional", False)),
        }
        for one in tensors
    ]
