# SPDX-License-Identifier: Apache-2.0
"""`penstock registry compare`."""

from dataclasses import asdict
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from penstock.commands.registry.opened import (
    opened,
    print_json,
    shown_estimate,
    shown_number,
)
from penstock.errors import RegistryError
from penstock.registry.comparison import Better, ComparedMetric, Comparison, compare_versions
from penstock.registry.readings import read_told

__all__ = ["better_words", "compare_two"]

SUFFIXES = (".png", ".svg")


def compare_two(
    console: Console, uri: str, name: str, a: str, b: str, picture: Path | None, as_json: bool
) -> None:
    """Prints and draws two versions side by side. Raises RegistryError."""
    if picture is not None and picture.suffix.lower() not in SUFFIXES:
        raise RegistryError(f"--picture is {picture}: wanted a name that ends with .png or .svg.")
    registry = opened(console, uri)
    versions = registry.version(name, a), registry.version(name, b)
    compared = compare_versions(name, *(read_told(registry, one) for one in versions))
    if picture is not None:
        from penstock.commands.registry.comparison_picture import draw_comparison

        draw_comparison(compared, picture)
    if as_json:
        print_json(asdict(compared))
    else:
        _print(console, compared)
        if picture is not None:
            console.print(Text(f"{picture} shows it."), soft_wrap=True)


def better_words(metric: ComparedMetric, compared: Comparison) -> str:
    """Which of the two is better, and whether the intervals overlap."""
    if metric.a is None or metric.b is None:
        return f"only version {(compared.b if metric.a is None else compared.a).version} has it"
    match metric.better:
        case Better.UNKNOWN:
            return "not known which way"
        case Better.SAME:
            return "same"
        case Better.FIRST:
            words = f"version {compared.a.version}"
        case Better.SECOND:
            words = f"version {compared.b.version}"
    return f"{words}, overlap" if metric.is_apart is False else words


def _print(console: Console, compared: Comparison) -> None:
    a, b = f"Version {compared.a.version}", f"Version {compared.b.version}"
    table = Table(compared.name, a, b, "Difference", "Better")
    for group in (compared.metrics, compared.costs):
        for one in group:
            table.add_row(
                Text(one.name),
                shown_estimate(one.a),
                shown_estimate(one.b),
                shown_difference(one.difference),
                Text(better_words(one, compared), _style(one)),
            )
        table.add_section()
    for value in compared.parameters:
        table.add_row(Text(value.name), Text(value.a), Text(value.b), "", "")
    console.print(table)
    console.print(Text(_data_sentence(compared)), soft_wrap=True)


def shown_difference(value: float | None) -> str:
    """With its sign; empty for None."""
    if value is None:
        return ""
    return shown_number(value) if value <= 0 else f"+{shown_number(value)}"


def _style(metric: ComparedMetric) -> str:
    if metric.better in (Better.UNKNOWN, Better.SAME) or metric.is_apart is False:
        return "dim"
    return "green" if metric.better is Better.SECOND else "red"


def _data_sentence(compared: Comparison) -> str:
    rows = f"{compared.a.data_rows or '?'} and {compared.b.data_rows or '?'} rows"
    match compared.is_same_data:
        case True:
            return f"Both were trained with the same data ({compared.a.data_rows or '?'} rows)."
        case False:
            return f"They were trained with different data ({rows})."
    return "Of one of them the data is not known."
