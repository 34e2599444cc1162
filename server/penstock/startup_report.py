# SPDX-License-Identifier: Apache-2.0
"""What `penstock serve` says once it is up: a table for a person, plain lines for a program."""

from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from penstock.plain_text import escaped
from penstock.repository.loader import LoadReport

__all__ = ["Listening", "print_startup"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Listening:
    """Where the server is reached; `metrics` is empty if they are off."""

    grpc: str = ""
    rest: str = ""
    metrics: str = ""


def print_startup(
    console: Console,
    reports: Sequence[LoadReport],
    listening: Listening,
    seconds: float,
    *,
    asleep: int = 0,
) -> None:
    """Prints the models, then where the server listens and how long it took to start.

    `asleep` versions are loaded when a request asks for them.
    """
    if console.is_terminal:
        _print_for_people(console, reports, listening, seconds, asleep)
    else:
        for line in _plain_lines(reports, listening, seconds):
            console.print(line, markup=False, highlight=False, soft_wrap=True)


def _print_for_people(
    console: Console,
    reports: Sequence[LoadReport],
    listening: Listening,
    seconds: float,
    asleep: int,
) -> None:
    if reports:
        console.print(_table(reports))
    elif not asleep:
        console.print("[yellow]No model was to be loaded.[/]")
    if asleep:
        console.print(f"Asleep until a request asks for it: {asleep}.", highlight=False)
    for report in reports:
        if report.loaded is None:
            name = Text(f"{escaped(report.name)}:", style="red")
            console.print(name, Text(escaped(report.reason)), soft_wrap=True)
    ready = sum(report.loaded is not None for report in reports)
    grpc, rest, metrics = map(escape, (listening.grpc, listening.rest, listening.metrics))
    places = [
        f"gRPC [bold]{grpc}[/]" if grpc else "",
        f"REST [bold]http://{rest}[/]" if rest else "",
        f"metrics [bold]http://{metrics}/metrics[/]" if metrics else "",
    ]
    console.print(
        f"[bold green]penstock is ready[/]  {'  ·  '.join(filter(None, places))}\n"
        f"{ready} of {len(reports)} models in {seconds:.2f} s.  Ctrl-C to drain and stop.",
        highlight=False,
    )


def _table(reports: Sequence[LoadReport]) -> Table:
    table = Table("Model", "Version", "State", "Backend", "Lane", "Max batch", "Row cost")
    for column in (1, 5, 6):
        table.columns[column].justify = "right"
    for report in reports:
        loaded = report.loaded
        name = Text(escaped(report.name))
        if loaded is None:
            table.add_row(name, str(report.version), Text("failed", style="red"))
        else:
            cost = f"{loaded.row_cost_us:.1f} µs" if loaded.row_cost_us is not None else ""
            table.add_row(
                name,
                str(report.version),
                Text("ready", style="green"),
                report.backend,
                loaded.lane,
                str(loaded.batch_rows_max) if loaded.batch_rows_max else "no batching",
                cost,
            )
    return table


def _plain_lines(reports: Sequence[LoadReport], listening: Listening, seconds: float) -> list[str]:
    lines = []
    for report in reports:
        name = f"model {escaped(report.name)} version {report.version}"
        if report.loaded is None:
            lines.append(f"{name} failed: {escaped(report.reason)}")
        else:
            loaded = report.loaded
            lines.append(
                f"{name} ready: backend={report.backend} lane={loaded.lane} "
                f"batch_rows_max={loaded.batch_rows_max}"
            )
    lines.append(f"started in {seconds:.2f} s")
    places = {"grpc": listening.grpc, "rest": listening.rest, "metrics": listening.metrics}
    where = " ".join(f"{name}={place}" for name, place in places.items() if place)
    lines.append(f"penstock is ready: {where}")
    return lines
