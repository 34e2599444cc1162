# SPDX-License-Identifier: Apache-2.0
"""Log and trace settings: what they hold, refuse, and do."""

from __future__ import annotations

import logging

import pytest
from tests.doubles.control_parts import quiet_log

from penstock.control.log_settings import LogSettings
from penstock.control.trace_settings import MODELS_MAX, TraceSettings
from penstock.errors import ControlError
from penstock.logs import LogChoice

log = logging.getLogger("penstock.test")
LEVELS = ("debug", "info", "warning", "error")


def logged(choice: LogChoice, **changes: bool | int | str) -> list[str]:
    """The levels that are logged once `changes` are made."""
    with quiet_log(choice) as (output, stream):
        LogSettings(output).update(changes)
        for level in LEVELS:
            getattr(log, level)(level)
    return [line.split()[1] for line in stream.getvalue().decode().splitlines()]


@pytest.mark.parametrize(
    ("changes", "levels"),
    [
        ({}, ["info", "warning", "error"]),
        ({"log_verbose_level": 1}, ["debug", "info", "warning", "error"]),
        ({"log_info": False}, ["warning", "error"]),
        ({"log_warning": False}, ["info", "error"]),
        ({"log_error": False, "log_verbose_level": 3}, ["debug", "info", "warning"]),
        ({"log_info": False, "log_warning": False, "log_error": False}, []),
    ],
)
def test_log_settings_say_which_events_are_logged(
    changes: dict[str, bool | int], levels: list[str]
) -> None:
    assert logged(LogChoice(), **changes) == levels


def test_a_log_that_takes_nothing_has_a_level_that_a_worker_understands() -> None:
    nothing = LogChoice(info=False, warning=False, error=False)
    name = logging.getLevelName(nothing.least_level)
    assert LogChoice.from_level(name) == nothing


def test_what_a_level_left_out_may_be_switched_on() -> None:
    assert logged(LogChoice.from_level("error")) == ["error"]
    assert logged(LogChoice.from_level("error"), log_info=True) == ["info", "error"]


def test_the_format_is_told_as_it_was_named_and_changes_the_lines() -> None:
    with quiet_log() as (output, stream):
        settings = LogSettings(output)
        for name, start in [("ISO8601", b"2"), ("json", b"{"), ("default", b"2")]:
            stream.truncate(0)
            stream.seek(0)
            settings.update({"log_format": name})
            assert settings.values()["log_format"] == name
            log.info("event")
            assert stream.getvalue().startswith(start)


def test_a_format_of_the_options_is_told_in_tritons_word() -> None:
    for used, told in [("console", "default"), ("json", "json")]:
        with quiet_log(LogChoice(format=used)) as (output, _):
            assert LogSettings(output).values()["log_format"] == told


@pytest.mark.parametrize(
    ("name", "value", "why"),
    [
        ("log_file", "x", "log file location can not be updated through network protocol"),
        ("log_info", 1, "expect boolean for 'log_info'"),
        ("log_warning", "true", "expect boolean for 'log_warning'"),
        ("log_error", 0, "expect boolean for 'log_error'"),
        ("log_verbose_level", True, "expect int32 for 'log_verbose_level'"),
        ("log_verbose_level", -1, "expect int32 for 'log_verbose_level'"),
        ("log_verbose_level", 2**31, "expect int32 for 'log_verbose_level'"),
        ("log_verbose_level", "1", "expect int32 for 'log_verbose_level'"),
        ("log_format", 1, "expect string for 'log_format'"),
        ("log_format", "xml", "invalid argument for log_format, got: xml"),
        ("log_speed", 1, "unknown log setting 'log_speed': wanted one of log_file, log_info"),
    ],
)
def test_a_log_setting_that_cannot_be_is_refused_and_nothing_is_changed(
    name: str, value: bool | int | str, why: str
) -> None:
    with quiet_log() as (output, _):
        settings = LogSettings(output)
        before = settings.values()
        with pytest.raises(ControlError) as caught:
            settings.update({"log_verbose_level": 7, name: value})
        assert str(caught.value).startswith(why)
        assert settings.values() == before


