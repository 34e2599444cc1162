# SPDX-License-Identifier: Apache-2.0
import io
import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from penstock.logs import start_logging


@contextmanager
def logging_to(log_format: str, level: str = "info") -> Iterator[io.StringIO]:
    """The root logger as a server sets it, put back afterwards."""
    handlers, root_level = logging.root.handlers[:], logging.root.level
    logging.root.handlers = []
    stream = io.StringIO()
    try:
        start_logging(log_format, level, stream)
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
        'Z warning model_failed model=iris reason="no file\\nthere" empty=""\n'
    )


def test_an_event_below_the_level_is_not_logged() -> None:
    with logging_to("console", "warning") as stream:
        logging.getLogger("penstock.test").info("quiet")
    assert stream.getvalue() == ""


@pytest.mark.parametrize("log_format", ["console", "json"])
def test_a_traceback_goes_with_its_event(log_format: str) -> None:
    with logging_to(log_format) as stream:
        try:
            raise ValueError("broken")
        except ValueError:
            logging.getLogger("penstock.test").exception("model_failed")
    assert "model_failed" in stream.getvalue()
    assert "ValueError: broken" in stream.getvalue()
