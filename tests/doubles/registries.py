# SPDX-License-Identifier: Apache-2.0
"""Embedded registries for tests: copies of one whose migrations have been run."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from contextlib import suppress
from pathlib import Path

from tests.doubles.processes import wait_until

from penstock.registry import registry_place
from penstock.registry.registry import Registry
from penstock_training.tracking import TrackedRun, track

FILE = "mlflow.db"
#: Seconds that a server of MLflow is given to start: its imports alone take several.
START_S = 120.0


def make_store(folder: Path) -> Path:
    """An empty registry's database, made the slow way, beside what a killed process has left."""
    (folder / f".{FILE}.partial").write_bytes(b"SQLite format 3\0 and half a migration")
    Registry(registry_place(f"sqlite:///{FILE}", folder=folder), creates=True)
    return folder / FILE


def registry_in(folder: Path, store: Path) -> Registry:
    """A registry in `folder`: what is there, or a copy of `store`."""
    folder.mkdir(exist_ok=True)
    if not (folder / FILE).exists():
        shutil.copyfile(store, folder / FILE)
    return Registry(registry_place(f"sqlite:///{FILE}", folder=folder), creates=True)


def run_of(registry: Registry, digest: str) -> str:
    """A finished run of two trials, for a package of this digest."""
    told = TrackedRun(name="run", parameters={"seed": "0"}, metrics={"accuracy": 0.9})
    trials = [TrackedRun(name=f"linear-{i}", metrics={"score": 0.5 + i}) for i in range(2)]
    return track(registry, "tests", digest, told, trials)


class MlflowServer:
    """A server of MLflow that keeps its files in a folder, and is there when entered.

    `store` is the URI of its database; by default a file in the folder.
    """

    def __init__(self, folder: Path, store: str = "") -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self._port = free.getsockname()[1]
        self.uri = f"http://127.0.0.1:{self._port}"
        self._folder = folder
        self._store = store or f"sqlite:///{folder}/server.db"
        self._begin()

    def _begin(self) -> None:
        folder, port = self._folder, self._port
        store = ["--backend-store-uri", self._store]
        files = ["--artifacts-destination", str(folder / "artifacts")]
        listen = ["--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
        self._log = (folder / "server.log").open("ab")
        self._process = subprocess.Popen(
            [sys.executable, "-m", "mlflow", "server", *listen, *store, *files],
            cwd=folder,
            stdout=self._log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            # Its queue of jobs is seven processes that nothing here asks.
            env={**os.environ, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"},
        )

    def kill(self) -> None:
        """Ends it as a crash does."""
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._log.close()

    def start_again(self) -> None:
        """Starts it on its port, once it was killed; returns when it answers."""
        self._begin()
        wait_until(self._answers, "MLflow answered", patience_s=START_S)

    def __enter__(self) -> MlflowServer:
        try:
            wait_until(self._answers, "MLflow answered", patience_s=START_S)
        except BaseException:
            self.__exit__()
            raise
        return self

    def _answers(self) -> bool:
        assert self._process.poll() is None
        try:
            with urllib.request.urlopen(f"{self.uri}/health", timeout=5) as answer:
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            return False

    def __exit__(self, *_: object) -> None:
        with suppress(ProcessLookupError):  # it has ended by itself
            os.killpg(self._process.pid, signal.SIGTERM)
        self._process.wait()
        self._log.close()
