# SPDX-License-Identifier: Apache-2.0
"""Shadows for people: what came of their copies, and where they disagree. Pure."""

import math
from collections.abc import Mapping, Sequence

from rich.table import Table
from rich.text import Text

from penstock.commands.rollout.told import shown_rate
from penstock_client.shadows import ShadowCounts, ShadowOutput, ShadowSlice

__all__ = ["named_counts", "outputs_table", "shadow_line", "slices_table"]

#: Of the counts of differences: count k is of [2^(k - this), ...), the first of none.
POWER = 42


def shadow_line(one: ShadowCounts) -> str:
    """All that is told without a table."""
    dropped = sum(one.dropped.values())
    parts = [f"{one.compared:,} of {one.offered:,} copies compared"]
    if one.compared:
        parts.append(f"{shown_rate(one.agreed, one.compared)} agree")
    if dropped:
        parts.append(f"{shown_rate(dropped, one.offered)} dropped ({named_counts(one.dropped)})")
    if any(one.mismatched.values()):
        parts.append(f"mismatched: {named_counts(one.mismatched)}")
    if one.discordant_shadow or one.discordant_primary:
        parts.append(
            f"{one.discordant_shadow:,} failed there alone, {one.discordant_primary:,} here alone"
        )
    if one.both_failed:
        parts.append(f"{one.both_failed:,} failed on both sides")
    if median := _median_ratio(one.latency_ratio):
        parts.append(f"its median time is {median:.2g} times the primary's")
    name = "" if one.name == "shadow" else f" {one.name}"
    return f"Shadow{name}: {'; '.join(parts)}."


def outputs_table(outputs: Sequence[ShadowOutput]) -> Table:
    """How far each output is apart."""
    table = _table()
    table.add_column("", overflow="fold")
    for title in ("Pairs agreed", "Identical", "Relative error", "Argmax agreed"):
        table.add_column(title, justify="right")
    table.add_column("Mismatched", overflow="fold")
    for one in outputs:
        table.add_row(
            Text(one.name), _part(one.agreed, one.pairs), _part(one.identical, one.elements),
            _largest(one.relative), _part(one.argmax_agreed, one.argmax_rows),
            Text(named_counts(one.mismatched)),
        )  # fmt: skip
    return table


def slices_table(slices: Sequence[ShadowSlice]) -> Table:
    """Where it disagrees most, for sure."""
    table = _table()
    table.add_column("Column", overflow="fold")
    table.add_column("Values", overflow="fold")
    for title in ("Rows", "Disagree", "At least"):
        table.add_column(title, justify="right")
    for one in slices:
        disagree = shown_rate(one.rows - one.agreed, one.rows)
        table.add_row(
            Text(one.column), _values(one), f"{one.rows:,}", disagree,
            f"{100 * one.disagreement_min:.3g} %",
        )  # fmt: skip
    return table


def named_counts(counts: Mapping[str, int]) -> str:
    """Those that are not 0, by name."""
    return ", ".join(f"{name} {count:,}" for name, count in sorted(counts.items()) if count)


def _part(part: int, whole: int) -> str:
    """In percent, rounded down, so that 100 % is all of them; empty if there are none."""
    return f"{math.floor(10_000 * part / whole) / 100:g} %" if whole else ""


def _largest(relative: Sequence[int]) -> str:
    """The largest difference by its bucket's end."""
    last = max((k for k, count in enumerate(relative) if count), default=None)
    if last is None:
        return ""
    if last == 0:
        return "0"
    if last == len(relative) - 1:
        return f"≥ {2.0 ** (last - POWER):.2g}"
    return f"< {_rounded_up(2.0 ** (last - POWER + 1)):.2g}"


def _rounded_up(value: float) -> float:
    """To two digits."""
    unit = 10.0 ** (math.floor(math.log10(value)) - 1)
    return math.ceil(value / unit) * unit


def _values(one: ShadowSlice) -> str:
    if one.is_missing:
        return "missing"
    match one.low, one.high:
        case None, None:
            return "all"
        case None, high:
            return f"below {high:g}"
        case low, None:
            return f"from {low:g}"
        case low, high:
            return f"{low:g} to {high:g}"
    raise AssertionError("a bound is a number or None")


def _median_ratio(counts: Sequence[int]) -> float:
    """The middle of the bucket of the median; 0: nothing could be compared."""
    total, seen = sum(counts), 0
    for k, count in enumerate(counts):
        seen += count
        if count and 2 * seen >= total:
            return float(2.0 ** ((k - 31.5) / 4))
    return 0.0


def _table() -> Table:
    return Table(box=None, pad_edge=False, header_style="dim", padding=(0, 2, 0, 0))
