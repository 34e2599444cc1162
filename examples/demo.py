# SPDX-License-Identifier: Apache-2.0
"""The whole way in a minute: train, export, serve, ask, compare.

Trains a gradient-boosted classifier on scikit-learn's handwritten digits, exports it to ONNX into a
model repository of Triton's layout, starts `penstock serve` on it, sends the held-out digits as
concurrent gRPC requests, and holds what came back against the model's own answers offline. Leaves
nothing behind: neither a process nor a file.

    python examples/demo.py [--rounds N] [--concurrency N]
"""

import argparse
import asyncio
import os
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import uvloop
from numpy.typing import NDArray
from prometheus_client.parser import text_string_to_metric_families
from rich.console import Console
from rich.panel import Panel
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn
from rich.table import Table

from penstock_client import AsyncClient

MODEL = "digits"
BATCH_COUNTERS = ("nv_inference_count", "nv_inference_exec_count")  # rows, executions
START_SECONDS_MAX = 60.0
STOP_SECONDS_MAX = 40.0

console = Console()


@dataclass(frozen=True, slots=True, kw_only=True)
class Trained:
    """The model's held-out rows, and what it says of them offline."""

    rows: NDArray[np.float32]
    labels: NDArray[np.int64]
    predicted: NDArray[np.int64]

    @property
    def accuracy(self) -> float:
        """The share of held-out rows that the model names rightly, offline."""
        return float((self.predicted == self.labels).mean())


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """A running `penstock serve`."""

    process: subprocess.Popen[str]
    grpc: str
    metrics: str

    def cpu_seconds(self) -> float:
        """Processor time it has used since its start."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def counter(self, name: str) -> float:
        """The value of a counter of our model, as Prometheus would read it."""
        with urllib.request.urlopen(f"http://{self.metrics}/metrics", timeout=10) as answer:
            text = answer.read().decode()
        return sum(
            sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
            # The parser gives every counter the ending that Triton's do not have.
            if sample.name in (name, f"{name}_total") and sample.labels.get("model") == MODEL
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What the requests came to. Latencies in seconds."""

    predicted: NDArray[np.int64]
    latencies_s: NDArray[np.float64]
    seconds: float


def train(repository: Path) -> Trained:
    """Fits the model and writes it to `repository`."""
    from skl2onnx import to_onnx
    from sklearn.datasets import load_digits
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.model_selection import train_test_split

    images, digits = load_digits(return_X_y=True)
    fit_rows, test_rows, fit_labels, test_labels = train_test_split(
        images.astype(np.float32), digits.astype(np.int64), test_size=0.25, random_state=7
    )
    model = HistGradientBoostingClassifier(max_iter=60, random_state=7).fit(fit_rows, fit_labels)
    graph = to_onnx(
        model,
        fit_rows[:1],
        target_opset={"": 21, "ai.onnx.ml": 3},
        options={"zipmap": False},
    )
    folder = repository / MODEL / "1"
    folder.mkdir(parents=True)
    (folder / "model.onnx").write_bytes(graph.SerializeToString())
    return Trained(rows=test_rows, labels=test_labels, predicted=model.predict(test_rows))


@contextmanager
def serving(repository: Path, log_path: Path) -> Iterator[Server]:
    """`penstock serve` on free ports for as long as the block runs; drained at its end."""
    command = [sys.executable, "-m", "penstock", "serve", "--model-repository", str(repository)]
    command += ["--grpc-address", "127.0.0.1", "--grpc-port", "0", "--metrics-port", "0"]
    command += ["--http-address", "127.0.0.1", "--http-port", "0"]
    with (
        log_path.open("w") as log,
        # A group of its own: Ctrl-C reaches us alone, and the server is drained, not interrupted.
        subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=log, text=True, process_group=0
        ) as process,
    ):
        try:
            with console.status("Starting penstock serve"):
                addresses = wait_until_ready(process, log_path)
            yield Server(process=process, grpc=addresses["grpc"], metrics=addresses["metrics"])
        finally:
            stop(process)
    if process.returncode != 0:
        raise SystemExit(f"The server ended with {process.returncode}:\n{log_path.read_text()}")


def wait_until_ready(process: subprocess.Popen[str], log_path: Path) -> dict[str, str]:
    """Where the server says it listens."""
    timer = time.monotonic() + START_SECONDS_MAX
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("penstock is ready:"):
            return dict(part.split("=", 1) for part in line.split() if "=" in part)
        if f"model {MODEL} version 1 failed" in line or time.monotonic() > timer:
            raise SystemExit(line)
    raise SystemExit(f"The server did not start:\n{log_path.read_text()}")


