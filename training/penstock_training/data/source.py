# SPDX-License-Identifier: Apache-2.0
"""One table out of whatever `[data]` names, and where each of its rows came from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from penstock.digests import digest_of
from penstock.row_files import without_secrets
from penstock_training.data.bundled import read_bundled
from penstock_training.data.databases import query, shown_database
from penstock_training.data.feast import join_features
from penstock_training.data.files import find_files, read_files
from penstock_training.data.formats import Malformed
from penstock_training.data.tables import plain
from penstock_training.errors import DataError
from penstock_training.spec import DataSpec, PipelineSpec

__all__ = ["Loaded", "Origin", "is_marked", "kind_of", "load", "marks_of", "shown_source"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """A file, or a query, and how many rows it gave."""

    name: str
    rows: int


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Loaded:
    """All rows of a source, in the order of its files' names."""

    table: Any
    origins: Sequence[Origin]
    malformed: Sequence[Malformed] = ()
    #: Feature view of Feast -> rows that it has no value for.
    unmatched: Mapping[str, int] = field(default_factory=dict)


def shown_source(data: DataSpec) -> str:
    """How messages and records name the source."""
    if data.path is not None:
        return without_secrets(data.path)
    if data.sklearn is not None:
        return f"sklearn:{data.sklearn}"
    return f"{shown_database(data.database)}: {data.sql}"


def kind_of(data: DataSpec) -> str:
    """path, sql or sklearn."""
    return next(kind for kind in ("path", "sql", "sklearn") if getattr(data, kind) is not None)


def load(spec: PipelineSpec) -> Loaded:
    """Read the source of `spec`.

    Raises:
        DataError: it cannot be read, has no rows, its files do not fit each other, or Feast does
            not have what it should add.
    """
    data = spec.data
    if data.path is not None:
        loaded = _from_files(data.path, spec.folder)
    else:
        if data.sklearn is not None:
            table = read_bundled(data.sklearn)
        else:
            table = query(
                str(data.sql),
                data.database,
                spec.folder,
                threads=spec.threads,
                hides_values=bool(spec.features.sensitive),
            )
        table = plain(table)
        origins = [Origin(name=shown_source(data), rows=len(table))]
        loaded = Loaded(table=table, origins=origins)
    if not len(loaded.table):
        raise DataError(f"{shown_source(data)} gives no rows: wanted some to train with.")
    if data.feast is None:
        return loaded
    table, unmatched = join_features(loaded.table, data.feast, spec.folder)
    return replace(loaded, table=table, unmatched=unmatched)


def _from_files(path: str, folder: Path) -> Loaded:
    import pyarrow

    named, malformed = read_files(find_files(path, folder))
    tables = {name: plain(table) for name, table in named.items()}
    first_name, first = next(iter(tables.items()))
    for name, table in tables.items():
        for column in first.column_names:
            _refuse_clash(column, (first_name, first), (name, table))
    try:
        whole = pyarrow.concat_tables(
            [table.select(first.column_names) for table in tables.values()],
            promote_options="permissive",
        )
    except pyarrow.ArrowException as error:
        raise DataError(f"{path}: the files do not fit each other: {error}.") from None
    origins = [Origin(name=name, rows=len(table)) for name, table in tables.items()]
    return Loaded(table=plain(whole), origins=origins, malformed=malformed)


def _refuse_clash(column: str, one: tuple[str, Any], other: tuple[str, Any]) -> None:
    """Whole numbers and fractions go together, and a column without values goes with any."""
    from pyarrow import types

    kinds = []
    for _, table in (one, other):
        found = table.column(column)
        is_number = types.is_integer(found.type) or types.is_floating(found.type)
        kinds.append("number" if is_number else str(found.type))
        if found.null_count == len(found):
            return
    if kinds[0] != kinds[1]:
        raise DataError(
            f"column {column!r} is {kinds[0]} in {one[0]} and {kinds[1]} in {other[0]}: give it "
            "one type, or CAST it by [data] sql."
        )


def marks_of(spec: PipelineSpec) -> str | None:
    """What changes when the source does; None where nobody says, so that it is read every time.

    Nobody says it of a query, for a database may see other files than its own; nor of Feast.

    Raises:
        DataError: the source cannot be found.
    """
    data = spec.data
    if data.feast is not None:
        return None
    if data.sklearn is not None:
        return digest_of(data.sklearn)
    if data.path is not None:
        marks = find_files(data.path, spec.folder).marks()
        return None if marks is None else digest_of(marks)
    return None


def is_marked(spec: PipelineSpec) -> bool:
    """Whether marks_of() says anything; of this machine's own files without reading them."""
    path = spec.data.path
    if spec.data.feast is not None:
        return False
    if path is not None and "://" not in path:
        return True
    return spec.data.sql is None and marks_of(spec) is not None
