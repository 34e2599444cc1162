# SPDX-License-Identifier: Apache-2.0
"""The `parameters` of a configuration: texts that mean numbers and choices."""

from collections.abc import Collection, Mapping

from penstock.errors import RepositoryError
from penstock_client._proto.model_config_pb2 import ModelParameter

__all__ = ["Parameters", "choice", "text", "whole_number"]

Parameters = Mapping[str, ModelParameter]


def text(parameters: Parameters, key: str) -> str | None:
    """What is set under `key`, if anything."""
    # A protobuf map makes an entry when it is asked for one that is missing.
    return parameters[key].string_value if key in parameters else None


def whole_number(parameters: Parameters, key: str, *, default: int) -> int:
    """The number under `key`. Raises RepositoryError if it is none, or below 0."""
    found = text(parameters, key)
    if found is None:
        return default
    if not (found.isascii() and found.isdigit()):
        raise RepositoryError(f"parameters.{key} is {found!r}: wanted a whole number.")
    return int(found)


def choice(parameters: Parameters, key: str, choices: Collection[str], *, default: str) -> str:
    """The text under `key`. Raises RepositoryError if it is none of `choices`."""
    found = text(parameters, key)
    if found is None:
        return default
    if found not in choices:
        raise RepositoryError(f"parameters.{key} is {found!r}: wanted {' or '.join(choices)}.")
    return found