def stop(process: subprocess.Popen[str]) -> None:
    """Drains the server; ends it if it does not drain."""
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(STOP_SECONDS_MAX)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


async def ask(server: Server, rows: NDArray[np.float32], count: int, concurrency: int) -> Measured:
    """Sends `count` requests of one row each, `concurrency` at a time."""
    predicted = np.empty(count, np.int64)
    latencies_s = np.empty(count)
    turns = iter(range(count))
    columns: list[Any] = [SpinnerColumn(), TextColumn("{task.description}"), BarColumn(32)]
    columns += [MofNCompleteColumn(), TextColumn("{task.fields[rate]:,.0f} requests/s")]

    async with AsyncClient(server.grpc) as client:
        await client.infer(MODEL, {"X": rows[:1]}, timeout=10.0)
        with Progress(
            *columns, console=console, transient=True, disable=not console.is_terminal
        ) as progress:
            task = progress.add_task("asking", total=count, rate=0.0)
            started = time.perf_counter()

            async def caller() -> None:
                for turn in turns:
                    row = turn % len(rows)
                    sent = time.perf_counter()
                    answer = await client.infer(MODEL, {"X": rows[row : row + 1]}, timeout=10.0)
                    now = time.perf_counter()
                    latencies_s[turn] = now - sent
                    predicted[turn] = answer["label"].item()
                    if turn % 500 == 499:
                        progress.update(task, completed=turn + 1, rate=turn / (now - started))

            async with asyncio.TaskGroup() as group:
                for _ in range(concurrency):
                    group.create_task(caller())
            seconds = time.perf_counter() - started
    return Measured(predicted=predicted, latencies_s=latencies_s, seconds=seconds)


def report(trained: Trained, measured: Measured, mean_batch: float, cpu_s: float) -> None:
    """Shows the numbers, and ends the program if the served answers are not the model's own."""
    count = len(measured.predicted)
    turns = np.arange(count) % len(trained.rows)
    accuracy = float((measured.predicted == trained.labels[turns]).mean())
    differing = int((measured.predicted != trained.predicted[turns]).sum())
    p50, p99 = np.percentile(measured.latencies_s, (50, 99)) * 1e3

    table = Table(show_header=False, box=None, padding=(0, 2))
    table.add_column(justify="right", style="bold")
    table.add_row("accuracy, served", f"{accuracy:.4f}")
    table.add_row("accuracy, offline", f"{trained.accuracy:.4f}")
    table.add_row("requests", f"{count:,}, {differing} answered differently than offline")
    table.add_row("requests/s", f"{count / measured.seconds:,.0f}  [dim](this Python client's)[/]")
    table.add_row("mean batch", f"{mean_batch:.1f} rows")
    table.add_row("latency", f"p50 {p50:.2f} ms   p99 {p99:.2f} ms")
    table.add_row("server's CPU", f"{cpu_s / count * 1e6:.1f} µs per request")
    console.print(Panel(table, title="[bold]Penstock[/]", border_style="green", expand=False))
    if differing or not np.isclose(accuracy, trained.accuracy, rtol=0, atol=1e-12):
        raise SystemExit("The served answers are not those of the model.")


def run(rounds: int, concurrency: int, folder: Path) -> None:
    """The demo, in `folder`."""
    repository = folder / "models"
    with console.status("Training a gradient-boosted classifier on handwritten digits"):
        trained = train(repository)
    count = rounds * len(trained.rows)
    console.print(
        f"[green]✓[/] trained: {len(trained.rows)} rows held out, "
        f"accuracy offline {trained.accuracy:.4f}",
        highlight=False,
    )
    with serving(repository, folder / "server.log") as server:
        console.print(f"[green]✓[/] serving {MODEL}: gRPC {server.grpc}", highlight=False)
        rows, executions = (-server.counter(name) for name in BATCH_COUNTERS)
        cpu_s = -server.cpu_seconds()
        measured = uvloop.run(ask(server, trained.rows, count, concurrency))
        cpu_s += server.cpu_seconds()
        rows += server.counter(BATCH_COUNTERS[0])
        executions += server.counter(BATCH_COUNTERS[1])
    console.print(
        f"[green]✓[/] asked {count:,} times, {concurrency} at a time; server drained",
        highlight=False,
    )
    report(trained, measured, rows / max(executions, 1), cpu_s)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=45, help="times each held-out row is sent")
    parser.add_argument("--concurrency", type=int, default=64)
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the server is ended too
    with tempfile.TemporaryDirectory(prefix="penstock-demo-") as folder:
        try:
            run(arguments.rounds, arguments.concurrency, Path(folder))
        except KeyboardInterrupt:
            raise SystemExit(130) from None


if __name__ == "__main__":
    main()
