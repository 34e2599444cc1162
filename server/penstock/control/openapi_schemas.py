# SPDX-License-Identifier: Apache-2.0
"""The schemas (JSON Schema 2020-12) of OpenAPI documents: tensors of a model, and shared ones."""

from collections.abc import Mapping, Sequence
from typing import Any

from penstock_client._proto.model_config_pb2 import ModelConfig
from penstock_client._proto.pool import enum_type

__all__ = [
    "ERROR_ANSWERS",
    "SHARED_SCHEMAS",
    "datatype_name",
    "request_schema",
    "response_schema",
    "tensor_shape",
]

DATA_TYPES = enum_type("inference.DataType")

#: Datatype -> the schema of one element.
ELEMENTS: Mapping[str, dict[str, Any]] = {
    "BOOL": {"type": "boolean"},
    "BYTES": {"type": "string"},
    **{
        f"INT{bits}": {"type": "integer", "minimum": -(2 ** (bits - 1)), "maximum": top}
        for bits, top in ((8, 2**7 - 1), (16, 2**15 - 1), (32, 2**31 - 1), (64, 2**63 - 1))
    },
    **{
        f"UINT{bits}": {"type": "integer", "minimum": 0, "maximum": 2**bits - 1}
        for bits in (8, 16, 32, 64)
    },
    "FP16": {"type": "number"},
    "BF16": {"type": "number"},
    "FP32": {"type": "number"},
    "FP64": {"type": "number"},
}

PARAMETERS = {
    "type": "object",
    "additionalProperties": {"type": ["boolean", "integer", "number", "string"]},
}


def _object(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties}


def _list_of(items: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": items}


TEXT = {"type": "string"}
DURATION = {"$ref": "#/components/schemas/Duration"}
SHAPE = _list_of({"type": "integer"})

SHARED_SCHEMAS: Mapping[str, dict[str, Any]] = {
    "Error": {**_object(error=TEXT), "required": ["error"]},
    "Metadata": _object(
        name=TEXT,
        version=TEXT,
        versions=_list_of(TEXT),
        extensions=_list_of(TEXT),
        platform=TEXT,
        inputs=_list_of(_object(name=TEXT, datatype=TEXT, shape=SHAPE)),
        outputs=_list_of(_object(name=TEXT, datatype=TEXT, shape=SHAPE)),
    ),
    "Config": {"type": "object", "description": "A ModelConfig in protobuf's mapping to JSON."},
    "Duration": _object(count={"type": "integer"}, ns={"type": "integer"}),
    "Statistics": _object(
        model_stats=_list_of(
            _object(
                name=TEXT,
                version=TEXT,
                last_inference={"type": "integer", "description": "Milliseconds since 1970."},
                inference_count={"type": "integer"},
                execution_count={"type": "integer"},
                inference_stats={"type": "object", "additionalProperties": DURATION},
                response_stats={"type": "object"},
                batch_stats=_list_of({"type": "object"}),
                memory_usage=_list_of({"type": "object"}),
            )
        )
    ),
    "Index": _list_of(
        {**_object(name=TEXT, version=TEXT, state=TEXT, reason=TEXT), "required": ["name"]}
    ),
    "Regions": _list_of(
        _object(name=TEXT, key=TEXT, offset={"type": "integer"}, byte_size={"type": "integer"})
    ),
    "Settings": {"type": "object"},
    "Flag": {"type": "object"},
    "V1Models": _object(models=_list_of(TEXT)),
    "V1Answer": {"type": "object", "description": "`predictions`, a list or an object of lists."},
    "InferAnswer": {"type": "object", "description": "As the model's own document has it."},
}


_ERROR = {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}
ERROR_ANSWERS: Mapping[str, dict[str, Any]] = {
    "4XX": {"description": "The request is wrong; `error` says what.", "content": _ERROR},
    "5XX": {"description": "The server could not answer; `error` says why.", "content": _ERROR},
}


def datatype_name(data_type: int) -> str:
    """The protocol's name of a configuration's datatype: TYPE_STRING is BYTES."""
    name = DATA_TYPES.Name(data_type).removeprefix("TYPE_")
    return "BYTES" if name == "STRING" else name


def tensor_shape(config: ModelConfig, dims: Sequence[int]) -> list[int]:
    """A tensor's shape as metadata tell it: rows first where the model batches; -1 is any size."""
    return [-1, *dims] if config.max_batch_size > 0 else list(dims)


def request_schema(config: ModelConfig) -> dict[str, Any]:
    """Of a request to the model."""
    required = sum(not one.optional for one in config.input)
    return {
        "type": "object",
        "required": ["inputs"],
        "properties": {
            "id": {**TEXT, "description": "Comes back with the answer."},
            "parameters": PARAMETERS,
            "inputs": {
                **_tensors(config, config.input, sizes=True),
                "minItems": required,
                "maxItems": max(len(config.input), 1),
            },
            "outputs": {
                "type": "array",
                "description": "Those that are wanted; without it, all.",
                "items": {
                    "type": "object",
                    "required": ["name"],
                    "properties": {
                        "name": {"enum": [one.name for one in config.output]},
                        "parameters": PARAMETERS,
                    },
                }
                if config.output
                else {"type": "object"},
            },
        },
    }


def response_schema(config: ModelConfig) -> dict[str, Any]:
    """Of the model's answer."""
    return {
        "type": "object",
        "required": ["model_name", "outputs"],
        "properties": {
            "model_name": {"const": config.name},
            "model_version": TEXT,
            "id": TEXT,
            "parameters": {"type": "object"},
            "outputs": _tensors(config, config.output, sizes=False),
        },
    }


def _tensors(config: ModelConfig, tensors: Sequence[Any], *, sizes: bool) -> dict[str, Any]:
    if not tensors:
        return {"type": "array"}
    return {"type": "array", "items": {"oneOf": [_tensor(config, one, sizes) for one in tensors]}}


def _tensor(config: ModelConfig, tensor: Any, has_sizes: bool) -> dict[str, Any]:
    datatype = datatype_name(tensor.data_type)
    shape = tensor_shape(config, tensor.dims)
    batches = config.max_batch_size > 0
    sizes = [
        _size(dim, rows_max=config.max_batch_size if batches and place == 0 else None)
        for place, dim in enumerate(shape)
    ]
    element = ELEMENTS.get(datatype, {})
    return {
        "title": tensor.name,
        "type": "object",
        "required": ["name", "shape", "datatype", *(["data"] if has_sizes else [])],
        "properties": {
            "name": {"const": tensor.name},
            "datatype": {"const": datatype},
            "shape": {
                "type": "array",
                **({"prefixItems": sizes} if sizes else {}),
                "minItems": len(sizes),
                "maxItems": len(sizes),
            },
            "data": {
                "type": "array",
                "description": "Row by row, flat or nested as the shape is.",
                "items": {"anyOf": [element, {"type": "array"}]},
            },
            "parameters": PARAMETERS,
        },
    }


def _size(dim: int, *, rows_max: int | None) -> dict[str, Any]:
    if rows_max is not None:
        return {"type": "integer", "minimum": 1, "maximum": rows_max}
    return {"type": "integer", "minimum": 0} if dim < 0 else {"const": dim}
