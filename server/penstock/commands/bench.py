# SPDX-License-Identifier: Apache-2.0
"""`penstock bench`: requests as fast as so many callers can send them, every answer checked.

A closed loop: each of `concurrency` callers sends its next request when its last is answered. The
first answer to an input is taken as right, unless the right ones are given; a later one that
differs is counted as wrong, and so a server that mixes rows up cannot look fast.
"""

import asyncio
import itertools
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from penstock.commands.requests import Answer, Request, make_requests, right_answers
from penstock_client import AsyncClient, InferResult, ModelMetadata, PenstockError

__all__ = ["BenchPlan", "BenchResult", "is_same", "print_bench", "run_bench"]

WARM_UP_CALLS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchPlan:
    """What to send. `inputs` are texts of the command line; none: random rows."""

    model: str
    version: str = ""
    inputs: tuple[str, ...] = ()
    rows: int = 1
    concurrency: int = 16
    seconds: float = 10.0
    expect: Path | None = None
    tolerance: float = 1e-4
    timeout_s: float = 10.0


@dataclass(slots=True, kw_only=True)
class BenchResult:
    """What came of it. Latencies in seconds, of answered requests only."""

    rows: int
    seconds: float = 0.0
    latencies_s: list[float] = field(default_factory=list)
    failed: Counter[str] = field(default_factory=Counter)
    first_failure: str = ""
    wrong: int = 0
    first_wrong: str = ""

    @property
    def answered(self) -> int:
        """Requests that were answered, right or wrong."""
        return len(self.latencies_s)

    def percentile_ms(self, percent: float) -> float:
        """A percentile of the latencies, in milliseconds; 0 if nothing was answered."""
        return float(np.percentile(self.latencies_s, percent)) * 1e3 if self.latencies_s else 0.0


def run_bench(url: str, plan: BenchPlan, console: Console) -> BenchResult:
    """Sends requests as planned. Raises PenstockError if the model cannot be asked at all."""
    import uvloop

    return uvloop.run(_bench(url, plan, console))


def print_bench(console: Console, result: BenchResult) -> None:
    """Prints rate, latencies, and what went wrong."""
    rate = result.answered / result.seconds if result.seconds else 0.0
    table = Table(show_header=False, box=None, pad_edge=False)
    table.add_row("requests", f"{result.answered:,} in {result.seconds:.1f} s")
    table.add_row("rate", f"{rate:,.0f} requests/s, {rate * result.rows:,.0f} rows/s")
    for percent in (50, 90, 99):
        table.add_row(f"p{percent}", f"{result.percentile_ms(percent):.2f} ms")
    table.add_row("failed", str(result.failed.total()), style="red" if result.failed else "")
    table.add_row("wrong", str(result.wrong), style="red" if result.wrong else "")
    console.print(table)
    for code, count in result.failed.most_common():
        console.print(f"[red]{count} x {code}[/]", highlight=False)
    for sentence in filter(None, (result.first_failure, result.first_wrong)):
        console.print(sentence, markup=False, highlight=False)


def is_same(answer: NDArray[Any], right: NDArray[Any], tolerance: float) -> bool:
    """Whether two outputs agree: floats within `tolerance`, relative; all else exactly."""
    if answer.shape != right.shape:
        return False
    if answer.dtype.kind == "f" or right.dtype.kind == "f":
        close = np.isclose(answer, right, rtol=tolerance, atol=tolerance * 1e-2, equal_nan=True)
        return bool(close.all())
    return bool(np.array_equal(answer, right))


async def _bench(url: str, plan: BenchPlan, console: Console) -> BenchResult:
    async with AsyncClient(url, retry=None) as client:
        metadata = await client.model_metadata(plan.model, plan.version, timeout=plan.timeout_s)
        requests = make_requests(plan.inputs, metadata, plan.rows)
        callers = _Callers(client, plan, requests, _expected(plan, requests, metadata))
        for request in itertools.islice(itertools.cycle(requests), WARM_UP_CALLS):
            await client.infer(plan.model, request, version=plan.version, timeout=plan.timeout_s)
        return await callers.run(console)


def _expected(
    plan: BenchPlan, requests: list[Request], metadata: ModelMetadata
) -> list[Answer | None]:
    if plan.expect is None:
        return [None] * len(requests)
    return list(right_answers(plan.expect, len(requests), metadata, plan.rows))


class _Callers:
    """The callers of one measurement, which share its requests and its result."""

    def __init__(
        self,
        client: AsyncClient,
        plan: BenchPlan,
        requests: list[Request],
        expected: list[Answer | None],
    ) -> None:
        self._client = client
        self._plan = plan
        self._requests = requests
        self._expected = expected
        self._turns = itertools.count()
        self._result = BenchResult(rows=plan.rows)

    async def run(self, console: Console) -> BenchResult:
        started = time.perf_counter()
        end = started + self._plan.seconds
        async with asyncio.TaskGroup() as group:
            showing = group.create_task(self._show_progress(console, started, end))
            callers = [
                group.create_task(self._call_until(end)) for _ in range(self._plan.concurrency)
            ]
            await asyncio.wait(callers)
            showing.cancel()
        self._result.seconds = time.perf_counter() - started
        return self._result

    async def _call_until(self, end: float) -> None:
        result, plan = self._result, self._plan
        while (sent := time.perf_counter()) < end:
            turn = next(self._turns) % len(self._requests)
            try:
                answer = await self._client.infer(
                    plan.model,
                    self._requests[turn],
                    version=plan.version,
                    timeout=plan.timeout_s,
                )
            except PenstockError as error:
                result.failed[error.code] += 1
                result.first_failure = result.first_failure or str(error)
            else:
                result.latencies_s.append(time.perf_counter() - sent)
                self._check(turn, answer)

    def _check(self, turn: int, answer: InferResult) -> None:
        right = self._expected[turn]
        if right is None:
            self._expected[turn] = {name: array.copy() for name, array in answer.items()}
            return
        for name, array in right.items():
            found = answer.get(name)
            if found is None or not is_same(found, array, self._plan.tolerance):
                self._result.wrong += 1
                self._result.first_wrong = self._result.first_wrong or (
                    f"Request {turn}, output {name!r}: wanted {array.tolist()!r:.300}, "
                    f"found {None if found is None else found.tolist()!r:.300}."
                )
                return

    async def _show_progress(self, console: Console, started: float, end: float) -> None:
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.fields[rate]:,.0f} requests/s"),
            TimeRemainingColumn(),
        )
        disable = not console.is_terminal
        with Progress(*columns, console=console, transient=True, disable=disable) as progress:
            task = progress.add_task(self._plan.model, total=end - started, rate=0.0)
            while True:
                await asyncio.sleep(0.1)
                elapsed = time.perf_counter() - started
                progress.update(task, completed=elapsed, rate=self._result.answered / elapsed)
