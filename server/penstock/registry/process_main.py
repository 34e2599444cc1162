# SPDX-License-Identifier: Apache-2.0
"""The process that speaks to MLflow for others: `python -m penstock.registry.process_main`.

Requests come on standard input, answers go to standard output, each a line of JSON; the first line
that comes is the registry's URI:

    "sqlite:////models/mlflow.db"
    {"id": 1, "do": "look", "alias": "champion"}
    {"id": 1, "is": {"churn": {"served": {"version": 3, "made_ms": 1795782315013}, ...}}}
    {"id": 2, "do": "fetch", "name": "churn", "version": 3, "folder": "/...", "bytes_max": 1000}
    {"id": 2, "fails": "The files of version 3 of 'churn' cannot be fetched: ..."}

Several are worked on at a time, so that a long download keeps no look waiting. The process ends
when its standard input does, which is when the server has gone, however it went.
"""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from penstock.errors import PenstockError, RegistryError
from penstock.package.manifest import is_package
from penstock.priority import come_behind
from penstock.registry.looks import (
    check_registered,
    fetch_version,
    has_version,
    looked_models,
    note_refusal,
)
from penstock.registry.place import registry_place
from penstock.registry.registry import Registry
from penstock.registry.rolling import advance_champion, roll_back_candidate

__all__ = ["main"]

#: Downloads at a time, and one for looks.
THREADS = 5
#: Seconds that a model which is no package may take to become one.
PREPARE_SECONDS = 900.0
#: What it does, and whatever it starts, comes behind requests that want the cores: beside one that
#: wants all of a core it gets a quarter, which follows an alias within seconds.
NICENESS = 5
#: MLflow's own patience: a registry that is away is told within seconds, and looked at again.
MLFLOW_PATIENCE = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1", "MLFLOW_HTTP_REQUEST_TIMEOUT": "20"}


class _Opened:
    """The registry, opened once; a failure is tried again by whoever asks next."""

    def __init__(self, uri: str) -> None:
        self._place = registry_place(uri, folder=Path.cwd())
        self._lock = threading.Lock()
        self._registry: Registry | None = None

    def get(self) -> Registry:
        with self._lock:
            if self._registry is None:
                self._registry = Registry(self._place)
            return self._registry


def _look(registry: Registry, asked: Mapping[str, Any]) -> Any:
    looked = looked_models(registry, asked["alias"])
    return {name: asdict(model) for name, model in looked.items()}


def _has(registry: Registry, asked: Mapping[str, Any]) -> Any:
    return has_version(registry, asked["name"], asked["version"])


def _find(registry: Registry, asked: Mapping[str, Any]) -> Any:
    entry = registry.version(asked["name"], asked["which"])
    return {"version": entry.version, "digest": entry.digest, "created_ms": entry.created_ms}


def _fetch(registry: Registry, asked: Mapping[str, Any]) -> Any:
    folder, bytes_max = Path(asked["folder"]), asked["bytes_max"]
    name, version = asked["name"], asked["version"]
    entry = fetch_version(registry, name, version, folder, bytes_max)
    check_registered(entry, folder)
    if not is_package(folder):
        _make_servable(folder, name, version, allows_code=asked["allows_code"])
    return {"tags": dict(entry.tags)}


def _make_servable(folder: Path, name: str, version: int, *, allows_code: bool) -> None:
    """In a process of its own, which may need gigabytes, or run what is in the model."""
    about = f"Version {version} of {name!r} is no package."
    command = [sys.executable, "-P", "-m", "penstock.registry.plain_main", str(folder), name]
    try:
        done = subprocess.run(
            [*command, "yes" if allows_code else "no"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=PREPARE_SECONDS,
        )
    except subprocess.TimeoutExpired:
        raise RegistryError(
            f"{about} Making it servable took more than {PREPARE_SECONDS:.0f} s."
        ) from None
    if done.returncode != 0:
        reason = " ".join(done.stdout.decode(errors="replace").split())
        raise RegistryError(f"{about} {reason or f'Its process ended with {done.returncode}.'}")


def _note(registry: Registry, asked: Mapping[str, Any]) -> Any:
    note_refusal(registry, asked["name"], asked["version"], asked["reason"])


def _advance(registry: Registry, asked: Mapping[str, Any]) -> Any:
    return advance_champion(registry, asked["name"], asked["version"], asked["before"])


def _roll_back(registry: Registry, asked: Mapping[str, Any]) -> Any:
    return roll_back_candidate(registry, asked["name"], asked["version"], asked["reason"])


_DOES: Mapping[str, Callable[[Registry, Mapping[str, Any]], Any]] = {
    "look": _look,
    "has": _has,
    "find": _find,
    "fetch": _fetch,
    "note": _note,
    "advance": _advance,
    "roll_back": _roll_back,
}


def main() -> None:
    """Answer requests until there are no more."""
    # What MLflow prints is no answer.
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    for name, value in MLFLOW_PATIENCE.items():
        os.environ.setdefault(name, value)
    opened = _Opened(json.loads(sys.stdin.readline()))
    # MLflow is imported before anything is served, and a server that starts waits for it.
    with suppress(PenstockError):  # whoever asks next is told
        opened.get()
    come_behind(NICENESS)
    telling = threading.Lock()

    def answer(asked: Mapping[str, Any]) -> None:
        told: dict[str, Any] = {"id": asked["id"]}
        try:
            told["is"] = _DOES[asked["do"]](opened.get(), asked)
        except PenstockError as error:
            told["fails"] = str(error)
        except Exception as error:  # whatever it is, the server goes on without it
            told["fails"] = f"The registry cannot be used: {type(error).__name__}: {error}."
        with telling:
            answers.write(json.dumps(told) + "\n")
            answers.flush()

    pool = ThreadPoolExecutor(THREADS)
    for line in sys.stdin:
        pool.submit(answer, json.loads(line))
    # A download or a conversion that goes on has nobody to wait for it.
    if os.getpgrp() == os.getpid():
        os.killpg(0, signal.SIGKILL)
    os._exit(0)


if __name__ == "__main__":
    main()
