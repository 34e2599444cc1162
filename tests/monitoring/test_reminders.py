# SPDX-License-Identifier: Apache-2.0
"""Alarms that still stand after a day are told of again, once a day."""

import pytest
from tests.doubles.live_rows import BEGIN, LiveRows, taken_of

from penstock.drift import Alarm, Monitor
from penstock_monitoring.monitor import monitors

HOUR_S = 3600.0


class Standing:
    """A monitor whose x has moved, and the clock that it is told, in steps of ten minutes."""

    def __init__(self) -> None:
        self.rows = LiveRows()
        self.at = BEGIN
        self.monitor = self.opened(None)
        while not self.monitor.status().alarms:
            self.step()
        self.raised_at = self.at

    def opened(self, saved: bytes | None) -> Monitor:
        return monitors.open(**self.rows.monitor_arguments(saved))

    def step(self, seconds: float = 600.0) -> bool:
        drawn = self.rows.draw(100, shift=0.6)
        at = self.at + seconds
        taken = taken_of(self.rows.layout, drawn, at=at, since=self.at, samples=False)
        self.at = at
        return self.monitor.take(taken)

    def run_to(self, hours: float) -> int:
        """Until so long after the alarm was raised; in how many steps something was to be told."""
        found = 0
        while self.at < self.raised_at + hours * HOUR_S:
            found += self.step()
        return found

    @property
    def alarm(self) -> Alarm:
        (alarm,) = self.monitor.status().alarms
        assert alarm.cleared_at is None
        return alarm


@pytest.fixture
def standing() -> Standing:
    return Standing()


def test_an_alarm_that_stands_is_told_of_once_a_day(standing: Standing) -> None:
    assert (standing.run_to(23.5), standing.alarm.reminders) == (0, 0)
    assert (standing.run_to(24.5), standing.alarm.reminders) == (1, 1)
    assert (standing.run_to(47.5), standing.alarm.reminders) == (0, 1)
    assert (standing.run_to(48.5), standing.alarm.reminders) == (1, 2)


def test_a_restart_tells_nothing_again_and_forgets_no_day(standing: Standing) -> None:
    standing.run_to(24.5)
    standing.monitor = standing.opened(standing.monitor.save())
    assert standing.alarm.reminders == 1
    assert (standing.run_to(47.5), standing.alarm.reminders) == (0, 1)
    assert (standing.run_to(48.5), standing.alarm.reminders) == (1, 2)


def test_a_clock_that_jumps_tells_once(standing: Standing) -> None:
    assert standing.step(10 * 24 * HOUR_S)
    assert standing.alarm.reminders == 1
    for _ in range(10):
        standing.step()
    standing.at -= 1800.0  # set back by less than what begins anew
    standing.step()
    assert standing.alarm.reminders == 1


def test_an_alarm_that_has_ended_is_not_told_of_again(standing: Standing) -> None:
    standing.monitor.take(
        taken_of(standing.rows.layout, {}, at=BEGIN - 2 * HOUR_S, since=BEGIN - 2 * HOUR_S)
    )
    standing.at = BEGIN - 2 * HOUR_S
    (alarm,) = standing.monitor.status().alarms
    assert alarm.cleared_at is not None
    standing.step(30 * HOUR_S)
    assert all(one.reminders == 0 for one in standing.monitor.status().alarms)
