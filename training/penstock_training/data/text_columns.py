# SPDX-License-Identifier: Apache-2.0
"""What columns of text hold: decided by all of a column's values, never by its first ones.

An empty field is missing. So is one of MISSING, if all others of its column are numbers; in a
column of text it stays what it is, for NA is a country. A column with numbers such as 007 is text:
their zeros would be lost.
"""

from typing import Any

__all__ = ["MISSING", "blanked", "number_share", "parsed_number", "typed"]

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
    if _has_leading_zeros(texts):
        return _as_one_of(texts, [pyarrow.timestamp("us"), pyarrow.timestamp("us", "UTC")])
    numbers = blanked(texts)
    if numbers.null_count < len(numbers):
        trimmed = compute.utf8_trim_whitespace(numbers)
        found = _as_one_of(trimmed, [pyarrow.int64(), pyarrow.float64()])
        if not pyarrow.types.is_string(found.type):
            return found
    times = [pyarrow.timestamp("us"), pyarrow.timestamp("us", "UTC")]
    return _as_one_of(texts, [pyarrow.bool_(), *times])


def blanked(texts: Any) -> Any:
    """A column of text that should be numbers, without what stands for a missing one."""
    import pyarrow
    import pyarrow.compute as compute

    return compute.if_else(compute.is_in(texts, pyarrow.array(MISSING)), None, texts)


def _has_leading_zeros(texts: Any) -> bool:
    """Whether a value is like 007."""
    import pyarrow.compute as compute

    return bool(compute.any(compute.match_substring_regex(texts, _LEADING_ZERO)).as_py())


def _as_one_of(texts: Any, kinds: list[Any]) -> Any:
    """As the first of `kinds` that all values can be, else as they are."""
    import pyarrow

    for kind in kinds:
        try:
            return texts.cast(kind)
        except pyarrow.ArrowInvalid:
            continue
    return texts


def parsed_number(text: str | None) -> float | None:
    """What a text says as a number; None if it says none."""
    if text is None:
        return None
    try:
        return float(text) if "_" not in text else None
    except ValueError:
        return None


def number_share(texts: Any) -> float:
    """The share of a text column's values that are numbers; 0 if they are like 007."""
    if _has_leading_zeros(texts):
        return 0.0
    present = [text for text in blanked(texts).to_pylist() if text is not None]
    numbers = sum(parsed_number(text) is not None for text in present)
    return numbers / len(present) if present else 0.0
