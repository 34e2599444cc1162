# SPDX-License-Identifier: Apache-2.0
"""Answers of REST, and bodies that may be left out."""

import json
from typing import Any

from penstock.control.json_body import JsonObject, parsed_object
from penstock.control.rest import RestAnswer

__all__ = ["EMPTY", "error_answer", "json_answer", "optional_object"]

JSON = (("content-type", "application/json"),)
EMPTY = JsonObject({})


def json_answer(value: Any, *more: tuple[str, str], status: int = 200) -> RestAnswer:
    """A value of JSON; None is an answer without a body. `more`: further headers."""
    text = "" if value is None else _text(value)
    return RestAnswer(status=status, headers=(*JSON, *more), body=text.encode())


def error_answer(status: int, why: str, *more: tuple[str, str]) -> RestAnswer:
    """A refusal."""
    body = _text({"error": why}).encode(errors="replace")
    return RestAnswer(status=status, headers=(*JSON, *more), body=body)


def optional_object(body: bytes, **bounds: int | None) -> JsonObject:
    """The object that is the body; of none, an empty one."""
    return parsed_object(body, **bounds) if body else EMPTY


def _text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
