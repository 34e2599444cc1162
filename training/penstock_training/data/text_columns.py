# SPDX-License-Identifier: Apache-2.0
"""What columns of text hold: decided by all of a column's values, never by its first ones.

An empty field is missing. So is one of MISSING, if all others of its column are numbers; in a
column of text it stays what it is, for NA is a country. A column with numbers such as 007 is text:
their zeros would be lost.
"""

from typing import Any

__all__ = ["MISSING", "typed"]

#: In a column of numbers.
MISSING = ("NA", "N/A", "NaN", "nan", "NULL", "null", "None")
_LEADING_ZERO = r"^[+-]?0[0-9]"


def typed(table: Any) -> Any:
    """`table`, whose columns are all text, with the columns that its values allow."""
    import pyarrow

    columns = {name: _typed_column(table.column(name)) for name in table.column_names}
    return pyarrow.table(columns)


def _typed_column(texts: Any) -> Any:
    import pyarrow
    import pyarrow.compute as compute

    texts = compute.if_else(compute.equal(texts, ""), None, texts)
    if texts.null_count == len(texts):
        return texts.cast(pyarrow.float64())
    if compute.any(compute.match_substring_regex(texts, _LEADING_ZERO)).as_py():
        return _as_one_of(texts, [pyarrow.timestamp("us"), pyarrow.timestamp("us", "UTC")])
    missing = compute.is_in(texts, pyarrow.array(MISSING))
    numbers = compute.if_else(missing, None, texts)
    if numbers.null_count < len(numbers):
        trimmed = compute.utf8_trim_whitespace(numbers)
        found = _as_one_of(trimmed, [pyarrow.int64(), pyarrow.float64()])
        if not pyarrow.types.is_string(found.type):
            return found
    times = [pyarrow.timestamp("us"), pyarrow.timestamp("us", "UTC")]
    return _as_one_of(texts, [pyarrow.bool_(), *times])


def _as_one_of(texts: Any, kinds: list[Any]) -> Any:
    """As the first of `kinds` that all values can be, else as they are."""
    import pyarrow

    for kind in kinds:
        try:
            return texts.cast(kind)
        except pyarrow.ArrowInvalid:
            continue
    return texts
