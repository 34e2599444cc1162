# SPDX-License-Identifier: Apache-2.0
"""JSON bodies of control calls: read strictly, within bounds, with Triton's sentences.

What came is held to what JSON is (RFC 8259): UTF-8, no NaN, no name twice in one object.
"""

import json
from typing import Any, NoReturn

from penstock.errors import ControlError

__all__ = ["BODY_BYTES_MAX", "VALUES_MAX", "JsonObject", "parsed_object"]

#: A body without files. One that loads a model's files may be as large as the port lets it be.
BODY_BYTES_MAX = 1 << 20
#: Values in a body. Each takes some 60 bytes of memory for the two that it takes to write.
VALUES_MAX = 100_000

PLAIN_MESSAGES = {
    "Expecting value": "Invalid value",
    "Extra data": "The document root must not be followed by other values",
    "Expecting property name enclosed in double quotes": "Missing a name for object member",
    "Expecting ':' delimiter": "Missing a colon after a name of object member",
    "Expecting ',' delimiter": "Missing a comma or a closing bracket",
}


class JsonObject:
    """An object of JSON, whose members are asked for by name and type."""

    def __init__(self, members: dict[str, Any]) -> None:
        self._members = members

    def __contains__(self, name: str) -> bool:
        return name in self._members

    def names(self) -> list[str]:
        """Its members' names."""
        return list(self._members)

    def text(self, name: str) -> str:
        """A member that is a string."""
        value = self._member(name)
        if not isinstance(value, str):
            raise _wrong_type(name, value, "non-string", "string")
        return value

    def flag(self, name: str) -> bool:
        """A member that is true or false."""
        value = self._member(name)
        if not isinstance(value, bool):
            raise _wrong_type(name, value, "non-boolean", "boolean")
        return value

    def unsigned(self, name: str) -> int:
        """A member that is a whole number of 64 bits, 0 or more."""
        value = self._member(name)
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 2**64:
            raise _wrong_type(name, value, "non-unsigned-integer", "unsigned-integer")
        return value

    def object(self, name: str) -> "JsonObject":
        """A member that is an object."""
        value = self._member(name)
        if not isinstance(value, dict):
            raise _wrong_type(name, value, "non-object", "object")
        return JsonObject(value)

    def value(self, name: str) -> Any:
        """A member, whatever it is."""
        return self._member(name)

    def _member(self, name: str) -> Any:
        if name not in self._members:
            raise ControlError(f"attempt to access non-existing object member '{name}'")
        return self._members[name]


def parsed_object(body: bytes, *, bytes_max: int | None = BODY_BYTES_MAX) -> JsonObject:
    """The object that is the whole of `body`. Raises ControlError if it is anything else."""
    if bytes_max is not None and len(body) > bytes_max:
        raise ControlError(
            f"the body of this request may have {bytes_max} bytes, found {len(body)}"
        )
    # Before any of it is made: a bracket or a comma stands beside each value.
    values = body.count(b",") + body.count(b"[") + body.count(b"{")
    if values > VALUES_MAX:
        raise ControlError(f"a JSON body may hold {VALUES_MAX} values, found about {values}")
    value = _parsed(body)
    if not isinstance(value, dict):
        raise ControlError(f"the request JSON is {kind_of(value)}: an object is wanted")
    return JsonObject(value)


def kind_of(value: Any) -> str:
    """What a value of JSON is, in words."""
    match value:
        case None:
            return "null"
        case bool():
            return "a boolean"
        case str():
            return "a string"
        case int() | float():
            return "a number"
        case list():
            return "an array"
    return "an object"


def _parsed(body: bytes) -> Any:
    if not body.strip(b" \t\r\n"):
        raise _unreadable("The document is empty", 0)
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise _unreadable("Invalid encoding in string", error.start) from None
    try:
        value = json.loads(text, parse_constant=_refuse, object_pairs_hook=_object)
        if "\\u" in text:
            json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:  # half of a surrogate pair: no text can carry it on
        raise _unreadable("The surrogate pair in string is invalid", 0) from None
    except json.JSONDecodeError as error:
        what = PLAIN_MESSAGES.get(error.msg, error.msg.rstrip(":. "))
        raise _unreadable(what, len(text[: error.pos].encode())) from None
    except RecursionError:
        raise _unreadable("Values are nested too deeply", 0) from None
    except ValueError as error:  # an integer of thousands of digits
        raise _unreadable(str(error), 0) from None
    return value


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        seen: set[str] = set()
        for name, _ in pairs:
            if name in seen:
                raise ControlError(f"the request JSON has the member '{name}' twice")
            seen.add(name)
    return made


def _refuse(name: str) -> NoReturn:
    raise ControlError(f"failed to parse the request JSON buffer: {name} is no value of JSON")


def _unreadable(what: str, at: int) -> ControlError:
    return ControlError(f"failed to parse the request JSON buffer: {what}. at {at}")


def _wrong_type(name: str, value: Any, found: str, wanted: str) -> ControlError:
    return ControlError(f"attempt to access JSON {found} as {wanted}: '{name}' is {kind_of(value)}")
