# SPDX-License-Identifier: Apache-2.0
"""The server's end of the process that speaks to MLflow, which no serving process imports.

Started when it is first asked, and again when it has ended. `process_main` is the other end.
"""

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from penstock.errors import RegistryError
from penstock.registry.entries import LookedModel, ModelAlias
from penstock.registry.place import RegistryPlace, shown_uri

__all__ = ["FoundVersion", "RegistryProcess"]

#: Seconds for an answer: MLflow's import and a slow server; and those for a version's files.
LOOK_SECONDS = 60.0
FETCH_SECONDS = 3600.0
#: Seconds to end by itself once nothing more is asked.
END_SECONDS = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundVersion:
    """A version of a model. `digest`: its package's; "": it was not registered as one."""

    version: int
    digest: str
    created_ms: int


class RegistryProcess:
    """Asks the registry at `place`. Used on one event loop.

    `allows_code`: versions that are no packages may run what code they bring.
    """

    def __init__(self, place: RegistryPlace, *, allows_code: bool = False) -> None:
        self._place = place
        self.allows_code = allows_code
        self._running: _Running | None = None
        self._is_closed = False

    @property
    def shown(self) -> str:
        """Where the registry is, without passwords."""
        return shown_uri(self._place.uri)

    @property
    def id(self) -> int | None:
        """Of the process; None: there is none."""
        running = self._running
        return running.process.pid if running is not None and not running.has_ended else None

    async def look(self, alias: str) -> dict[str, LookedModel]:
        """The models that have `alias`, or a rollout policy where it is the champion, by name.

        Raises:
            RegistryError: the registry does not answer.
        """
        file = _identity(self._place)
        if self._running is not None and file not in (None, self._running.file):
            # MLflow goes on reading the file that it has opened, though another has its name.
            await asyncio.to_thread(self._running.end)
        told = await self._ask(LOOK_SECONDS, do="look", alias=alias)
        return {str(name): _looked_model(one) for name, one in told.items()}

    async def has(self, name: str, version: int) -> bool:
        """Whether a model has a version of this number.

        Raises:
            RegistryError: the registry does not answer.
        """
        return bool(await self._ask(LOOK_SECONDS, do="has", name=name, version=version))

    async def find(self, name: str, which: str) -> FoundVersion:
        """A version of a model: by its number, its alias, or the latest.

        Raises:
            RegistryError: there is none, or the registry does not answer.
        """
        return FoundVersion(**await self._ask(LOOK_SECONDS, do="find", name=name, which=which))

    async def fetch(self, name: str, version: int, folder: Path, bytes_max: int) -> dict[str, str]:
        """Download a version's files into `folder`; its tags.

        Raises:
            RegistryError: they cannot be had.
        """
        told = await self._ask(
            FETCH_SECONDS,
            do="fetch",
            name=name,
            version=version,
            folder=str(folder),
            bytes_max=bytes_max,
            allows_code=self.allows_code,
        )
        return {str(key): str(value) for key, value in told["tags"].items()}

    async def note(self, name: str, version: int, reason: str) -> None:
        """Write on a version why it is not served; an empty `reason` takes that away.

        Raises:
            RegistryError: the registry does not take it.
        """
        await self._ask(LOOK_SECONDS, do="note", name=name, version=version, reason=reason)

    async def advance(self, name: str, version: int, before: int | None) -> str:
        """Let the champion be this version, if it is `before`; None: if there is none.

        A sentence that says why nothing was moved, for the registry has decided otherwise; empty:
        the alias names this version.

        Raises:
            RegistryError: the registry does not take it, or another writer moves an alias now.
        """
        asked = {"name": name, "version": version, "before": before}
        return str(await self._ask(LOOK_SECONDS, do="advance", **asked))

    async def roll_back(self, name: str, version: int, reason: str) -> str:
        """Write on a version why it was rolled back, and let it be the candidate no more.

        A sentence that says why nothing was written; empty: it was.

        Raises:
            RegistryError: as `advance`.
        """
        asked = {"name": name, "version": version, "reason": reason}
        return str(await self._ask(LOOK_SECONDS, do="roll_back", **asked))

    def close(self) -> None:
        """End the process; whoever waits for it is told. Blocks for moments."""
        self._is_closed = True
        if self._running is not None:
            self._running.end()

    async def _ask(self, seconds: float, **asked: Any) -> Any:
        if self._is_closed:
            raise RegistryError("The server ends.")
        if self._running is None or self._running.has_ended:
            # At once, though it takes a moment: of several who ask, one starts it.
            self._running = _Running(self._place, asyncio.get_running_loop())
        running = self._running
        try:
            told = await asyncio.wait_for(running.ask(asked), seconds)
        except TimeoutError:
            # Whatever holds it up holds up what comes next.
            await asyncio.to_thread(running.end)
            raise RegistryError(
                f"The registry {self.shown} has not answered within {seconds:.0f} s."
            ) from None
        if "fails" in told:
            raise RegistryError(str(told["fails"]))
        return told["is"]


