# SPDX-License-Identifier: Apache-2.0
"""How far a run is: a bar on a terminal, a line now and then elsewhere."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

__all__ = ["Progressing", "QuietProgress", "shown_progress"]

#: Between two lines where there is no terminal.
LINE_SECONDS = 10.0


class Progressing(Protocol):
    """What is told of a run on its way."""

    def at(self, rows: int, total: int | None, read: float, bad: int) -> None:
        """`rows` of `total` are answered, `bad` of them have no answer. `read`: of the input, from
        0 to 1.
        """

    def gone_on(self, rows: int) -> None:
        """The run goes on behind so many rows."""


class QuietProgress:
    """Says nothing."""

    def at(self, rows: int, total: int | None, read: float, bad: int) -> None:
        """Nothing."""

    def gone_on(self, rows: int) -> None:
        """Nothing."""


@contextmanager
def shown_progress(console: Console) -> Iterator[Progressing]:
    """Progress on a console while the block lasts."""
    if not console.is_terminal:
        yield _Lines(console)
        return
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %"),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
        console=console,
    ) as bar:
        yield _Bar(bar, bar.add_task("0 rows", total=1.0, rate=""))


class _Rate:
    """Rows per second since the run went on."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self.first = 0

    def of(self, rows: int) -> float:
        return (rows - self.first) / max(1e-9, time.monotonic() - self._began)


class _Bar:
    def __init__(self, bar: Progress, task: TaskID) -> None:
        self._bar = bar
        self._task = task
        self._rate = _Rate()

    def gone_on(self, rows: int) -> None:
        self._rate.first = rows
        self._bar.console.print(f"Going on behind {rows:,} rows.", highlight=False)

    def at(self, rows: int, total: int | None, read: float, bad: int) -> None:
        self._bar.update(
            self._task,
            completed=read,
            description=_counted(rows, total, bad),
            rate=f"{self._rate.of(rows):,.0f} rows/s",
        )


class _Lines:
    def __init__(self, console: Console) -> None:
        self._console = console
        self._rate = _Rate()
        self._next = time.monotonic() + LINE_SECONDS
        self._began = time.monotonic()
        self._read_first: float | None = None

    def gone_on(self, rows: int) -> None:
        self._rate.first = rows
        self._print(f"going on behind {rows:,} rows")

    def at(self, rows: int, total: int | None, read: float, bad: int) -> None:
        now = time.monotonic()
        if self._read_first is None:
            self._read_first = read
        if now < self._next:
            return
        self._next = now + LINE_SECONDS
        per_second = (read - self._read_first) / (now - self._began)
        left = f", {(1 - read) / per_second:,.0f} s left" if per_second > 0 else ""
        self._print(f"{_counted(rows, total, bad)}, {self._rate.of(rows):,.0f} rows/s{left}")

    def _print(self, line: str) -> None:
        self._console.print(f"predict: {line}", highlight=False, soft_wrap=True, markup=False)


def _counted(rows: int, total: int | None, bad: int) -> str:
    of = f" of {total:,}" if total is not None else ""
    return f"{rows:,}{of} rows" + (f", {bad:,} bad" if bad else "")
