# SPDX-License-Identifier: Apache-2.0
"""Rows out of a query: DuckDB's own, and whatever SQLAlchemy has a dialect for."""

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from penstock_training.errors import DataError

__all__ = ["query", "shown_database", "with_environment"]

DUCKDB = "duckdb:///"
#: Rows that are asked for at a time.
_ROWS_AT_ONCE = 10_000
_NO_ROWS = "[data] sql gives no rows: wanted a SELECT."
#: What an error quotes: values, and names with them, which databases quote alike.
_QUOTED = re.compile(r"'[^']*'?|\"[^\"]*\"?")
_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")


def with_environment(database: str, environment: Mapping[str, str]) -> str:
    """`database` with each ${NAME} replaced: passwords need not stand in a spec.

    Raises:
        DataError: a variable is not set.
    """

    def value(match: re.Match[str]) -> str:
        if match[1] not in environment:
            raise DataError(f"[data] database names ${{{match[1]}}}, which is not set: export it.")
        return environment[match[1]]

    return _VARIABLE.sub(value, database)


def shown_database(database: str | None) -> str:
    """How a message and a record name it: without a password."""
    if database is None:
        return "duckdb"
    return re.sub(r"(?<=://)([^/@:]*):[^/]*@", r"\1:***@", database.partition("?")[0])


def _file_of(database: str | None, folder: Path) -> Path | None:
    """Where the database is, if it is one file."""
    if database is None:
        return None
    for start in (DUCKDB, "sqlite:///", "sqlite+pysqlite:///"):
        if database.startswith(start):
            name = database.removeprefix(start).partition("?")[0]
            return folder / name if name and name != ":memory:" else None
    return None


def query(
    sql: str, database: str | None, folder: Path, *, threads: int, hides_values: bool = False
) -> Any:
    """The Arrow table that `sql` selects.

    `folder`: what relative paths in `database`, and in DuckDB's queries, are relative to.
    `hides_values`: what a database quotes in its errors may be sensitive, and is not told.

    Raises:
        DataError: the database cannot be opened, or the query fails or gives no rows' columns.
    """
    full = None if database is None else with_environment(database, os.environ)
    path = _file_of(full, folder)
    if path is not None and not path.is_file():
        raise DataError(f"[data] database: there is no file {path}.")
    if full is None or full.startswith("duckdb:"):
        return _duckdb(sql, path, folder, threads=threads, hides_values=hides_values)
    named = full if path is None else _absolute(full, path)
    return _sqlalchemy(sql, named, hides_values=hides_values)


def _absolute(database: str, path: Path) -> str:
    dialect, _, rest = database.partition(":///")
    _, mark, options = rest.partition("?")
    return f"{dialect}:///{path.resolve()}{mark}{options}"


def _duckdb(sql: str, path: Path | None, folder: Path, *, threads: int, hides_values: bool) -> Any:
    import duckdb

    try:
        with duckdb.connect(
            str(path) if path else ":memory:", read_only=path is not None
        ) as connection:
            connection.execute(f"SET threads = {threads}")
            connection.execute(f"SET file_search_path = '{_quoted(str(folder))}'")
            relation = connection.sql(sql)
            if relation is None:
                raise DataError(_NO_ROWS)
            return relation.to_arrow_table()
    except duckdb.Error as error:
        why = _first_line(error)
        why = _without_values(why) if hides_values else why
        raise DataError(f"[data] sql: DuckDB says: {why}.") from None


def _quoted(text: str) -> str:
    return text.replace("'", "''")


def _sqlalchemy(sql: str, database: str, *, hides_values: bool) -> Any:
    import sqlalchemy
    from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError

    shown = shown_database(database)
    try:
        engine = sqlalchemy.create_engine(database)
    except (NoSuchModuleError, ImportError) as error:
        raise DataError(
            f"[data] database {shown!r} cannot be opened: {_first_line(error)}. Dialects and "
            "drivers are packages of their own: install it."
        ) from None
    except (ArgumentError, ValueError):
        raise DataError(
            f"[data] database {shown!r} is no URL of SQLAlchemy: wanted DIALECT://USER@HOST/NAME."
        ) from None
    try:
        with engine.connect().execution_options(stream_results=True) as connection:
            # exec_driver_sql: a colon in the query is a colon.
            result = connection.exec_driver_sql(sql)
            if not result.returns_rows:
                raise DataError(_NO_ROWS)
            names = list(result.keys())
            parts = [list(part) for part in result.partitions(_ROWS_AT_ONCE)]
    except SQLAlchemyError as error:
        why = _first_line(getattr(error, "orig", None) or error)
        why = _without_values(why) if hides_values else why
        raise DataError(f"[data] sql: {shown} says: {why}.") from None
    finally:
        engine.dispose()
    return _table(names, [row for part in parts for row in part])


def _table(names: Sequence[str], rows: Sequence[Any]) -> Any:
    import pyarrow

    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise DataError(f"[data] sql gives column {twice[0]!r} more than once: name one by AS.")
    columns = {}
    for place, name in enumerate(names):
        values = [row[place] for row in rows]
        try:
            columns[name] = pyarrow.array(values)
        except (pyarrow.ArrowException, TypeError, OverflowError):
            kinds = sorted({type(value).__name__ for value in values if value is not None})
            raise DataError(
                f"[data] sql: column {name!r} holds {' and '.join(kinds)}: CAST it in the query."
            ) from None
    return pyarrow.table(columns)


def _without_values(text: str) -> str:
    return _QUOTED.sub("***", text)


def _first_line(error: BaseException) -> str:
    return str(error).partition("\n")[0].rstrip(".")
