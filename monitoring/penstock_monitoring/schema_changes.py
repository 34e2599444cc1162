# SPDX-License-Identifier: Apache-2.0
"""How the columns of a table fit those of a reference profile. Pure."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, assert_never

from penstock.errors import ProfileError
from penstock.profile import (
    CategoricalFeature,
    NumericFeature,
    ReferenceProfile,
    SensitiveFeature,
)
from penstock_monitoring.column_types import Datatype, datatype_of

__all__ = ["ChangedColumn", "SchemaChanges", "schema_changes"]

WORDS = {"FP32": "numbers", "BYTES": "texts", "INT64": "whole numbers"}


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangedColumn:
    """A column whose values are of another type: what it was, and what it is."""

    name: str
    was: str
    now: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SchemaChanges:
    """`kept`: features that can be compared; `vanished`, `new`: names of columns."""

    kept: tuple[NumericFeature | CategoricalFeature | SensitiveFeature, ...]
    vanished: tuple[str, ...]
    changed: tuple[ChangedColumn, ...]
    new: tuple[str, ...]


def schema_changes(
    profile: ReferenceProfile, schema: Any, *, where: str, ignored: Collection[str] = ()
) -> SchemaChanges:
    """What an Arrow schema has of a profile's columns; `ignored` ones are nothing new."""
    kept, vanished, changed = [], [], []
    for feature in profile.features:
        if feature.name in ignored:
            continue
        if feature.name not in schema.names:
            vanished.append(feature.name)
            continue
        field = schema.field(feature.name)
        wanted = _datatype(feature)
        if _reads_as(field, wanted, where):
            kept.append(feature)
        else:
            changed.append(ChangedColumn(name=feature.name, was=WORDS[wanted], now=str(field.type)))
    known = {feature.name for feature in profile.features} | set(ignored)
    new = tuple(name for name in schema.names if name not in known)
    return SchemaChanges(
        kept=tuple(kept), vanished=tuple(vanished), changed=tuple(changed), new=new
    )


def _datatype(feature: NumericFeature | CategoricalFeature | SensitiveFeature) -> Datatype:
    match feature:
        case NumericFeature():
            return "FP32"
        case CategoricalFeature() | SensitiveFeature():
            return feature.datatype
        case _:
            assert_never(feature)


def _reads_as(field: Any, wanted: Datatype, where: str) -> bool:
    if str(field.type) == "null":  # all values are missing: they may be of any type
        return True
    try:
        return datatype_of(field, wanted == "INT64", where) == wanted
    except ProfileError:
        return False
