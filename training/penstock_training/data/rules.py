# SPDX-License-Identifier: Apache-2.0
"""A schema file: pandera's YAML, and what rows break its rules.

What a row breaks is a problem of that row. What no row can be blamed for, such as a column that is
not there or that the schema does not know, stops the run.
"""

import inspect
import warnings
from collections.abc import Collection
from pathlib import Path
from typing import Any

import numpy as np

from penstock.digests import digest_of
from penstock_training.data.columns import Problem
from penstock_training.errors import DataError

__all__ = ["Rules", "digest_of_rules", "read_rules"]

#: Each round takes out rows that break rules; a further one may find what their values hid.
_ROUNDS_MAX = 8
_OF_THE_TABLE = "(all)"


class Rules:
    """The rules of one schema file."""

    def __init__(self, schema: Any, path: Path) -> None:
        self._schema = schema
        self._path = path

    @property
    def dtypes(self) -> dict[str, str]:
        """The types of columns, as pandas names them."""
        columns = self._schema.columns.items()
        return {name: str(column.dtype) for name, column in columns if column.dtype is not None}

    def problems(self, frame: Any, *, sensitive: Collection[str]) -> list[Problem]:
        """What rows of `frame` break. Its index must count from 0.

        Raises:
            DataError: a rule is broken that no row can be blamed for, or a rule cannot be asked.
        """
        found: list[Problem] = []
        good = np.ones(len(frame), bool)
        for _ in range(_ROUNDS_MAX):
            cases = self._cases(frame[good])
            if cases is None:
                break
            more = [_problem(*case, sensitive=sensitive) for case in self._blamed(cases)]
            # A value of another type breaks two rules of pandera's.
            found += dict.fromkeys(more)
            good[[problem.row for problem in more]] = False
            if not good.any():
                break
        return found

    def _cases(self, frame: Any) -> Any:
        """pandera's table of failures, or None if there are none."""
        from pandera.errors import SchemaErrors

        with warnings.catch_warnings():
            # pandera concatenates tables of failures in a way that pandas will change.
            warnings.simplefilter("ignore", FutureWarning)
            try:
                self._schema.validate(frame, lazy=True)
            except SchemaErrors as errors:
                return errors.failure_cases
        return None

    def _blamed(self, cases: Any) -> list[tuple[int, str, str, Any]]:
        """(row, column, check, value) of each failure.

        A check that cannot be asked of a column is broken because values there have another type;
        if so, those are blamed in the same round.
        """
        blamed: list[tuple[int, str, str, Any]] = []
        unblamed: list[tuple[str, str, str]] = []
        for column, check, value, index in zip(
            cases["column"], cases["check"], cases["failure_case"], cases["index"], strict=True
        ):
            name = _OF_THE_TABLE if column is None else str(column)
            if index is None or index != index:
                unblamed.append((name, str(check), str(value)))
            else:
                blamed.append((int(index), name, str(check), value))
        columns = {column for _, column, _, _ in blamed}
        for column, check, value in unblamed:
            if column not in columns:
                raise DataError(self._sentence(column, check, value))
        return blamed

    def _sentence(self, column: str, check: str, value: str) -> str:
        name = self._path.name
        if check == "column_in_schema":
            return (
                f"{name}: the data have a column {value!r} that it does not know: add it there, or "
                "take it out of the data."
            )
        if check == "column_in_dataframe":
            return (
                f"{name}: the data have no column {value!r}: give them one, or take its rules out."
            )
        return (
            f"{name}: column {column}: the data break the rule {check}: mend the data or the rule."
        )


def _problem(
    row: int, column: str, check: str, value: Any, *, sensitive: Collection[str]
) -> Problem:
    wanted = _wanted(check)
    is_shown = column not in sensitive and column != _OF_THE_TABLE and wanted is not None
    if wanted is None:
        return Problem(row=row, column=column, reason="is missing")
    found = f", found {_shown(value)}" if is_shown else ""
    return Problem(row=row, column=column, reason=f"wanted {wanted}{found}")


def _wanted(check: str) -> str | None:
    """A rule's name as a reason has it; None: a value is missing."""
    if check == "not_nullable":
        return None
    for start in ("coerce_dtype(", "dtype("):
        if check.startswith(start):
            return "type " + check.removeprefix(start).removesuffix(")").strip("'\"")
    return check


def _shown(value: Any) -> str:
    text = repr(value.item() if isinstance(value, np.generic) else value)
    return text if len(text) <= 40 else f"{text[:37]}..."


def read_rules(path: Path) -> Rules:
    """Read the schema file at `path`.

    Raises:
        DataError: it is not there, or is no schema of pandera.
    """
    return Rules(_schema(_text(path), path), path)


def digest_of_rules(path: Path) -> str:
    """Of the schema file at `path`.

    Raises:
        DataError: it is not there.
    """
    return digest_of(_text(path))


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise DataError(
            f"[data] schema: there is no file {path}: `penstock data schema` writes one."
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"[data] schema: {path} cannot be read: {error}.") from None


def _schema(text: str, path: Path) -> Any:
    import yaml
    from pandera.io import pandas_io

    from_yaml: Any = pandas_io.from_yaml  # has no types

    try:
        _refuse_unknown_rules(yaml.safe_load(text))
        schema = from_yaml(text)
    except Exception as error:  # pandera raises what its parts raise
        why = " ".join(str(error).split())[:200].rstrip(".")
        raise DataError(f"[data] schema: {path} is no schema of pandera: {why}.") from None
    return schema


def _refuse_unknown_rules(read: Any) -> None:
    """pandera passes over a rule that it does not know, and so over one that is misspelt."""
    from pandera.pandas import Check, Column

    if not isinstance(read, dict) or not isinstance(read.get("columns"), dict):
        raise ValueError("it has no columns")
    known = {*inspect.signature(Column).parameters, "checks"}
    for name, rules in read["columns"].items():
        for rule in rules or {}:
            if rule not in known and not hasattr(Check, str(rule)):
                raise ValueError(f"column {name!r} has a rule {rule!r}, which there is not")
