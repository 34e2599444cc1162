# SPDX-License-Identifier: Apache-2.0
"""Rules of data quality: what breaks them, and what only looks as if it did."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from tests.doubles.live_rows import BEGIN, layout_of, profile_of_values, taken_of

from penstock.drift import Alarm, MonitoringSettings
from penstock_monitoring.monitor import monitors
from penstock_monitoring.quality import factor_told, is_silent, unit_factor

DECILES = np.arange(1, 10) / 10


def drawn(n: int, seed: int) -> dict[str, Any]:
    draws = np.random.default_rng(seed)
    return {
        "weight": np.exp(draws.normal(4, 0.5, n)),
        "height": draws.normal(170, 10, n),
        "age": draws.normal(40, 9, n),
        "plan": draws.choice(["a", "b"], n).astype(object),
    }


class Stream:
    """Ticks of 100 rows into a monitor of `drawn`."""

    def __init__(self) -> None:
        profile = profile_of_values(drawn(3000, 0))
        self.layout = layout_of(profile)
        self.monitor = monitors.open(
            model="m",
            version=1,
            layout=self.layout,
            profile=profile,
            is_self_reference=False,
            settings=MonitoringSettings(),
            saved=None,
        )
        self.at = BEGIN
        self.ticks = 0

    def live(self, ticks: int, change: Any = dict, *, rows: int = 100, repeated: int = 0) -> None:
        for _ in range(ticks):
            self.ticks += 1
            values = change(drawn(rows, 1000 + self.ticks))
            taken = taken_of(
                self.layout, values, at=self.at + 10, since=self.at, repeated_rows=repeated
            )
            self.monitor.take(taken)
            self.at += 10

    def alarms(self) -> list[Alarm]:
        return list(self.monitor.status().alarms)

    def kinds(self) -> set[str]:
        return {alarm.kind for alarm in self.alarms()}


def test_another_unit_is_named_by_its_factor() -> None:
    stream = Stream()
    stream.live(12)
    stream.live(12, lambda rows: rows | {"weight": rows["weight"] * 1000})
    assert "unit" in stream.kinds()
    message = next(alarm.message for alarm in stream.alarms() if alarm.kind == "unit")
    assert message.startswith("weight: 1000 times what the reference has")


def test_a_column_that_is_one_value_is_told_of_as_constant() -> None:
    stream = Stream()
    stream.live(6)
    stream.live(12, lambda rows: rows | {"height": np.full(len(rows["height"]), 170.0)})
    assert "constant" in stream.kinds()
    stream = Stream()
    stream.live(12, lambda rows: rows | {"plan": np.full(len(rows["plan"]), "a", dtype=object)})
    assert "constant" in stream.kinds()


def test_infinite_values_and_unseen_categories_are_told_of_by_name() -> None:
    stream = Stream()
    stream.live(6)

    def broken(rows: dict[str, Any]) -> dict[str, Any]:
        height = rows["height"].copy()
        height[:60] = np.inf
        plan = rows["plan"].copy()
        plan[::3] = "c"
        return rows | {"height": height, "plan": plan}

    stream.live(8, broken)
    assert {"infinite", "unseen"} <= stream.kinds()
    plan = next(one for one in stream.monitor.status().columns if one.name == "plan")
    assert plan.unseen[0][0] == "c" and plan.unseen[0][1] > 100
    assert {rate.name for rate in plan.rates} == {"missing", "unseen"}


def test_rows_that_repeat_each_other_are_told_of_once() -> None:
    stream = Stream()
    stream.live(30, repeated=80)
    (alarm,) = stream.alarms()
    assert (alarm.kind, alarm.columns) == ("repeated", ())
    assert alarm.message.startswith("the model: 80 % of rows repeat another one")
    stream.live(60)
    assert stream.alarms()[0].cleared_at is not None


def test_silence_is_told_of_once_a_day_is_known() -> None:
    stream = Stream()
    for minute in range(0, 26 * 60, 5):
        stream.at = BEGIN + minute * 60
        stream.live(1)
    for minute in range(12):
        stream.at = BEGIN + 26 * 3600 + minute * 60
        stream.monitor.take(
            taken_of(stream.layout, drawn(0, 0), at=stream.at, since=stream.at, ends_tick=False)
        )
    assert stream.kinds() == {"silence"}
    stream.live(40)
    assert all(alarm.cleared_at is not None for alarm in stream.alarms())


@pytest.mark.parametrize(
    ("hours", "silent_s", "is_told"),
    [([1000] * 23, 200.0, False), ([1000] * 23, 400.0, True), ([1000] * 22, 4e5, False)],
)
def test_silence_is_judged_by_the_slowest_hour(
    hours: list[int], silent_s: float, is_told: bool
) -> None:
    assert is_silent(hours, silent_s) is is_told
    assert not is_silent([*hours[1:], 0], silent_s)


@pytest.mark.parametrize("factor", [1000.0, 0.001, 2.54, 0.4536])
def test_a_factor_is_found_within_five_percent(factor: float) -> None:
    reference = np.quantile(drawn(2000, 1)["weight"], DECILES)
    live = np.quantile(drawn(500, 2)["weight"] * factor, DECILES)
    found = unit_factor(reference.tolist(), live.tolist(), rows=500)
    assert found is not None and found == pytest.approx(factor, rel=0.1)


def test_a_shift_a_swap_of_signs_and_a_wider_spread_are_no_other_unit() -> None:
    draws = np.random.default_rng(3)
    reference = np.quantile(draws.normal(size=4000), DECILES).tolist()
    for live in (draws.normal(3, 1, 4000), -draws.normal(2, 1, 4000), draws.normal(size=4000)):
        assert unit_factor(reference, np.quantile(live, DECILES).tolist(), rows=4000) is None
    lognormal = np.exp(draws.normal(0, 1, 4000))
    other = np.exp(draws.normal(0, 1.6, 4000))
    quantiles = [np.quantile(one, DECILES).tolist() for one in (lognormal, other)]
    assert unit_factor(quantiles[0], quantiles[1], rows=4000) is None
    assert unit_factor([], [], rows=4000) is None
    assert unit_factor([0.0] * 9, [1.0] * 9, rows=4000) is None


def test_quiet_rows_break_no_rule() -> None:
    stream = Stream()
    stream.live(80, rows=60)
    assert stream.alarms() == []


def test_a_factor_is_told_as_people_say_it() -> None:
    factors = (1031.0, 0.00097, 2.54, 1 / 60, 1.5, 25_400.0, 9.6)
    assert [factor_told(one) for one in factors] == [
        "1000", "1/1000", "2.54", "1/60", "1.5", "25400", "10",
    ]  # fmt: skip


def awkward(n: int, draws: np.random.Generator) -> dict[str, Any]:
    """Heavy tails, many zeros, few values that are infinite."""
    few = draws.normal(size=n)
    few[draws.random(n) < 0.003] = np.inf
    return {
        "heavy": np.exp(draws.normal(0, 3, n)),
        "zeros": np.where(draws.random(n) < 0.7, 0.0, draws.exponential(size=n)),
        "few": few,
    }


@pytest.mark.parametrize("reference_rows", [60, 300, 1000])
def test_no_rule_takes_a_small_reference_or_a_heavy_tail_for_a_broken_unit(
    reference_rows: int,
) -> None:
    draws = np.random.default_rng(reference_rows)
    profile = profile_of_values(awkward(reference_rows, draws))
    layout = layout_of(profile)
    monitor = monitors.open(
        model="m",
        version=1,
        layout=layout,
        profile=profile,
        is_self_reference=True,
        settings=MonitoringSettings(),
        saved=None,
    )
    for tick in range(800):
        at = BEGIN + 10 * tick
        monitor.take(taken_of(layout, awkward(64, draws), at=at + 10, since=at))
    assert monitor.status().alarms == ()


def test_rows_of_one_request_that_are_alike_are_no_constant_column() -> None:
    stream = Stream()
    values = {name: np.repeat(value, 64) for name, value in drawn(1, 4).items()}
    for request in range(6):
        taken = taken_of(stream.layout, values, at=stream.at + 60 * request + 60, since=stream.at)
        alone = replace(taken, tested=taken.tested // 64, requests=1, tested_rows=1)
        stream.monitor.take(alone)
        values = {name: np.repeat(value, 64) for name, value in drawn(1, 5 + request).items()}
        if request == 0:
            assert stream.kinds() == set()
    assert "constant" not in stream.kinds()


def test_a_pause_between_batches_is_no_silence() -> None:
    busy = [3600] * 23
    assert is_silent(busy, 400.0)
    assert is_silent(busy, 400.0, [20.0] * 23)
    assert not is_silent(busy, 800.0, [900.0] * 23)
    assert is_silent(busy, 2000.0, [900.0] * 23)
    # What was silent once is not usual.
    assert is_silent(busy, 400.0, [20.0] * 23 + [10_000.0])


def test_rows_that_come_in_batches_raise_no_alarm_between_them_after_a_restart_either() -> None:
    draws = np.random.default_rng(1)
    profile = profile_of_values({"x": draws.normal(size=1000)})
    layout = layout_of(profile)
    given: dict[str, Any] = {
        "model": "m",
        "version": 1,
        "layout": layout,
        "profile": profile,
        "is_self_reference": False,
        "settings": MonitoringSettings(),
    }
    monitor = monitors.open(**given, saved=None)
    for minute in range(26 * 60):
        values = {"x": draws.normal(size=300)} if minute % 15 == 0 else {}
        at = BEGIN + 60 * minute
        if minute == 25 * 60 + 5:
            monitor = monitors.open(**given, saved=monitor.save())
        monitor.take(taken_of(layout, values, at=at + 60, since=at, ends_tick=bool(values)))
    assert monitor.status().alarms == ()


def test_a_rule_is_not_broken_before_the_first_row() -> None:
    stream = Stream()
    stream.at = BEGIN + 7 * 3600 + 1234
    first = stream.at
    stream.live(12, lambda rows: rows | {"height": np.full(len(rows["height"]), 170.0)}, rows=16)
    (alarm,) = [one for one in stream.alarms() if one.kind == "constant"]
    assert first - 60 <= alarm.onset <= alarm.raised_at


def test_a_text_that_was_always_missing_is_no_constant_column() -> None:
    nothing = {"text": np.full(300, "", dtype=object)}
    profile = profile_of_values(nothing)
    layout = layout_of(profile)
    monitor = monitors.open(
        model="m",
        version=1,
        layout=layout,
        profile=profile,
        is_self_reference=True,
        settings=MonitoringSettings(),
        saved=None,
    )
    for tick in range(20):
        at = BEGIN + 10 * tick
        monitor.take(taken_of(layout, nothing, at=at + 10, since=at))
    assert monitor.status().alarms == ()
