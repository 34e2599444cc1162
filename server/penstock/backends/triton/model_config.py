# SPDX-License-Identifier: Apache-2.0
"""A model's configuration as models written for Triton see it, and as they may complete it."""

import json
from collections.abc import Callable, Mapping
from typing import Any

from google.protobuf import json_format
from google.protobuf.descriptor import FieldDescriptor

from penstock.errors import BackendError
from penstock.repository.config_file import ModelConfig as Configuration

__all__ = [
    "ModelConfig",
    "config_json",
    "config_of_json",
    "get_input_config_by_name",
    "get_output_config_by_name",
    "using_decoupled_model_transaction_policy",
]

WIDE_NUMBERS = frozenset(
    {
        FieldDescriptor.TYPE_INT64,
        FieldDescriptor.TYPE_UINT64,
        FieldDescriptor.TYPE_SINT64,
        FieldDescriptor.TYPE_FIXED64,
        FieldDescriptor.TYPE_SFIXED64,
    }
)
TENSOR_PROPERTIES = ("name", "data_type", "dims")


def config_json(config: Configuration) -> str:
    """`config` as JSON with the fields' own names, the unset ones included, and numbers as numbers.

    Protobuf's own JSON has 64-bit numbers as texts; Triton hands them to models as numbers.
    """
    told = json_format.MessageToDict(
        config, preserving_proto_field_name=True, always_print_fields_with_no_presence=True
    )
    return json.dumps(_with_numbers(told, config.DESCRIPTOR))


# Descriptors are Any below: their stubs say of every part that it may be missing.


def _with_numbers(told: Any, descriptor: Any) -> Any:
    for field in descriptor.fields:
        if field.name not in told:
            continue
        value = told[field.name]
        if field.type in WIDE_NUMBERS:
            told[field.name] = [int(v) for v in value] if field.is_repeated else int(value)
        elif field.message_type is not None:
            told[field.name] = _below(value, field)
    return told


def _below(value: Any, field: Any) -> Any:
    kind = field.message_type
    if kind.GetOptions().map_entry:
        of_entry = kind.fields_by_name["value"]
        if of_entry.message_type is not None:
            return {key: _with_numbers(v, of_entry.message_type) for key, v in value.items()}
        if of_entry.type in WIDE_NUMBERS:
            return {key: int(v) for key, v in value.items()}
        return value
    if field.is_repeated:
        return [_with_numbers(part, kind) for part in value]
    return _with_numbers(value, kind)


class ModelConfig:
    """What `auto_complete_config` is handed, completes and returns."""

    def __init__(self, model_config: str) -> None:
        """`model_config` is JSON."""
        self._config: dict[str, Any] = json.loads(model_config)

    def as_dict(self) -> dict[str, Any]:
        """The configuration as it is now."""
        return self._config

    def add_input(self, input: Mapping[str, Any]) -> None:
        """Adds an input of `name`, `data_type` and `dims`, perhaps `optional`.

        Raises ValueError if one of these is missing or unknown, or if the configuration has an
        input of this name that differs.
        """
        self._add("input", input, (*TENSOR_PROPERTIES, "optional"))

    def add_output(self, output: Mapping[str, Any]) -> None:
        """Adds an output of `name`, `data_type` and `dims`, in the same way."""
        self._add("output", output, TENSOR_PROPERTIES)

    def set_max_batch_size(self, max_batch_size: int) -> None:
        """Raises ValueError if the configuration has a larger one."""
        written = self._config.get("max_batch_size", 0)
        if written > max_batch_size:
            raise ValueError(
                f"auto_complete_config of model {self._name!r} sets max_batch_size "
                f"{max_batch_size}, but the configuration has {written}."
            )
        self._config["max_batch_size"] = max_batch_size

    def set_dynamic_batching(self) -> None:
        """Raises ValueError if the configuration has another scheduler."""
        for other in ("sequence_batching", "ensemble_scheduling"):
            if other in self._config:
                raise ValueError(
                    f"auto_complete_config of model {self._name!r} sets dynamic_batching, but the "
                    f"configuration has {other}."
                )
        self._config.setdefault("dynamic_batching", {})

    def set_model_transaction_policy(self, transaction_policy: Mapping[str, Any]) -> None:
        """Of `decoupled` alone; raises ValueError if the configuration has another."""
        if set(transaction_policy) != {"decoupled"}:
            raise ValueError(
                f"auto_complete_config of model {self._name!r} sets a transaction policy of "
                f"{sorted(transaction_policy)}: wanted 'decoupled' alone."
            )
        written = self._config.get("model_transaction_policy", {})
        wanted = bool(transaction_policy["decoupled"])
        if written.get("decoupled", wanted) != wanted:
            raise ValueError(
                f"auto_complete_config of model {self._name!r} sets decoupled to {wanted}, but the "
                f"configuration has {not wanted}."
            )
        self._config["model_transaction_policy"] = {"decoupled": wanted}

    @property
    def _name(self) -> str:
        return str(self._config.get("name", ""))

    def _add(self, kind: str, tensor: Mapping[str, Any], known: tuple[str, ...]) -> None:
        where = f"auto_complete_config of model {self._name!r}: an {kind}"
        if missing := [key for key in TENSOR_PROPERTIES if key not in tensor]:
            raise ValueError(f"{where} {dict(tensor)!r} has no {missing[0]!r}.")
        if unknown := [key for key in tensor if key not in known]:
            raise ValueError(f"{where} has {unknown[0]!r}: wanted {', '.join(known)}.")
        tensors: list[dict[str, Any]] = self._config.setdefault(kind, [])
        for written in tensors:
            if written["name"] == tensor["name"]:
                self._complete(written, tensor, f"{where} {tensor['name']!r}")
                return
        tensors.append(dict(tensor))

    def _complete(self, written: dict[str, Any], given: Mapping[str, Any], where: str) -> None:
        unset: dict[str, Callable[[Any], bool]] = {
            "data_type": lambda value: value in (None, "TYPE_INVALID"),
            "dims": lambda value: not value,
            "optional": lambda value: not value,
        }
        for key, is_unset in unset.items():
            if key not in given:
                continue
            found = written.get(key)
            if not is_unset(found) and found != given[key]:
                raise ValueError(
                    f"{where} has {key} {given[key]!r}, but the configuration has {found!r}."
                )
            written[key] = given[key]


def config_of_json(text: str) -> Configuration:
    """The reverse of `config_json`. Raises BackendError if `text` is no configuration."""
    config = Configuration()
    try:
        json_format.ParseDict(json.loads(text), config)
    except (json_format.ParseError, ValueError, TypeError) as error:
        reason = " ".join(str(error).split()).rstrip(".")
        raise BackendError(f"auto_complete_config made no model configuration: {reason}.") from None
    return config


def get_input_config_by_name(model_config: Mapping[str, Any], name: str) -> Any:
    """The configuration of the input `name`; None if there is none."""
    return _named(model_config.get("input", ()), name)


def get_output_config_by_name(model_config: Mapping[str, Any], name: str) -> Any:
    """The configuration of the output `name`; None if there is none."""
    return _named(model_config.get("output", ()), name)


def using_decoupled_model_transaction_policy(model_config: Mapping[str, Any]) -> bool:
    """Whether the model is decoupled."""
    return bool(model_config.get("model_transaction_policy", {}).get("decoupled", False))


def _named(tensors: Any, name: str) -> Any:
    return next((tensor for tensor in tensors if tensor["name"] == name), None)