def _looked_model(told: Mapping[str, Any]) -> LookedModel:
    served, candidate = (
        None if (one := told[alias]) is None else ModelAlias(**one)
        for alias in ("served", "candidate")
    )
    return LookedModel(**{**told, "served": served, "candidate": candidate})


def _identity(place: RegistryPlace) -> tuple[int, int] | None:
    """Which file an embedded registry is; None: it is no file, or not there."""
    if place.file is None:
        return None
    try:
        status = place.file.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


class _Running:
    """One process, whose answers a thread reads. `file` is the embedded registry's identity."""

    def __init__(self, place: RegistryPlace, loop: asyncio.AbstractEventLoop) -> None:
        self.file = _identity(place)
        self._loop = loop
        self._lock = threading.Lock()
        self._waiting: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._asked = 0
        self.has_ended = False
        self.process = subprocess.Popen(
            [sys.executable, "-P", "-m", "penstock.registry.process_main"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # what a terminal tells the server is not for it
        )
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self._stdin: IO[bytes] = self.process.stdin
        self._stdout: IO[bytes] = self.process.stdout
        threading.Thread(target=self._read, name="penstock-registry", daemon=True).start()
        # Not as an argument, which everybody on the machine can read: it may hold a password.
        self._write(json.dumps(place.uri).encode() + b"\n")

    async def ask(self, asked: dict[str, Any]) -> dict[str, Any]:
        future: asyncio.Future[dict[str, Any]] = self._loop.create_future()
        self._asked += 1
        number = self._asked
        self._waiting[number] = future
        line = json.dumps({"id": number, **asked}).encode() + b"\n"
        try:
            if self.has_ended:
                raise RegistryError("The process that speaks to the registry has ended.")
            await asyncio.to_thread(self._write, line)
            return await future
        finally:
            self._waiting.pop(number, None)

    def end(self) -> None:
        """Let it end, and make it."""
        self.has_ended = True
        with contextlib.suppress(OSError):
            self._stdin.close()
        try:
            self.process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            self._kill()

    def _kill(self) -> None:
        """With what it has started."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)

    def _write(self, line: bytes) -> None:
        try:
            with self._lock:
                self._stdin.write(line)
                self._stdin.flush()
        except (OSError, ValueError):
            raise RegistryError("The process that speaks to the registry has ended.") from None

    def _read(self) -> None:
        for line in self._stdout:
            if line.endswith(b"\n"):  # one that was killed may have left half of an answer
                self._tell(self._answered, json.loads(line))
        self._kill()  # what it has started, if it was killed itself
        code = self.process.wait()
        self._stdout.close()
        with self._lock, contextlib.suppress(OSError):
            self._stdin.close()
        self._tell(self._ended, code)

    def _tell(self, function: Callable[[Any], None], told: Any) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has ended before
            self._loop.call_soon_threadsafe(function, told)

    def _answered(self, told: dict[str, Any]) -> None:
        future = self._waiting.get(told["id"])
        if future is not None and not future.done():
            future.set_result(told)

    def _ended(self, code: int) -> None:
        self.has_ended = True
        reason = f"The process that speaks to the registry has ended with {code}."
        for future in self._waiting.values():
            if not future.done():
                future.set_exception(RegistryError(reason))
