# SPDX-License-Identifier: Apache-2.0
"""Windows of counts and hours of the week, beside recounts."""

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from tests.doubles.live_rows import BEGIN, LiveRows, layout_of, profile_of_values, taken_of

from penstock_monitoring.monitor import monitors
from penstock_monitoring.seasonal import ROWS_MIN, Seasons, hour_of_week
from penstock_monitoring.windows import SPANS, Windows


def test_any_window_is_the_sum_of_what_was_taken_in_it() -> None:
    rows = LiveRows(reference_rows=500)
    windows = Windows(rows.layout.offsets[-1], len(rows.layout.columns))
    taken = []
    for second in range(0, 7200, 30):
        at = BEGIN + second + 0.5
        one = taken_of(rows.layout, rows.draw(5), at=at, since=at - 1, samples=False)
        taken.append(one)
        windows.add(at, one)
    now = BEGIN + 7199.0
    for seconds, span in ((30, 1), (60, 1), (600, 60), (3600, 60), (7200, 3600), (86_400, 3600)):
        window = windows.last(seconds, now)
        begin = (now - seconds) // span * span + span
        within = [one for one in taken if one.at >= begin]
        assert window.rows == 5 * len(within)
        assert (window.counts == sum(one.shown.astype(int) for one in within)).all()
        assert (window.outside == sum(one.outside.astype(int) for one in within)).all()
        sums = sum(one.moments[:, :2] for one in within)
        assert window.moments[:, :2] == pytest.approx(sums)
        assert (window.moments[:, 2] == np.min([one.moments[:, 2] for one in within], axis=0)).all()
    assert [one.rows for one in windows.history(now)] == [10] * 60


def test_nothing_is_shown_as_begun_before_the_first_row() -> None:
    rows = LiveRows(reference_rows=500)
    windows = Windows(rows.layout.offsets[-1], len(rows.layout.columns))
    assert windows.began(BEGIN) == BEGIN
    first = BEGIN + 7.5
    for second in (0, 40, 4000, 90_000, 400_000):
        at = first + second
        one = taken_of(rows.layout, rows.draw(5), at=at, since=at - 1, samples=False)
        windows.add(at, one)
        span = next(span for span, slots in SPANS if second < span * slots - span)
        assert windows.began(at) == first // span * span, second


def test_counts_beyond_16_bits_are_kept_whole() -> None:
    rows = LiveRows(reference_rows=500)
    windows = Windows(rows.layout.offsets[-1], len(rows.layout.columns))
    total = 0
    for second in range(5):
        one = taken_of(
            rows.layout, rows.draw(40_000), at=BEGIN + second, since=BEGIN, samples=False
        )
        windows.add(BEGIN + second, one)
        total += int(one.shown.sum())
    assert windows.last(60, BEGIN + 5).counts.sum() == total
    assert windows.last(86_400, BEGIN + 5).counts.sum() == total


def test_wide_layouts_keep_no_seconds() -> None:
    assert [ring.span for ring in Windows(4, 1001).rings] == [60, 3600, 86_400]


def test_hours_of_the_week_are_those_of_the_clock_on_the_wall() -> None:
    assert hour_of_week(BEGIN, ZoneInfo("UTC")) == 0
    assert hour_of_week(BEGIN, ZoneInfo("Europe/Berlin")) == 1
    assert hour_of_week(BEGIN, ZoneInfo("America/New_York")) == 6 * 24 + 19
    summer = datetime(2026, 7, 6, tzinfo=UTC).timestamp()
    assert hour_of_week(summer, ZoneInfo("Europe/Berlin")) == 2


def test_an_hour_is_held_against_the_same_one_of_last_week() -> None:
    seasons = Seasons(3, ZoneInfo("UTC"))
    for hour in range(170):
        at = BEGIN + hour * 3600
        assert seasons.turn(at + 5)
        assert not seasons.turn(at + 1800)
        expected = None if hour < 168 else [hour - 168, 1, 70_000]
        found = seasons.reference(at)
        if expected is None:
            assert found is None
        else:
            assert found is not None and found[2] == 65_535  # scaled into 16 bits
        seasons.add(np.array([hour, 1, 70_000]))
    assert ROWS_MIN > 1


def swinging(rows: LiveRows, at: float, n: int) -> dict[str, Any]:
    """Rows whose x swings by a whole deviation with the hour of the day."""
    return rows.draw(n, shift=float(np.sin(2 * np.pi * at / 86_400)))


def whole_days(rows: LiveRows, n: int) -> dict[str, Any]:
    """Such rows of all hours alike."""
    drawn = rows.draw(n)
    return drawn | {"x": drawn["x"] + np.sin(2 * np.pi * rows.random.random(n))}


@pytest.mark.parametrize("breaks", [False, True])
def test_a_swing_of_the_day_is_no_alarm_in_the_second_week_and_a_break_of_it_is(
    breaks: bool,
) -> None:
    rows = LiveRows()
    profile = profile_of_values(whole_days(rows, 5000))
    layout = layout_of(profile)
    monitor = monitors.open(
        model="m",
        version=1,
        layout=layout,
        profile=profile,
        is_self_reference=False,
        settings=rows.settings,
        saved=None,
    )
    for half_hour in range(9 * 48):
        at = BEGIN + half_hour * 1800
        drawn = swinging(rows, at, 400)
        if breaks and half_hour >= 8.25 * 48:
            drawn["x"] += 1.0
        monitor.take(taken_of(layout, drawn, at=at + 10, since=at, samples=False))
    alarms = monitor.status().alarms
    early = [alarm for alarm in alarms if alarm.raised_at < BEGIN + 7 * 86_400]
    late = [alarm for alarm in alarms if alarm not in early]
    assert early and all(alarm.cleared_at is not None for alarm in early)
    assert [
        ("than in the same hours of the week" in alarm.message, alarm.columns) for alarm in late
    ] == ([(True, ("x",))] if breaks else [])
    column = next(one for one in monitor.status().columns if one.name == "x")
    assert column.against == ("last week" if breaks else "reference")
