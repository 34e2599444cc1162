# SPDX-License-Identifier: Apache-2.0
"""A model configuration written as JSON, in protobuf's own mapping: what a client loads with.

protobuf's parser says that something is wrong, and mostly not where. So every value is held
against the contract first, and what does not fit is named by its path ("input[0].dims[1]"), with
what was found and what was wanted. Pure.
"""

import json
from difflib import get_close_matches
from typing import Any

from google.protobuf import json_format
from google.protobuf.descriptor import FieldDescriptor

from penstock.errors import RepositoryError
from penstock.repository.config_file import CONFIG_BYTES_MAX, WrittenConfig
from penstock_client._proto.model_config_pb2 import ModelConfig

__all__ = ["config_from_json"]

WHOLE = {
    FieldDescriptor.CPPTYPE_INT32: (-(2**31), 2**31 - 1),
    FieldDescriptor.CPPTYPE_INT64: (-(2**63), 2**63 - 1),
    FieldDescriptor.CPPTYPE_UINT32: (0, 2**32 - 1),
    FieldDescriptor.CPPTYPE_UINT64: (0, 2**64 - 1),
}
REAL = (FieldDescriptor.CPPTYPE_FLOAT, FieldDescriptor.CPPTYPE_DOUBLE)
REAL_WORDS = ("NaN", "Infinity", "-Infinity")
SHOWN_MAX = 60

# Descriptors are Any below: their stubs say of every part that it may be missing.


def config_from_json(text: str, *, model: str = "") -> WrittenConfig:
    """The configuration that `text` writes. Names may be Triton's or protobuf's lowerCamelCase.

    With `model` it is the one of the model of that name, whatever else it leaves out.

    Raises RepositoryError with the path of the field that does not fit.
    """
    if len(text) > CONFIG_BYTES_MAX:
        raise RepositoryError(
            f"The configuration has {len(text)} characters: wanted at most {CONFIG_BYTES_MAX}."
        )
    try:
        found = json.loads(text, object_pairs_hook=_distinct, parse_constant=_no_constant)
    except json.JSONDecodeError as error:
        raise RepositoryError(
            f"The configuration is not JSON: {error.msg} at line {error.lineno}, column "
            f"{error.colno}."
        ) from None
    except (RecursionError, ValueError) as error:  # too deep; a number of too many digits
        raise RepositoryError(f"The configuration is not JSON: {_reason(error)}.") from None
    _check_message(found, ModelConfig.DESCRIPTOR, "")
    config = ModelConfig()
    try:
        json_format.ParseDict(found, config)
    except (json_format.ParseError, ValueError, TypeError, RecursionError) as error:
        raise RepositoryError(
            f"The configuration is not a model configuration: {_reason(error)}."
        ) from None
    if model:
        if config.name not in ("", model):
            raise RepositoryError(
                f"The configuration is for a model {_shown(config.name)}, but it is given for "
                f"{_shown(model)}: wanted that name, or none."
            )
        config.name = model
    sizes = (found.get(name) for name in ("max_batch_size", "maxBatchSize"))
    return WrittenConfig(config=config, has_batch_size=any(size is not None for size in sizes))


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise RepositoryError(f"The configuration gives {_shown(twice)} twice in one object.")
    return made


def _no_constant(word: str) -> None:
    raise RepositoryError(
        f'The configuration has a bare {word}, which is not JSON: wanted a number, or "{word}".'
    )


def _check_message(found: Any, message: Any, path: str) -> None:
    if not isinstance(found, dict):
        raise _misfit(path, found, "an object")
    fields = _fields_by_name(message)
    seen: dict[str, str] = {}
    for name, value in found.items():
        field = fields.get(name)
        if field is None:
            raise _unknown(name, message, path)
        where = f"{path}.{name}" if path else name
        other = seen.setdefault(field.name, name)
        if other != name:
            raise RepositoryError(f"The configuration gives {where} twice: as {other} and {name}.")
        if value is not None:  # null is "not given"
            _check_field(value, field, where)
            _check_choice(field, found, fields, where)


def _check_field(found: Any, field: Any, path: str) -> None:
    if field.message_type is not None and field.message_type.GetOptions().map_entry:
        if not isinstance(found, dict):
            raise _misfit(path, found, "an object of names and values")
        kinds = field.message_type.fields_by_name
        for key, value in found.items():
            if kinds["key"].cpp_type in WHOLE:
                _check_whole(key, kinds["key"], f"the key of {path}")
            _check_value(value, kinds["value"], f"{path}[{_shown(key)}]")
    elif field.is_repeated:
        if not isinstance(found, list):
            raise _misfit(path, found, f"a list of {_wanted(field, several=True)}")
        for i, value in enumerate(found):
            _check_value(value, field, f"{path}[{i}]")
    else:
        _check_value(found, field, path)


