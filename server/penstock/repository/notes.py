# SPDX-License-Identifier: Apache-2.0
"""What a model's configuration has its metadata say besides names, datatypes and shapes.

    parameters { key: "penstock.property.owner" value { string_value: "vision" } }
    parameters { key: "penstock.tensor.INPUT0.content_type" value { string_value: "np" } }

The first is a property of OIP's metadata, the second a parameter of a tensor in MLServer's.
"""

from penstock.errors import RepositoryError
from penstock.repository.parameters import Parameters
from penstock.repository.plan import NotesPlan

__all__ = ["PROPERTY_PREFIX", "TENSOR_PREFIX", "notes_plan"]

PROPERTY_PREFIX = "penstock.property."
TENSOR_PREFIX = "penstock.tensor."


def notes_plan(parameters: Parameters) -> NotesPlan:
    """The properties, and the parameters of tensors, by name. Raises RepositoryError."""
    properties, tensors = [], []
    for key in sorted(parameters):
        value = parameters[key].string_value
        if key.startswith(PROPERTY_PREFIX):
            if not (name := key.removeprefix(PROPERTY_PREFIX)):
                raise RepositoryError(f"parameters.{key} names no property.")
            properties.append((name, value))
        elif key.startswith(TENSOR_PREFIX):
            # The last dot: a tensor's name may hold some.
            tensor, _, name = key.removeprefix(TENSOR_PREFIX).rpartition(".")
            if not tensor or not name:
                raise RepositoryError(
                    f"parameters.{key}: wanted {TENSOR_PREFIX}TENSOR.PARAMETER, for example "
                    f"{TENSOR_PREFIX}INPUT0.content_type."
                )
            tensors.append((tensor, name, value))
    return NotesPlan(properties=tuple(properties), tensors=tuple(tensors))
