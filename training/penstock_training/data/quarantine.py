# SPDX-License-Identifier: Apache-2.0
"""Rows that are put aside, each with its reasons.

With a schema file, rows that break its rules are put aside, up to a share; without one, whatever is
wrong stops the run, for nobody has said what may be left out.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Sequence
from typing import Any

from penstock_training.data.columns import Problem
from penstock_training.data.formats import Malformed
from penstock_training.data.source import Origin
from penstock_training.errors import DataError

__all__ = ["place_of", "quarantined", "reasons_of", "refuse_too_many", "refuse_without_rules"]

_REASONS = "reasons"
_MEND = (
    "mend the data, or let such rows be put aside: `penstock data schema` writes the rules for "
    "[data] schema"
)


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
    if malformed:
        line = malformed[0]
        lines = "1 line is" if len(malformed) == 1 else f"{len(malformed)} lines are"
        raise DataError(f"{lines} no rows: line {line.line} of {line.file} {line.reason}; {_MEND}.")
    if problems:
        first = min(problems, key=lambda problem: problem.row)
        name, row = place_of(first.row, origins)
        same = sum(p.column == first.column and _kind(p) == _kind(first) for p in problems)
        rows = sum(origin.rows for origin in origins)
        raise DataError(
            f"column {first.column!r} is wrong in {same} of {rows} rows: in row {row} of {name}, "
            f"{first.reason}; {_MEND}."
        )


def _kind(problem: Problem) -> str:
    """The reason without the value that was found."""
    return problem.reason.partition(", found ")[0]


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
    """How often each kind of thing is wrong, without values."""
    kinds = Counter(f"{problem.column}: {_kind(problem)}" for problem in problems)
    kinds.update(f"line {line.reason}" for line in malformed)
    return kinds


def quarantined(
    table: Any,
    problems: Sequence[Problem],
    malformed: Sequence[Malformed],
    origins: Sequence[Origin],
    *,
    sensitive: Collection[str],
) -> Any:
    """An Arrow table: where each row or line stands, the reasons, and the row as it came.

    `__source_row__` and `__source_line__` of `__source__` count from 1. Columns that are sensitive
    are empty. A line that is no row has no values.
    """
    import pyarrow

    reasons: dict[int, list[str]] = defaultdict(list)
    for problem in problems:
        reasons[problem.row].append(f"{problem.column}: {problem.reason}")
    rows = sorted(reasons)
    places = [place_of(row, origins) for row in rows]
    lines = len(malformed)
    said = [f"line {line.reason}" for line in malformed]
    at_lines = [*(line.line for line in malformed), *[None] * len(rows)]
    at_rows = [*[None] * lines, *(row for _, row in places)]
    made: dict[str, Any] = {
        "__source__": pyarrow.array(
            [*(line.file for line in malformed), *(name for name, _ in places)], pyarrow.string()
        ),
        "__source_line__": pyarrow.array(at_lines, pyarrow.int64()),
        "__source_row__": pyarrow.array(at_rows, pyarrow.int64()),
        _REASONS: pyarrow.array(
            [*said, *("; ".join(reasons[row]) for row in rows)], pyarrow.string()
        ),
    }
    taken = table.take(pyarrow.array(rows, pyarrow.int64()))
    for name in table.column_names:
        kind = table.schema.field(name).type
        values = pyarrow.nulls(len(rows), kind) if name in sensitive else taken.column(name)
        chunks = values.chunks if isinstance(values, pyarrow.ChunkedArray) else [values]
        shown = f"{name} (of the data)" if name == _REASONS else name
        made[shown] = pyarrow.chunked_array([pyarrow.nulls(lines, kind), *chunks], kind)
    return pyarrow.table(made)
