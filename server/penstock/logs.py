# SPDX-License-Identifier: Apache-2.0
"""Structured logs on standard error: an event's name and its fields, as a line or as JSON.

Modules log with `logging.getLogger(__name__)`, an event's name as the message, and its fields in
`extra`: `log.info("model_loaded", extra={"model": name})`.

A line that cannot be written (a full disk, a pipe that nobody reads) stops nothing: it is counted,
and the next line that can be written is preceded by one that says how many were lost.
"""

import json
import logging
import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any

from penstock.errors import OptionsError
from penstock.plain_text import escaped, is_plain

__all__ = ["LogChoice", "LogOutput", "start_logging"]

STANDARD_ERROR = 2

#: Writes bytes and says how many it took, as os.write does; raises OSError where it took none.
Write = Callable[[bytes], int]

#: What a LogRecord has of its own; anything else on it came by `extra`.
RECORD_FIELDS = frozenset(vars(logging.LogRecord("", 0, "", 0, "", (), None))) | {
    "message",
    "asctime",
    "taskName",
}


NOISY = ("asyncio", "uvicorn", "uvicorn.access", "uvicorn.error")


@dataclass(frozen=True, slots=True, kw_only=True)
class LogChoice:
    """Which events are logged, and how their lines look: `format` is "console" or "json"."""

    info: bool = True
    warning: bool = True
    error: bool = True
    verbose: int = 0  # 1 or more: debug events, too
    format: str = "console"

    @staticmethod
    def from_level(level: str, log_format: str = "console") -> "LogChoice":
        """Events of `level` and more serious ones; of "critical", none."""
        least = logging.getLevelNamesMapping()[level.upper()]
        return LogChoice(
            info=least <= logging.INFO,
            warning=least <= logging.WARNING,
            error=least <= logging.ERROR,
            verbose=int(least <= logging.DEBUG),
            format=log_format,
        )

    def takes(self, level: int) -> bool:
        """Whether an event of this level of Python's is logged."""
        if level < logging.INFO:
            return self.verbose > 0
        if level < logging.WARNING:
            return self.info
        return self.warning if level < logging.ERROR else self.error

    @property
    def least_level(self) -> int:
        """The least serious level that is logged; a level that is logged may be above it."""
        levels = (logging.DEBUG, logging.INFO, logging.WARNING, logging.ERROR)
        return next(filter(self.takes, levels), logging.CRITICAL)


class LogOutput:
    """Where the process's log goes. `file` is empty for standard error."""

    def __init__(self, choice: LogChoice, write: Write, file: str = "") -> None:
        self.file = file
        self._choice = choice
        self._writer = LineWriter(write)
        self._writer.addFilter(lambda record: self._choice.takes(record.levelno))
        logging.basicConfig(handlers=[self._writer], force=True)
        self.choose(choice)

    @property
    def choice(self) -> LogChoice:
        """What is chosen now."""
        return self._choice

    def choose(self, choice: LogChoice) -> None:
        """Goes on as `choice` says, from the next event on."""
        self._choice = choice
        self._writer.setFormatter(JsonLines() if choice.format == "json" else ConsoleLines())
        logging.root.setLevel(choice.least_level)
        for name in NOISY:
            logging.getLogger(name).setLevel(max(logging.WARNING, choice.least_level))


def start_logging(choice: LogChoice, *, file: str = "", write: Write | None = None) -> LogOutput:
    """Sends the log to `write`; without it to the end of `file`; without that to standard error.

    Raises OptionsError if the file cannot be opened.
    """
    if write is None:
        write = partial(os.write, _appended(file) if file else STANDARD_ERROR)
    return LogOutput(choice, write, file)


def _appended(file: str) -> int:
    try:
        return os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise OptionsError(
            f"--log-file: {file} cannot be opened for writing: {error.strerror}."
        ) from None


class LineWriter(logging.Handler):
    """Writes whole lines, past Python's buffers: what a full disk refuses is not kept for later."""

    def __init__(self, write: Write) -> None:
        super().__init__()
        self._write = write
        self._lost = 0
        self._is_torn = False  # the last line that was begun has no end

    def emit(self, record: logging.LogRecord) -> None:
        """Writes the record, behind a line that says how many were lost before it, if any were."""
        try:
            line = self.format(record)
        except Exception:
            self.handleError(record)
            return
        try:
            if self._lost:
                self._put(self.format(_lost_lines(self._lost)))
                self._lost = 0
            self._put(line)
        except OSError:
            self._lost += 1

    def _put(self, line: str) -> None:
        rest = f"{line}\n".encode(errors="backslashreplace")
        if self._is_torn:
            rest = b"\n" + rest
        while rest:
            taken = self._write(rest)
            rest = rest[taken:]
            self._is_torn = bool(rest)


def _lost_lines(count: int) -> logging.LogRecord:
    fields = {"msg": "log_lines_lost", "lines": count, "reason": "they could not be written"}
    level = logging.WARNING
    return logging.makeLogRecord(
        {"name": __name__, "levelno": level, "levelname": logging.getLevelName(level), **fields}
    )


class JsonLines(logging.Formatter):
    """One JSON object per line: time, level, event, logger and the event's fields."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as a line."""
        line: dict[str, Any] = {
            "time": _time(record),
            "level": record.levelname.lower(),
            "event": record.getMessage(),
            "logger": record.name,
            **_fields(record),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return escaped(json.dumps(line, default=str, ensure_ascii=False))


class ConsoleLines(logging.Formatter):
    """Time, level, event, then name=value for each field; a traceback below."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as a line."""
        fields = "".join(f" {name}={_quoted(value)}" for name, value in _fields(record).items())
        event = escaped(record.getMessage())
        line = f"{_time(record)} {record.levelname.lower():<7} {event}{fields}"
        if record.exc_info:
            line += "\n" + escaped(self.formatException(record.exc_info), keeps="\n\t")
        return line


def _time(record: logging.LogRecord) -> str:
    moment = datetime.fromtimestamp(record.created, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _fields(record: logging.LogRecord) -> dict[str, Any]:
    return {name: value for name, value in vars(record).items() if name not in RECORD_FIELDS}


def _quoted(value: object) -> str:
    text = str(value)
    is_bare = text and is_plain(text) and not set(text) & set(' "=')
    return text if is_bare else escaped(json.dumps(text, ensure_ascii=False))
