# SPDX-License-Identifier: Apache-2.0
"""The `parameters` of a configuration: texts that mean numbers and choices."""

from collections.abc import Collection, Mapping
from difflib import get_close_matches

from penstock.errors import RepositoryError
from penstock_client._proto.model_config_pb2 import ModelParameter

__all__ = ["Parameters", "choice", "refuse_unknown", "text", "whole_number"]

Parameters = Mapping[str, ModelParameter]

#: What the names of Penstock's own parameters begin with.
OWN_PREFIX = "penstock."


def refuse_unknown(
    parameters: Parameters, known: Collection[str], prefixes: tuple[str, ...] = ()
) -> None:
    """Raises RepositoryError for a key in Penstock's own name that means nothing to it.

    A key that begins with one of `prefixes` does.

    Other keys are the model's, or of its backend. A misspelt one of ours would bind nothing.
    """
    for key in parameters:
        if key.startswith(OWN_PREFIX) and key not in known and not key.startswith(prefixes):
            near = get_close_matches(key, known, n=1)
            meant = f"did you mean {near[0]}?" if near else f"there are {', '.join(sorted(known))}."
            raise RepositoryError(f"parameters.{key} means nothing to this server: {meant}")


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
