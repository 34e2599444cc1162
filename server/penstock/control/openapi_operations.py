# SPDX-License-Identifier: Apache-2.0
"""The operations that OpenAPI documents are put together of."""

from typing import Any

from penstock.control.openapi_schemas import ERROR_ANSWERS

__all__ = ["OPENAPI", "answer", "changing", "path_parameter", "plain", "reading", "schema"]

OPENAPI = "3.1.0"
#: A body or an answer that is some object.
FREE = {"content": {"application/json": {"schema": {"type": "object"}}}}


def schema(name: str) -> str:
    """A reference to a schema of the document."""
    return f"#/components/schemas/{name}"


def answer(description: str, schema_name: str) -> dict[str, Any]:
    """An answer of JSON."""
    content = {"application/json": {"schema": {"$ref": schema(schema_name)}}}
    return {"description": description, "content": content}


def reading(operation: str, summary: str, schema_name: str) -> dict[str, Any]:
    """An operation that is answered with JSON."""
    return {
        "operationId": operation,
        "summary": summary,
        "responses": {"200": answer(f"{summary}.", schema_name), **ERROR_ANSWERS},
    }


def changing(
    operation: str, summary: str, schema_name: str, *, is_required: bool
) -> dict[str, Any]:
    """An operation that takes an object and is answered with JSON."""
    return {
        "operationId": operation,
        "summary": summary,
        "requestBody": {"required": is_required, **FREE},
        "responses": {"200": answer("What it is then.", schema_name), **ERROR_ANSWERS},
    }


def plain(operation: str, summary: str, *, has_body: bool = False) -> dict[str, Any]:
    """An operation whose answer has no body."""
    made: dict[str, Any] = {"operationId": operation, "summary": summary}
    if has_body:
        made["requestBody"] = {"required": False, **FREE}
    return {**made, "responses": {"200": {"description": "Yes, or done."}, **ERROR_ANSWERS}}


def path_parameter(name: str) -> dict[str, Any]:
    """A name that stands in the path."""
    return {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
