# SPDX-License-Identifier: Apache-2.0
"""The OpenAPI 3.1 document of a model, made from its configuration. Pure.

The document holds its own inputs and outputs: names, datatypes, shapes, and a request that
the model takes as it stands, of one row of zeros.
"""

import math
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

from penstock.control.openapi_operations import OPENAPI, answer, reading, schema
from penstock.control.openapi_schemas import (
    ERROR_ANSWERS,
    SHARED_SCHEMAS,
    datatype_name,
    request_schema,
    response_schema,
    tensor_shape,
)
from penstock_client._proto.model_config_pb2 import ModelConfig

__all__ = [
    "EXAMPLE_ELEMENTS_MAX",
    "example_request",
    "model_document",
    "model_path",
    "tensor_rows",
]

#: A request of more elements than this stands in no document.
EXAMPLE_ELEMENTS_MAX = 4096

ZEROS: dict[str, bool | float | str] = {"BOOL": False, "BYTES": "text"}


def model_document(config: ModelConfig, version: str = "") -> dict[str, Any]:
    """What can be asked of a model, or of one version of it."""
    base = model_path(config.name, version)
    example = example_request(config)
    content: dict[str, Any] = {"schema": {"$ref": schema("InferRequest")}}
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
                "get": reading("metadata", "Names, datatypes and shapes of its tensors", "Metadata")
            },
            f"{base}/ready": {
                "get": {
                    "operationId": "ready",
                    "summary": "Whether the model can be asked",
                    "responses": {
                        "200": {"description": "It can."},
                        "400": answer("It cannot.", "Error"),
                    },
                }
            },
            f"{base}/infer": {
                "post": {
                    "operationId": "infer",
                    "summary": "Run the model",
                    "requestBody": {"required": True, "content": {"application/json": content}},
                    "responses": {
                        "200": answer("The outputs.", "InferResponse"),
                        **ERROR_ANSWERS,
                    },
                }
            },
            f"{base}/config": {"get": reading("config", "The completed configuration", "Config")},
            f"{base}/stats": {
                "get": reading("statistics", "Counts and durations of requests", "Statistics")
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