def test_a_models_trace_settings_are_the_global_ones_but_for_its_own() -> None:
    traces = TraceSettings()
    traces.update("m", {"trace_rate": ["5"]})
    traces.update("", {"trace_rate": ["7"], "trace_count": ["3"]})
    assert traces.values()["trace_rate"] == "7"
    assert traces.values("m")["trace_rate"] == "5"
    assert traces.values("m")["trace_count"] == "3"
    assert traces.values("other")["trace_rate"] == "7"


def test_what_is_cleared_is_the_global_setting_and_then_the_one_of_the_start() -> None:
    traces = TraceSettings()
    traces.update("m", {"trace_rate": ["5"]})
    traces.update("", {"trace_rate": ["7"]})
    traces.update("m", {"trace_rate": None})
    assert traces.values("m")["trace_rate"] == "7"
    traces.update("", {"trace_rate": []})
    assert traces.values("m")["trace_rate"] == "1000"
    assert traces == TraceSettings()


@pytest.mark.parametrize(
    ("name", "texts", "why"),
    [
        ("trace_file", ["x"], "trace file location can not be updated through network protocol"),
        ("trace_mode", ["opentelemetry"], "trace mode 'opentelemetry' is not supported"),
        ("trace_level", ["OFF", "TENSORS"], "Expect only one trace level 'OFF' is specified"),
        ("trace_level", ["LOUD"], "Unable to parse 'trace_level', got: LOUD"),
        ("trace_rate", ["1", "2"], "expect only 1 value for 'trace_rate'"),
        ("trace_rate", ["x"], "Unable to parse 'trace_rate', got: x"),
        ("trace_rate", ["-+5"], "Unable to parse 'trace_rate', got: -+5"),
        ("trace_rate", ["9" * 5000], "Unable to parse 'trace_rate', value is out of range"),
        (
            "trace_rate",
            ["4294967296"],
            "Unable to parse 'trace_rate', value is out of range [ 0, 4294967295 ], "
            "got: 4294967296",
        ),
        ("trace_count", ["-2"], "Unable to parse 'trace_count'. Expecting value >= -1, got: -2"),
        ("log_frequency", ["-1"], "Unable to parse 'log_frequency', value is out of range"),
        ("trace_speed", ["1"], "unknown trace setting 'trace_speed': wanted one of log_frequency"),
    ],
)
def test_a_trace_setting_that_cannot_be_is_refused_and_nothing_is_changed(
    name: str, texts: list[str], why: str
) -> None:
    traces = TraceSettings()
    with pytest.raises(ControlError) as caught:
        traces.update("", {"log_frequency": ["3"], name: texts})
    assert str(caught.value).startswith(why)
    assert traces == TraceSettings()


def test_a_level_wants_a_rate_and_is_told_to_have_no_effect_yet() -> None:
    traces = TraceSettings()
    with pytest.raises(ControlError, match="sample rate must be non-zero"):
        traces.update("", {"trace_level": ["TENSORS"], "trace_rate": ["0"]})
    with quiet_log() as (_, stream):
        traces.update("", {"trace_level": ["TENSORS", "TIMESTAMPS"]})
    assert traces.values()["trace_level"] == ("TIMESTAMPS", "TENSORS")
    assert b"trace_settings_only_kept" in stream.getvalue()


def test_the_models_with_settings_of_their_own_are_bounded() -> None:
    traces = TraceSettings(_of_models={str(i): {"trace_rate": "1"} for i in range(MODELS_MAX)})
    with pytest.raises(ControlError, match=f"at most {MODELS_MAX} models"):
        traces.update("one more", {"trace_rate": ["1"]})
    traces.update("0", {"trace_rate": ["2"]})
    traces.update("0", {"trace_rate": None})
    traces.update("one more", {"trace_rate": ["1"]})
