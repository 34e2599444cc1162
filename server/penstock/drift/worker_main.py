# SPDX-License-Identifier: Apache-2.0
"""The process of the monitors: `python -m penstock.drift.worker_main`.

Messages come on standard input, answers go to standard output: see frames.py. One is worked on at
a time. The process ends when its standard input does, which is when the server has gone, however
it went.

    {"id": 1, "do": "open", "key": "churn/3", ...}, [snapshot, counts, counts]
    {"id": 1, "is": {...}}
    {"id": 2, "do": "take", "key": "churn/3"}, [counts]
    {"id": 2, "fails": "..."}
"""

import os
import signal
import sys
from collections.abc import Mapping, Sequence
from typing import Any, BinaryIO

from penstock.drift.codec import layout_of, status_bytes
from penstock.drift.entry import load_monitors
from penstock.drift.frames import message_bytes, read_message
from penstock.drift.monitor import Monitor, Monitors
from penstock.drift.settings import MonitoringSettings
from penstock.drift.taken_bytes import sample_of, taken_of
from penstock.errors import MonitoringError, PenstockError
from penstock.priority import come_behind
from penstock.profile import ReferenceProfile

__all__ = ["MonitorDesk", "main"]

#: Beside one process that wants all of a core it gets a quarter: a tick is far less than that.
NICENESS = 5

Answer = tuple[Any, Sequence[bytes]]


class MonitorDesk:
    """All monitors of a server, by the key that it gives each."""

    def __init__(self, monitors: Monitors) -> None:
        self._monitors = monitors
        self._open: dict[str, Monitor] = {}

    def answer(self, asked: Mapping[str, Any], blobs: Sequence[bytes]) -> Answer:
        """What a message is answered with. Raises whatever a monitor does."""
        match asked["do"]:
            case "open":
                return self._begin(asked, blobs)
            case "take":
                monitor = self._monitor(asked)
                changes = [monitor.take(taken_of(frame)) for frame in blobs]
                return any(changes), ()
            case "status":
                status = self._monitor(asked).status(
                    window_s=asked["window_s"], is_short=asked["is_short"]
                )
                return None, [status_bytes(status)]
            case "save":
                return None, [self._monitor(asked).save()]
            case "close":
                self._open.pop(asked["key"], None)
                return None, ()
            case "self_reference":
                profile = self._monitors.self_reference(
                    model=asked["model"],
                    layout=layout_of(asked["layout"]),
                    samples=[sample_of(frame) for frame in blobs],
                    sensitive=asked["sensitive"],
                )
                return profile.model_dump(mode="json"), ()
        raise MonitoringError(f"no monitor does {asked['do']!r}.")

    def _begin(self, asked: Mapping[str, Any], blobs: Sequence[bytes]) -> Answer:
        """The first blob is the snapshot, if there is one; the others are the counts since."""
        self._open.pop(asked["key"], None)
        kept = list(blobs)
        monitor = self._monitors.open(
            model=asked["model"],
            version=asked["version"],
            layout=layout_of(asked["layout"]),
            profile=ReferenceProfile.model_validate(asked["profile"]),
            is_self_reference=asked["is_self_reference"],
            settings=MonitoringSettings.model_validate_json(asked["settings"]),
            saved=kept.pop(0) if asked["has_snapshot"] else None,
        )
        lost = 0
        for frame in kept:
            try:
                monitor.take(taken_of(frame))
            except Exception:  # damaged, of another layout, or what it failed at before
                lost += 1
        self._open[asked["key"]] = monitor
        return {"lost": lost}, ()

    def _monitor(self, asked: Mapping[str, Any]) -> Monitor:
        try:
            return self._open[asked["key"]]
        except KeyError:
            raise MonitoringError(f"{asked['key']} is not watched.", code="NOT_FOUND") from None


def serve(desk: MonitorDesk, requests: BinaryIO, answers: BinaryIO) -> None:
    """Answers until there are no more requests."""
    while (message := read_message(requests)) is not None:
        asked, blobs = message
        told: dict[str, Any] = {"id": asked["id"]}
        content: Sequence[bytes] = ()
        try:
            told["is"], content = desk.answer(asked, blobs)
        except PenstockError as error:
            told["fails"] = str(error)
        except Exception as error:  # whatever it is, other versions are watched on
            told["fails"] = f"the monitor has failed: {type(error).__name__}: {error}."
        answers.write(message_bytes(told, content))
        answers.flush()


class NoMonitors:
    """`Monitors` where none can be imported: whoever asks is told why."""

    def __init__(self, why: str) -> None:
        self._why = f"no monitor can be made: {why}: pip install 'penstock[monitoring]'."

    def open(self, **asked: Any) -> Monitor:
        """Raises MonitoringError."""
        raise MonitoringError(self._why)

    def self_reference(self, **asked: Any) -> ReferenceProfile:
        """Raises MonitoringError."""
        raise MonitoringError(self._why)


def _loaded() -> Monitors:
    try:
        return load_monitors() or NoMonitors("no package names them")
    except Exception as error:  # what is installed may be broken in any way
        return NoMonitors(f"{type(error).__name__}: {error}")


def main() -> None:
    """Answer requests until there are no more."""
    # What a library prints is no answer.
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    come_behind(NICENESS)
    serve(MonitorDesk(_loaded()), sys.stdin.buffer, answers)


if __name__ == "__main__":
    main()
