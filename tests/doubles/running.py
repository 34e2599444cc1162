# SPDX-License-Identifier: Apache-2.0
"""A real `penstock serve` in a process of its own, on ports that the system chooses."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import threading
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from prometheus_client.metrics_core import Metric
from prometheus_client.parser import text_string_to_metric_families

# Long enough that only a server which is wrong ever takes so long.
PATIENCE_S = 60.0


class RunningServer:
    """Runs for as long as the `with` block does; a test may end it before, by `drain`.

    `printed` are the lines of standard output up to the one that says it is ready. `log_to` is a
    file in the place of the one that `log` reads, `command` one in the place of `penstock serve`.
    """

    def __init__(
        self,
        *repositories: Path,
        flags: tuple[str, ...] = (),
        environment: Mapping[str, str] | None = None,
        log_to: Path | None = None,
        command: Sequence[str] = (sys.executable, "-m", "penstock", "serve"),
    ) -> None:
        arguments = [f"--model-repository={repository}" for repository in repositories]
        addresses = ["--grpc-address=127.0.0.1", "--http-address=127.0.0.1"]
        ports = ["--grpc-port=0", "--http-port=0", "--metrics-port=0"]
        # Closed in __exit__.
        self._log = log_to.open("r+") if log_to else tempfile.TemporaryFile("w+")  # noqa: SIM115
        self.process = subprocess.Popen(
            [*command, *arguments, *addresses, *ports, *flags],
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
            env={**os.environ, "TERM": "dumb", "COLUMNS": "200", **(environment or {})},
        )
        self.printed: list[str] = []
        self.grpc = self.rest = self.metrics = ""
        try:
            self._wait_until_ready()
        except BaseException:
            self._end()
            raise

    def _wait_until_ready(self) -> None:
        assert self.process.stdout is not None
        watchdog = threading.Timer(PATIENCE_S, self.process.kill)
        watchdog.start()
        for line in self.process.stdout:
            self.printed.append(line.rstrip("\n"))
            if line.startswith("penstock is ready:"):
                found = dict(part.split("=") for part in line.split() if "=" in part)
                self.grpc, self.rest = found.get("grpc", ""), found.get("rest", "")
                self.metrics = found.get("metrics", "")
                break
        watchdog.cancel()
        if not self.grpc and not self.rest:
            raise RuntimeError(f"the server did not start:\n{self.log()}")

    @property
    def grpc_port(self) -> int:
        return int(self.grpc.rpartition(":")[2])

    @property
    def rest_port(self) -> int:
        return int(self.rest.rpartition(":")[2])

    def log(self) -> str:
        """What it has logged so far."""
        descriptor = self._log.fileno()
        return os.pread(descriptor, os.fstat(descriptor).st_size, 0).decode()

    def drain(self) -> None:
        """Asks it to drain and end, as Kubernetes does."""
        self.process.send_signal(signal.SIGTERM)

    def wait(self) -> int:
        """Its exit status, once it has ended."""
        return self.process.wait(PATIENCE_S)

    def metrics_text(self) -> str:
        with urllib.request.urlopen(f"http://{self.metrics}/metrics", timeout=10) as answer:
            text: str = answer.read().decode()
        return text

    def families(self) -> dict[str, Metric]:
        """The metrics by family, as prometheus-client reads them."""
        return {f.name: f for f in text_string_to_metric_families(self.metrics_text())}

    def counted(self, name: str, **labels: str) -> float:
        """The sum of all samples called `name` that have `labels`."""
        # prometheus-client's parser gives every counter the ending that Triton's do not have.
        names = (name, f"{name}_total")
        return sum(
            sample.value
            for family in self.families().values()
            for sample in family.samples
            if sample.name in names and labels.items() <= sample.labels.items()
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        was_running = self.process.poll() is None
        if was_running:
            self.drain()
        status, log = self._end()
        if kind is None and was_running:
            assert status == 0, log

    def _end(self) -> tuple[int, str]:
        try:
            status = self.process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            status = self.process.wait()
        log = self.log()
        self._log.close()
        assert self.process.stdout is not None
        self.process.stdout.close()
        return status, log
