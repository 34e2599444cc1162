# SPDX-License-Identifier: Apache-2.0
import errno
import io
import json
import logging
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest

from penstock.errors import OptionsError
from penstock.logs import LogChoice, start_logging


@contextmanager
def logging_to(
    log_format: str, level: str = "info", write: Callable[[bytes], int] | None = None
) -> Iterator[io.BytesIO]:
    """The root logger as a server sets it, put back afterwards."""
    handlers, root_level = logging.root.handlers[:], logging.root.level
    logging.root.handlers = []
    stream = io.BytesIO()
    try:
        start_logging(LogChoice.from_level(level, log_format), write=write or stream.write)
        yield stream
    finally:
        logging.root.handlers = handlers
        logging.root.setLevel(root_level)


def test_a_json_line_holds_the_event_and_its_fields() -> None:
    with logging_to("json") as stream:
        logging.getLogger("penstock.test").info(
            "model_loaded", extra={"model": "iris", "version": 3, "why": 'a "quote"\n'}
        )
    line = json.loads(stream.getvalue())
    assert line.pop("time").endswith("Z")
    assert line == {
        "level": "info",
        "event": "model_loaded",
        "logger": "penstock.test",
        "model": "iris",
        "version": 3,
        "why": 'a "quote"\n',
    }


def test_a_console_line_quotes_only_what_has_spaces() -> None:
    with logging_to("console") as stream:
        logging.getLogger("penstock.test").warning(
            "model_failed", extra={"model": "iris", "reason": "no file\nthere", "empty": ""}
        )
    assert stream.getvalue().endswith(
        b'Z warning model_failed model=iris reason="no file\\nthere" empty=""\n'
    )


def test_an_event_below_the_level_is_not_logged() -> None:
    with logging_to("console", "warning") as stream:
        logging.getLogger("penstock.test").info("quiet")
    assert stream.getvalue() == b""


@pytest.mark.parametrize("log_format", ["console", "json"])
def test_a_traceback_goes_with_its_event(log_format: str) -> None:
    with logging_to(log_format) as stream:
        try:
            raise ValueError("broken")
        except ValueError:
            logging.getLogger("penstock.test").exception("model_failed")
    assert b"model_failed" in stream.getvalue()
    assert b"ValueError: broken" in stream.getvalue()


class Disk:
    """Takes as many bytes as there is room for, and refuses what is beyond as a full disk does."""

    def __init__(self, room: int) -> None:
        self.room = room
        self.held = b""

    def write(self, line: bytes) -> int:
        taken = line[: self.room]
        if not taken:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self.room -= len(taken)
        self.held += taken
        return len(taken)


def test_lines_that_find_no_room_are_counted_and_told_of_when_there_is_some() -> None:
    disk = Disk(room=0)
    with logging_to("json", write=disk.write):
        log = logging.getLogger("penstock.test")
        for _ in range(3):
            log.info("lost")
        disk.room = 1000
        log.info("written")
        log.info("written_too")
    lines = [json.loads(line) for line in disk.held.splitlines()]
    assert [line["event"] for line in lines] == ["log_lines_lost", "written", "written_too"]
    assert (lines[0]["lines"], lines[0]["level"]) == (3, "warning")


def test_a_line_that_was_cut_by_a_full_disk_spoils_none_that_follows() -> None:
    disk = Disk(room=20)
    with logging_to("json", write=disk.write):
        log = logging.getLogger("penstock.test")
        log.info("cut")
        disk.room = 1000
        log.info("written")
    torn, lost, written = disk.held.splitlines()
    assert len(torn) == 20
    assert json.loads(lost)["lines"] == 1
    assert json.loads(written)["event"] == "written"


def test_a_log_that_nobody_reads_any_more_stops_nothing() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with logging_to("console", write=partial(os.write, writer)):
        logging.getLogger("penstock.test").info("said to nobody")
    os.close(writer)


def test_a_log_file_is_appended_to(tmp_path: Path) -> None:
    file = tmp_path / "log"
    file.write_text("before\n")
    with logging_to("console"):
        start_logging(LogChoice(), file=str(file))
        logging.getLogger("penstock.test").info("event")
    before, line = file.read_text().splitlines()
    assert before == "before"
    assert line.endswith(" info    event")


def test_a_log_file_that_cannot_be_opened_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(OptionsError) as caught:
        start_logging(LogChoice(), file=str(tmp_path))
    assert str(caught.value) == (
        f"--log-file: {tmp_path} cannot be opened for writing: Is a directory."
    )


@pytest.mark.parametrize("log_format", ["console", "json"])
@pytest.mark.parametrize("sign", ["\r", "\x1b", "\x7f", "\x9b", "\u2028", "\udc80"])
def test_no_name_begins_a_line_or_commands_the_terminal(log_format: str, sign: str) -> None:
    name = f"m{sign}2026 error all_is_lost"
    with logging_to(log_format) as stream:
        logging.getLogger("penstock.test").info("model_loaded", extra={"model": name})
        logging.getLogger("of a model's own").info(name)
    text = stream.getvalue().decode()
    assert sign not in text
    assert len(text.splitlines()) == 2
    if log_format == "json":
        first, second = map(json.loads, text.splitlines())
        assert first["model"] == second["event"] == name


def test_a_traceback_keeps_its_lines_and_nothing_else_that_a_terminal_obeys() -> None:
    with logging_to("console") as stream:
        try:
            raise ValueError("\x1b[2J")
        except ValueError:
            logging.getLogger("penstock.test").exception("call_failed")
    lines = stream.getvalue().decode().splitlines()
    assert lines[1] == "Traceback (most recent call last):"
    assert lines[-1] == r"ValueError: \u001b[2J"
