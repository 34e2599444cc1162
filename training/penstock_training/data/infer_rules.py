# SPDX-License-Identifier: Apache-2.0
"""The first draft of a schema file, out of rows: for a person to read, mend and keep.

What the rows show is taken for a rule with room to spare: a range is wider than the values by their
span on each side, though never below zero if no value is; text of few values may have those alone.
A column of text that is all but numbers is one of numbers, whose other values are mistakes. Nothing
is told of the values of sensitive columns, and dropped columns have no rules.
"""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from penstock_training.data.columns import NUMBERS_MIN, refuse_unknown
from penstock_training.data.text_columns import blanked, number_share, parsed_number
from penstock_training.spec import PipelineSpec

__all__ = ["CATEGORIES_MAX", "rules_of", "schema_text"]

#: Text of more values has no list of them.
CATEGORIES_MAX = 20
#: A value must have been seen so often, on average, to be one of a list.
_ROWS_PER_CATEGORY_MIN = 5

Rules = dict[str, Any]


def rules_of(table: Any, spec: PipelineSpec) -> dict[str, Rules]:
    """The rules of each column of `table`, as pandera's YAML has them.

    Raises:
        DataError: the spec names a column that is not there.
    """
    refuse_unknown(spec, table.column_names)
    return {name: _rules(name, table.column(name), spec) for name in table.column_names}


def _rules(name: str, column: Any, spec: PipelineSpec) -> Rules:
    from pyarrow import types

    if name in spec.features.drop:
        return {"nullable": True}
    is_target = name == spec.problem.target
    if types.is_string(column.type) and _is_all_but_numbers(name, column, spec):
        numbers = [parsed_number(text) for text in blanked(column).to_pylist()]
        values = np.array([number for number in numbers if number is not None], np.float64)
        is_missing = any(text is None for text in blanked(column).to_pylist())
        rules = {"dtype": "float64", "nullable": is_missing}
        return {**rules, **_range(name, values, spec)}
    rules = {"dtype": _dtype(column), "nullable": column.null_count > 0 and not is_target}
    if rules["dtype"] is None:
        return {"nullable": rules["nullable"]}
    if is_target and spec.problem.task != "regression":
        return {**rules, **_list(name, column, spec, rows_per_value_min=1)}
    if types.is_integer(column.type) or types.is_floating(column.type):
        values = np.asarray(column.drop_null().to_numpy(), np.float64)
        return {**rules, **_range(name, values, spec)}
    if types.is_string(column.type):
        found = _list(name, column, spec, rows_per_value_min=_ROWS_PER_CATEGORY_MIN)
        return {**rules, **found}
    return rules


def _is_all_but_numbers(name: str, column: Any, spec: PipelineSpec) -> bool:
    if name in spec.features.numeric:
        return True
    return name not in spec.features.categorical and number_share(column) >= NUMBERS_MIN


def _dtype(column: Any) -> str | None:
    """As pandas names it; None: no rule of types."""
    from pyarrow import types

    kind = column.type
    if types.is_integer(kind):
        return "float64" if column.null_count else "int64"
    if types.is_boolean(kind):
        return "boolean" if column.null_count else "bool"
    if types.is_timestamp(kind):
        return "datetime64[ns]"
    if types.is_string(kind):
        return "str"
    return "float64" if types.is_floating(kind) else None


def _range(name: str, values: Any, spec: PipelineSpec) -> Rules:
    values = values[np.isfinite(values)]
    if name in spec.features.sensitive or not len(values) or values.min() == values.max():
        return {}
    low, high = float(values.min()), float(values.max())
    span = high - low
    if not math.isfinite(span):
        return {}
    digits = 1 - math.floor(math.log10(span))
    lowest = _rounded(low - span, digits, math.floor)
    bounds = {
        "min_value": max(0, lowest) if low >= 0 else lowest,
        "max_value": _rounded(high + span, digits, math.ceil),
    }
    return {"in_range": bounds}


def _rounded(value: float, digits: int, towards: Any) -> float | int:
    """`value` to so many decimals, fewer than none being tens, outwards."""
    found = round(towards(value * 10.0**digits) * 10.0**-digits, max(digits, 0))
    return int(found) if float(found).is_integer() else float(found)


def _list(name: str, column: Any, spec: PipelineSpec, *, rows_per_value_min: int) -> Rules:
    if name in spec.features.sensitive:
        return {}
    values = sorted(column.drop_null().unique().to_pylist())
    if not 0 < len(values) <= CATEGORIES_MAX or len(column) < rows_per_value_min * len(values):
        return {}
    return {"isin": values}


def schema_text(rules: Mapping[str, Rules], *, source: str, rows: int) -> str:
    """The file: pandera's YAML with a comment that says what it is."""
    import yaml

    comment = (
        f"# What rows of this pipeline must be, drafted from {rows} rows of {source}.\n"
        "# Ranges are wider than what was seen; mend them to what can be. A row that breaks a\n"
        "# rule is put aside with its reasons. The form is pandera's: all its checks may be used.\n"
    )
    content = {
        "schema_type": "dataframe",
        "api": "pandas",
        "columns": dict(rules),
        "coerce": True,
        "strict": True,
    }
    text: str = yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=100)
    return comment + text
