# SPDX-License-Identifier: Apache-2.0
"""Alarms as events of the log: raised, still there, and over."""

from __future__ import annotations

import logging
from dataclasses import replace

import pytest
from tests.doubles.drift import ALARM, DRIFTED
from tests.doubles.watched_version import watched_version

from penstock.drift import Alarm, DriftStatus
from penstock.drift.alarm_log import log_alarms


def status_with(*alarms: Alarm) -> DriftStatus:
    return replace(DRIFTED, alarms=alarms)


def test_an_alarm_is_told_when_it_is_raised_each_day_and_when_it_ends(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    one = watched_version()
    new = replace(ALARM, reminders=0)
    past = replace(ALARM, reminders=3, cleared_at=1.0)
    story = [
        ((), []),
        ((new,), ["drift_alarm"]),
        ((new,), []),
        ((replace(new, reminders=1),), ["drift_alarm_goes_on"]),
        ((replace(new, reminders=1),), []),
        ((past,), ["drift_alarm_cleared"]),
        ((replace(past, reminders=4),), []),
    ]
    for alarms, wanted in story:
        caplog.clear()
        log_alarms(one, one.told(status_with(*alarms)))
        assert [record.message for record in caplog.records] == wanted
        for record in caplog.records:
            told = vars(record)
            assert (told["model"], told["alarm"], told["columns"]) == ("fraud", ALARM.id, "age")
    assert one.alarms_raised == {"drift": 1}


def test_what_goes_on_as_a_server_begins_is_not_told_anew(
    caplog: pytest.LogCaptureFixture,
) -> None:
    one = watched_version()
    log_alarms(one, one.told(status_with(ALARM)))
    assert not caplog.records
    log_alarms(one, one.told(status_with(replace(ALARM, reminders=3))))
    (record,) = caplog.records
    assert vars(record)["reminders"] == 3 and record.levelno == logging.WARNING
