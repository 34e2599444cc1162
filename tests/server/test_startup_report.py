# SPDX-License-Identifier: Apache-2.0
"""What a person at a terminal is shown once the server is up."""

from __future__ import annotations

import io

from rich.console import Console

from penstock.repository.loader import LoadReport
from penstock.startup_report import Listening, print_startup


def shown(*reports: LoadReport, asleep: int = 0) -> str:
    console = Console(file=io.StringIO(), force_terminal=True, color_system=None, width=120)
    listening = Listening(grpc="[::1]:8001", rest="[::1]:8000")
    print_startup(console, reports, listening, 0.5, asleep=asleep)
    written = console.file.getvalue()  # type: ignore[attr-defined]
    assert isinstance(written, str)
    return written


def failed(name: str, reason: str = "it is sick") -> LoadReport:
    return LoadReport(name=name, version=1, seconds=0.1, reason=reason)


def test_a_name_is_shown_as_it_is_and_is_no_markup() -> None:
    text = shown(failed("[red]m"), failed("m[/]"))
    assert text.count("[red]m") == text.count("m[/]") == 2


def test_a_name_cannot_command_the_terminal() -> None:
    text = shown(failed("m\x1b[2J\r", reason="no \x1b]0;title\x07"))
    assert not any(command in text for command in "\x1b\r\x07")


def test_addresses_are_shown_as_they_are() -> None:
    text = shown()
    assert "gRPC [::1]:8001" in text
    assert "REST http://[::1]:8000" in text


def test_models_that_sleep_are_told_and_are_not_no_models() -> None:
    assert "No model was to be loaded." in shown()
    text = shown(asleep=3)
    assert "Asleep until a request asks for it: 3." in text
    assert "No model" not in text
