# SPDX-License-Identifier: Apache-2.0
"""Rows that are put aside, each with its reasons, in a file that a person can read.

With a schema file, rows that break its rules are put aside, up to a share; without one, whatever is
wrong stops the run, for nobody has said what may be left out.
"""

import csv
from collections import Counter, defaultdict
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

from penstock_training.data.columns import Problem
from penstock_training.data.formats import Malformed
from penstock_training.data.source import Origin
from penstock_training.errors import DataError

__all__ = ["place_of", "reasons_of", "refuse_too_many", "refuse_without_rules", "write_quarantine"]

HIDDEN = "(sensitive)"


def place_of(row: int, origins: Sequence[Origin]) -> tuple[str, int]:
    """The source of a table's row, and its number there, from 1."""
    for origin in origins:
        if row < origin.rows:
            return origin.name, row + 1
        row -= origin.rows
    raise IndexError(f"row {row} is beyond all origins")


def refuse_without_rules(
    problems: Sequence[Problem], malformed: Sequence[Malformed], origins: Sequence[Origin]
) -> None:
    """Stop at the first thing that is wrong.

    Raises:
        DataError: something is.
    """
    mend = (
        "mend the data, or let such rows be put aside: `penstock data schema` writes the rules "
        "for [data] schema"
    )
    if malformed:
        first = malformed[0]
        raise DataError(
            f"{_count(len(malformed), 'line')} no rows: line {first.line} of "
            f"{first.file} {first.reason}; {mend}."
        )
    if problems:
        first_problem = min(problems, key=lambda problem: problem.row)
        name, row = place_of(first_problem.row, origins)
        same = sum(
            (p.column, p.reason[:8]) == (first_problem.column, first_problem.reason[:8])
            for p in problems
        )
        raise DataError(
            f"column {first_problem.column!r} is wrong in {same} of {sum(o.rows for o in origins)} "
            f"rows: in row {row} of {name}, {first_problem.reason}; {mend}."
        )


def _count(number: int, what: str) -> str:
    return f"1 {what} is" if number == 1 else f"{number} {what}s are"


def refuse_too_many(aside: int, rows: int, share_max: float, reasons: Counter[str]) -> None:
    """Stop if more rows are put aside than may be.

    Raises:
        DataError: they are.
    """
    if aside > share_max * rows:
        reason, count = reasons.most_common(1)[0]
        raise DataError(
            f"{aside} of {rows} rows break the rules, {count} of them: {reason}. At most "
            f"{share_max:.2%} may be put aside: mend the data, the rules, or [data] quarantine_max."
        )


def reasons_of(problems: Sequence[Problem], malformed: Sequence[Malformed]) -> Counter[str]:
    """How often each kind of thing is wrong: without the values that were found."""
    kinds = Counter(f"{p.column}: {p.reason.partition(', found ')[0]}" for p in problems)
    kinds.update(f"line {m.reason}" for m in malformed)
    return kinds


def write_quarantine(
    path: Path,
    table: Any,
    problems: Sequence[Problem],
    malformed: Sequence[Malformed],
    origins: Sequence[Origin],
    *,
    sensitive: Collection[str],
) -> None:
    """Write a CSV file: source, row or line, reasons, and the row as it came, without what is
    sensitive.
    """
    reasons: dict[int, list[str]] = defaultdict(list)
    for problem in problems:
        reasons[problem.row].append(f"{problem.column}: {problem.reason}")
    rows = sorted(reasons)
    taken = table.take(rows).to_pylist() if rows else []
    with path.open("w", newline="", encoding="utf-8") as file:
        lines = csv.writer(file)
        lines.writerow(["source", "row", "line", "reasons", *table.column_names])
        for one in malformed:
            lines.writerow([one.file, "", one.line, f"line {one.reason}"])
        for row, values in zip(rows, taken, strict=True):
            name, number = place_of(row, origins)
            shown = [
                HIDDEN if column in sensitive else "" if value is None else value
                for column, value in values.items()
            ]
            lines.writerow([name, number, "", "; ".join(reasons[row]), *shown])