def _check_choice(field: Any, found: dict[str, Any], fields: dict[str, Any], path: str) -> None:
    """Of a choice, one at most: protobuf's parser would name neither."""
    if field.containing_oneof is None:
        return
    for name, value in found.items():
        other = fields.get(name)
        if other is None or other.name == field.name or value is None:
            continue
        if other.containing_oneof is field.containing_oneof:
            raise RepositoryError(f"The configuration gives {path} and {name}: wanted one of them.")


def _check_value(found: Any, field: Any, path: str) -> None:
    kind = field.cpp_type
    if found is None:
        fits = False
    elif kind == FieldDescriptor.CPPTYPE_MESSAGE:
        _check_message(found, field.message_type, path)
        return
    elif kind == FieldDescriptor.CPPTYPE_ENUM:
        fits = _is_enum(found, field)
    elif kind == FieldDescriptor.CPPTYPE_BOOL:
        fits = isinstance(found, bool)
    elif kind in WHOLE:
        _check_whole(found, field, path)
        return
    elif kind in REAL:
        fits = _is_real(found)
    else:
        fits = isinstance(found, str) and not _has_surrogate(found)
    if not fits:
        raise _misfit(path, found, _wanted(field))


def _check_whole(found: Any, field: Any, path: str) -> None:
    least, most = WHOLE[field.cpp_type]
    number = _whole(found)
    if number is None:
        raise _misfit(path, found, "a whole number")
    if not least <= number <= most:
        raise _misfit(path, found, f"a whole number of {least} to {most}")


def _whole(found: Any) -> int | None:
    """The number that JSON's `found` is, as a number or, for 64 bits, as text."""
    if isinstance(found, bool):
        return None
    if isinstance(found, int):
        return found
    if isinstance(found, float) and found.is_integer():
        return int(found)
    if isinstance(found, str):
        digits = found.removeprefix("-")
        if digits.isascii() and digits.isdigit() and len(digits) <= 20:
            return int(found)
    return None


def _is_real(found: Any) -> bool:
    if isinstance(found, bool):
        return False
    return isinstance(found, (int, float)) or found in REAL_WORDS


def _is_enum(found: Any, field: Any) -> bool:
    values = field.enum_type
    if isinstance(found, str):  # one that is no Unicode would break protobuf's own look-up
        return not _has_surrogate(found) and found in values.values_by_name
    return type(found) is int and found in values.values_by_number


def _has_surrogate(text: str) -> bool:
    return any("\ud800" <= letter <= "\udfff" for letter in text)


def _fields_by_name(message: Any) -> dict[str, Any]:
    fields = {field.name: field for field in message.fields}
    return fields | {field.json_name: field for field in message.fields}


def _unknown(name: str, message: Any, path: str) -> RepositoryError:
    names = [field.name for field in message.fields]
    near = get_close_matches(name, names, n=1)
    meant = f"did you mean {near[0]}?" if near else f"there are {', '.join(names)}."
    within = f" within {path}" if path else ""
    return RepositoryError(f"The configuration has no field {_shown(name)}{within}: {meant}")


def _misfit(path: str, found: Any, wanted: str) -> RepositoryError:
    where = path or "The configuration"
    return RepositoryError(f"{where} is {_shown(found)}: wanted {wanted}.")


def _wanted(field: Any, *, several: bool = False) -> str:
    kind = field.cpp_type
    if kind == FieldDescriptor.CPPTYPE_ENUM:
        names = ", ".join(value.name for value in field.enum_type.values)
        return f"values of {names}" if several else f"one of {names}"
    if kind == FieldDescriptor.CPPTYPE_MESSAGE:
        return "objects" if several else "an object"
    if kind == FieldDescriptor.CPPTYPE_BOOL:
        return "true or false"
    if kind in WHOLE:
        return "whole numbers" if several else "a whole number"
    if kind in REAL:
        return "numbers" if several else "a number"
    return "texts" if several else "a text"


def _shown(found: Any) -> str:
    text = json.dumps(found)
    return text if len(text) <= SHOWN_MAX else f"{text[:SHOWN_MAX]}..."


def _reason(error: BaseException) -> str:
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    return " ".join(str(error).split()).rstrip(".") or type(error).__name__
