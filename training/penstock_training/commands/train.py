# SPDX-License-Identifier: Apache-2.0
"""`penstock train`: a line per step while it runs, and what came of it."""

import time
from pathlib import Path

from rich.console import Console
from rich.live import Live
from rich.markup import escape
from rich.spinner import Spinner
from rich.table import Table

from penstock_training.files import read_json
from penstock_training.pipeline import Outcome, Pipeline
from penstock_training.stages import STEP_NAMES

__all__ = ["print_outcome", "run_with_progress"]

_NOTES_MAX = 4
#: Metrics that are printed of an evaluation, the deciding one before them.
_METRICS_MAX = 12


class _Screen:
    """Shows each step; where nobody watches, a line when it ends."""

    def __init__(self, console: Console, names: tuple[str, ...]) -> None:
        self._console = console
        self._names = names
        self._ends: dict[str, str] = {}
        self._running: str | None = None
        self._since = 0.0
        self._counts: dict[str, tuple[int, int]] = {}
        self._notes: dict[str, list[str]] = {}
        self._spinner = Spinner("dots")

    def begin(self, step: str) -> None:
        self._running = step
        self._since = time.monotonic()

    def count(self, step: str, done: int, total: int) -> None:
        self._counts[step] = (done, total)

    def note(self, step: str, text: str) -> None:
        self._notes.setdefault(step, []).append(text)

    def end(self, step: str, seconds: float, *, is_cached: bool) -> None:
        self._ends[step] = "[dim]kept[/]" if is_cached else f"{seconds:.1f} s"
        self._running = None
        if self._console.is_terminal:
            return
        said = "; ".join(self._notes.get(step, [])[-_NOTES_MAX:])
        ending = "kept" if is_cached else f"{seconds:.1f} s"
        self._console.print(
            f"{step:<10} {ending:>8}  {escape(said)}".rstrip(), highlight=False, soft_wrap=True
        )

    def __rich__(self) -> Table:
        table = Table.grid(padding=(0, 2))
        table.add_column(width=2)
        table.add_column()
        table.add_column(justify="right", min_width=8)
        table.add_column(overflow="fold")
        for name in self._names:
            notes = "\n".join(escape(note) for note in self._notes.get(name, [])[-_NOTES_MAX:])
            if name in self._ends:
                table.add_row("[green]✓[/]", name, self._ends[name], f"[dim]{notes}[/]")
            elif name == self._running:
                done, total = self._counts.get(name, (0, 0))
                so_far = f"{done} of {total}" if total else ""
                seconds = f"{time.monotonic() - self._since:.0f} s"
                table.add_row(
                    self._spinner, f"[bold]{name}[/]", seconds, f"{so_far}\n{notes}".strip()
                )
            else:
                table.add_row("", f"[dim]{name}[/]", "", "")
        return table


def run_with_progress(console: Console, pipeline: Pipeline, *, until: str | None) -> Outcome:
    """Run `pipeline` and show how far it is."""
    names = STEP_NAMES if until not in STEP_NAMES else STEP_NAMES[: STEP_NAMES.index(until) + 1]
    screen = _Screen(console, names)
    if not console.is_terminal:
        return pipeline.run(screen, until=until)
    with Live(screen, console=console, refresh_per_second=8):
        return pipeline.run(screen, until=until)


def print_outcome(console: Console, pipeline: Pipeline, outcome: Outcome) -> None:
    """What the run has come to, and what can be done next."""
    evaluated = outcome.steps.get("evaluate")
    if evaluated is not None:
        _print_metrics(console, pipeline, read_json(evaluated.folder / "evaluation.json"))
    spec = pipeline.spec
    if outcome.reasons:
        console.print(f"[bold red]{escape(spec.name)} is not registered:[/]")
        for reason in outcome.reasons:
            console.print(f"  {escape(reason)}", soft_wrap=True, highlight=False)
    elif outcome.version is not None:
        console.print(
            f"[bold green]{escape(spec.name)} version {escape(outcome.version)}[/] is registered, "
            f"with the alias {escape(spec.registry.alias)}."
        )
    if outcome.package is not None:
        package = _from_here(outcome.package)
        for line in (
            f"Its card:  {package / 'card.html'}",
            f"Serve it:  penstock serve --package {package}",
        ):
            console.print(line, soft_wrap=True, highlight=False, markup=False)


def _from_here(path: Path) -> Path:
    """`path` as seen from the current folder, if it lies below."""
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path


def _print_metrics(console: Console, pipeline: Pipeline, evaluation: dict[str, object]) -> None:
    metrics = evaluation.get("metrics")
    if not isinstance(metrics, dict):
        return
    deciding = pipeline.spec.problem.metric
    names = [deciding, *(name for name in sorted(metrics) if name != deciding)]
    table = Table(box=None, padding=(0, 2, 0, 0), title="On the test rows", title_justify="left")
    table.add_column("metric")
    table.add_column("value", justify="right")
    table.add_column("interval", style="dim")
    for name in names[:_METRICS_MAX]:
        one = metrics.get(name)
        if not isinstance(one, dict) or one.get("value") is None:
            continue
        low, high = one.get("low"), one.get("high")
        interval = "" if low is None or high is None else f"{low:.4g} to {high:.4g}"
        style = "bold" if name == deciding else ""
        table.add_row(name, f"{one['value']:.4g}", interval, style=style)
    console.print(table)
