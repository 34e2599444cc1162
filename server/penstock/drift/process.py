# SPDX-License-Identifier: Apache-2.0
"""The server's end of the process of the monitors. `worker_main` is the other end.

Started when it is first asked for; once it has ended, again after a while that grows. It is
spawned, never forked: the server has threads.
"""

import asyncio
import contextlib
import json
import logging
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from penstock.drift.frames import HEAD, lengths_of, message_bytes
from penstock.drift.ports import Clock, MonitorGone
from penstock.errors import MonitoringError

__all__ = ["MonitorProcess"]

Answer = asyncio.Future[tuple[dict[str, Any], list[bytes]]]

log = logging.getLogger(__name__)

COMMAND = (sys.executable, "-P", "-m", "penstock.drift.worker_main")
#: For an answer, a start with its imports included.
ANSWER_SECONDS = 120.0
#: To end by itself once nothing more is asked.
END_SECONDS = 2.0
#: Between two starts: at first, and at most. One that has answered for so long begins anew.
PAUSE_S, PAUSE_MAX_S = 1.0, 60.0
STEADY_S = 300.0


class MonitorProcess:
    """`ports.Process`."""

    def __init__(
        self,
        clock: Clock,
        command: Sequence[str] = COMMAND,
        *,
        answer_s: float = ANSWER_SECONDS,
    ) -> None:
        """`answer_s`: after so many seconds without an answer the process is ended."""
        self.restarts = 0
        self._clock = clock
        self._command = command
        self._answer_s = answer_s
        self._starting = asyncio.Lock()
        self._process: asyncio.subprocess.Process | None = None
        self._reading: asyncio.Task[None] | None = None
        #: By number, the key that an answer is about, and who waits for it.
        self._waiting: dict[int, tuple[object, Answer]] = {}
        self._asked = 0
        self._starts = 0
        self._failures = 0
        self._started_s = 0.0
        self._not_before_s = 0.0
        self._is_closed = False

    @property
    def id(self) -> int | None:
        """Of the process; None: there is none."""
        return self._process.pid if self._process is not None else None

    @property
    def memory_bytes(self) -> int:
        """See `ports.Process`."""
        if self._process is None:
            return 0
        try:
            pages = int(Path(f"/proc/{self._process.pid}/statm").read_text().split()[1])
        except (OSError, IndexError, ValueError):
            return 0
        return pages * os.sysconf("SC_PAGE_SIZE")

    async def started(self) -> int:
        """See `ports.Process`."""
        async with self._starting:
            if self._is_closed:
                raise MonitorGone("The server ends.")
            if self._process is None:
                if self._clock.monotonic_s() < self._not_before_s:
                    raise MonitorGone("The process of the monitors has ended, and is started soon.")
                await self._start()
            return self._starts

    async def _start(self) -> None:
        try:
            process = await asyncio.create_subprocess_exec(
                *self._command,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
                start_new_session=True,  # what a terminal tells the server is not for it
            )
        except OSError as error:
            self._pause()
            raise MonitorGone(f"The process of the monitors cannot be started: {error}.") from None
        self._process = process
        self._started_s = self._clock.monotonic_s()
        self.restarts += self._starts > 0
        self._starts += 1
        self._reading = asyncio.create_task(self._read(process))

    async def ask(
        self, do: str, blobs: Sequence[bytes] = (), **asked: Any
    ) -> tuple[Any, Sequence[bytes]]:
        """See `ports.Process`."""
        process = self._process
        if process is None or process.stdin is None:
            raise MonitorGone("The process of the monitors has ended.")
        self._asked += 1
        number = self._asked
        future: Answer = asyncio.get_running_loop().create_future()
        self._waiting[number] = asked.get("key"), future
        try:
            process.stdin.write(message_bytes({"id": number, "do": do, **asked}, blobs))
            async with asyncio.timeout(self._answer_s):
                await process.stdin.drain()
                told, content = await future
        except TimeoutError:
            self._kill(process)  # whatever holds it up holds up what comes next
            log.warning("monitor_process_hangs", extra={"asked": do, "seconds": self._answer_s})
            seconds = f"{self._answer_s:g} s"
            raise MonitorGone(f"The monitors have not answered within {seconds}.") from None
        except OSError:
            raise MonitorGone("The process of the monitors has ended.") from None
        finally:
            self._waiting.pop(number, None)
        if "fails" in told:
            raise MonitoringError(str(told["fails"]), code="INTERNAL")
        return told["is"], content

    def leave(self, key: str) -> None:
        """See `ports.Process`."""
        for wanted, future in self._waiting.values():
            if wanted == key and not future.done():
                future.set_exception(MonitorGone("Nobody waits for the monitor any more."))
        if self._process is not None and self._process.stdin is not None:
            self._asked += 1
            message = message_bytes({"id": self._asked, "do": "close", "key": key}, ())
            self._process.stdin.write(message)

    async def _read(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdout is not None
        with contextlib.suppress(asyncio.IncompleteReadError, OSError):
            while True:
                told, content = await _message(process.stdout)
                _, future = self._waiting.get(told["id"], (None, None))
                if future is not None and not future.done():
                    future.set_result((told, content))
        try:
            async with asyncio.timeout(END_SECONDS):
                code = await process.wait()
        except TimeoutError:
            self._kill(process)
            code = await process.wait()
        self._process = None
        for _, future in self._waiting.values():
            if not future.done():
                future.set_exception(MonitorGone("The process of the monitors has ended."))
        if not self._is_closed:
            seconds = self._pause()
            log.warning("monitor_process_ended", extra={"status": code, "again_in_s": seconds})

    def _pause(self) -> float:
        now = self._clock.monotonic_s()
        if now - self._started_s >= STEADY_S:
            self._failures = 0
        seconds = min(PAUSE_MAX_S, PAUSE_S * 2.0 ** min(self._failures, 10))
        self._failures += 1
        self._not_before_s = now + seconds
        return seconds

    async def stop(self) -> None:
        """See `ports.Process`."""
        self._is_closed = True
        async with self._starting:
            process, reading = self._process, self._reading
        if process is None or reading is None:
            return
        if process.stdin is not None:
            process.stdin.close()
        try:
            async with asyncio.timeout(END_SECONDS):
                await asyncio.shield(reading)
        except TimeoutError:
            self._kill(process)
            await reading

    @staticmethod
    def _kill(process: asyncio.subprocess.Process) -> None:
        """With what it has started."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)


async def _message(stream: asyncio.StreamReader) -> tuple[dict[str, Any], list[bytes]]:
    """The next message. Raises IncompleteReadError at the end."""
    text, count = HEAD.unpack(await stream.readexactly(HEAD.size))
    sizes = lengths_of(await stream.readexactly(4 * count))
    told = json.loads(await stream.readexactly(text))
    return told, [await stream.readexactly(length) for length in sizes]
