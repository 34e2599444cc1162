# SPDX-License-Identifier: Apache-2.0
"""One version being watched, from counts to alarms and back to none."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from tests.doubles.live_rows import BEGIN, LiveRows, layout_of, profile_of_values, taken_of

from penstock.drift import (
    Alarm,
    ColumnDrift,
    DriftStatus,
    Effect,
    Monitor,
    MonitoringSettings,
    Sample,
)
from penstock.drift.codec import short_status, status_bytes, status_of
from penstock.errors import ProfileError
from penstock.profile import CategoricalFeature
from penstock_monitoring.episodes import Episode, Episodes
from penstock_monitoring.monitor import VersionMonitor, monitors

TICK_S = 10.0


class Watched:
    """A monitor of LiveRows, and the clock that it is told."""

    def __init__(self, rows: LiveRows | None = None, **more: Any) -> None:
        self.rows = rows or LiveRows()
        self.at = BEGIN
        self.monitor = self.open(**more)

    def open(self, saved: bytes | None = None, **more: Any) -> Monitor:
        return monitors.open(**self.rows.monitor_arguments(saved) | more)

    def live(self, ticks: int, *, rows: int = 64, values: Any = None, **how: Any) -> int:
        """Ticks of rows; how many of them raised or cleared an alarm."""
        changes = 0
        for _ in range(ticks):
            drawn = self.rows.draw(rows, **how) if values is None else values(self.rows.draw(rows))
            changes += self.monitor.take(
                taken_of(self.rows.layout, drawn, at=self.at + TICK_S, since=self.at)
            )
            self.at += TICK_S
        return changes

    def column(self, name: str) -> ColumnDrift:
        return {column.name: column for column in self.monitor.status().columns}[name]

    def alarms(self) -> list[Alarm]:
        return list(self.monitor.status().alarms)


def without_chance(status: DriftStatus) -> DriftStatus:
    """Without what sketches draw anew each time."""
    return replace(status, columns=tuple(replace(one, quantiles=()) for one in status.columns))


def test_quiet_rows_raise_nothing_and_are_told_of_in_full() -> None:
    watched = Watched()
    assert watched.live(100) == 0
    status = watched.monitor.status(window_s=3600.0)
    assert status.alarms == () and status.notes == ()
    assert (status.reference, status.ticks, status.tested_rows) == ("profile", 100, 6400)
    assert [column.kind for column in status.columns] == [
        "numeric", "numeric", "categorical", "sensitive",
    ]  # fmt: skip
    assert {column.state for column in status.columns} == {"ok"}
    x = watched.column("x")
    assert len(x.bins) == len(x.live) == len(x.reference) <= 20
    assert x.quantiles[2] == pytest.approx(0.0, abs=0.2)
    assert x.log_e < x.log_limit and sum(point.rows for point in x.history) == 6400
    assert watched.column("city").bins[:2] == ("north", "south")


def test_a_short_status_is_one_in_full_without_its_pictures_and_both_travel() -> None:
    """Where there are no rows yet, evidence is minus infinity and the smallest PSI infinity."""
    watched = Watched()
    for _ in range(2):
        short = watched.monitor.status(is_short=True)
        full = watched.monitor.status()
        assert short == short_status(full)
        assert status_of(status_bytes(full)) == full
        watched.live(20)


def test_a_shift_is_an_alarm_with_its_onset_and_is_cleared_once_it_is_gone() -> None:
    watched = Watched()
    watched.live(60)
    began = watched.at
    assert watched.live(30, shift=0.5) == 1
    (alarm,) = watched.alarms()
    assert (alarm.kind, alarm.columns, alarm.cleared_at) == ("drift", ("x",), None)
    assert abs(alarm.onset - began) <= 2 * TICK_S
    assert alarm.effect is not None and alarm.effect.low > 0.1
    assert "x: other values than in the reference since 2026-11-02 00:10" in alarm.message
    assert watched.column("x").state == "alarm"
    assert watched.column("z").state == "ok"
    assert watched.live(200) == 1
    (alarm,) = watched.alarms()
    assert alarm.cleared_at is not None and watched.column("x").state in ("ok", "warn")


def test_columns_that_begin_to_differ_together_are_one_alarm() -> None:
    watched = Watched()
    watched.live(30)

    def both(drawn: dict[str, Any]) -> Mapping[str, Any]:
        return drawn | {"x": drawn["x"] + 1, "z": drawn["z"] - 1}

    watched.live(12, values=both)
    (alarm,) = watched.alarms()
    assert sorted(alarm.columns) == ["x", "z"]
    assert alarm.message.startswith(", ".join(alarm.columns))


def test_an_alarm_of_several_columns_tells_the_largest_effect_whichever_came_first() -> None:
    def episode(column: str, psi: float, log_e: float) -> Episode:
        return Episode(
            id=column,
            kind="drift",
            against="reference",
            columns=[column],
            going=[column],
            raised_at=2.0,
            onset=1.0,
            log_e=log_e,
            effect=Effect(name="psi", value=psi, low=psi - 0.1, high=psi + 0.1),
            said="other values",
        )

    for order in (("income", "age"), ("age", "income")):
        episodes = Episodes()
        made = {"income": episode("income", 4.0, 20.0), "age": episode("age", 0.3, 30.0)}
        assert all([episodes.raise_one(made[name], 1.0) for name in order])
        (alarm,) = episodes.alarms()
        assert (alarm.columns, alarm.log_e) == (("income", "age"), 30.0)
        assert alarm.effect is not None and alarm.effect.value == 4.0
        assert alarm.message.endswith(", up to PSI 4 (3.9 to 4.1).")


def test_a_drift_that_comes_and_goes_within_a_window_is_one_alarm() -> None:
    watched = Watched()
    watched.live(30)
    for _ in range(12):
        watched.live(6, shift=1.0)
        watched.live(6)
    assert len(watched.alarms()) == 1


def test_a_small_shift_is_none_however_many_rows_there_are() -> None:
    watched = Watched(LiveRows(reference_rows=20_000))
    assert watched.live(60, rows=20_000, shift=0.02) == 0
    assert watched.column("x").state == "ok"


def test_requests_of_64_rows_that_are_alike_are_no_drift() -> None:
    watched = Watched(LiveRows(seed=3))
    layout, states = watched.rows.layout, set()
    for _ in range(30):
        end = watched.at + TICK_S
        one = taken_of(layout, watched.rows.draw(40), at=end, since=watched.at)
        watched.monitor.take(replace(one, shown=one.shown * 64, rows=one.rows * 64))
        watched.at = end
        states |= {column.state for column in watched.monitor.status().columns}
    assert states <= {"learning", "ok"}


def test_a_rate_of_missing_values_is_an_alarm_of_its_own_kind() -> None:
    watched = Watched()
    watched.live(30)
    watched.live(100, missing=0.06)
    (alarm,) = watched.alarms()
    assert (alarm.kind, alarm.columns) == ("missing", ("z",))


def test_a_sensitive_column_is_counted_and_never_told_of() -> None:
    watched = Watched()
    watched.live(30)

    def gone(drawn: dict[str, Any]) -> Mapping[str, Any]:
        return drawn | {"secret": np.full(len(drawn["x"]), np.nan)}

    watched.live(12, values=gone)
    (alarm,) = watched.alarms()
    assert (alarm.kind, alarm.columns) == ("missing", ("secret",))
    column = watched.column("secret")
    assert (column.bins, column.live, column.quantiles, column.unseen) == ((), (), (), ())
    assert column.rates[0].live > 0.2


def test_the_window_that_is_asked_for_is_the_one_that_is_told_of() -> None:
    watched = Watched()
    watched.live(60)
    watched.live(6, shift=2.0)
    short = watched.monitor.status(window_s=50.0)
    assert short.rows < 400
    long = watched.monitor.status(window_s=86_400.0)
    assert long.rows == 66 * 64
    psi = [status.columns[0].effects[0].value for status in (short, long)]
    assert psi[0] > 1.0 > psi[1]


def test_a_saved_monitor_goes_on_as_if_nothing_had_happened() -> None:
    watched, other = Watched(), Watched()
    for one in (watched, other):
        one.live(40)
        one.live(3, shift=0.4)
    saved = watched.monitor.save()
    watched.monitor = watched.open(saved)
    for one in (watched, other):
        one.live(40, shift=0.4)
        one.live(5)
    assert watched.alarms() == other.alarms() != []
    assert without_chance(watched.monitor.status()) == without_chance(other.monitor.status())


@pytest.mark.parametrize("damage", ["cut", "flipped", "older", "text", "columns", "profile"])
def test_a_state_that_cannot_be_gone_on_with_is_left_aside_with_a_note(damage: str) -> None:
    watched = Watched()
    watched.live(5)
    saved = watched.monitor.save()
    given: dict[str, Any] = {}
    match damage:
        case "cut":
            saved = saved[: len(saved) // 2]
        case "flipped":
            saved = saved[:-9] + bytes([saved[-9] ^ 1]) + saved[-8:]
        case "older":
            saved = saved.replace(b"monitor 1\n", b"monitor 0\n", 1)
        case "text":
            saved = b"{}"
        case "columns":
            layout = replace(watched.rows.layout, columns=watched.rows.layout.columns[:2])
            given["layout"] = layout
        case "profile":
            other = LiveRows(seed=9)
            given |= {"profile": other.profile, "layout": other.layout}
    monitor = watched.open(saved, **given)
    status = monitor.status()
    assert status.ticks == 0
    (note,) = status.notes
    assert note.startswith("Monitoring began anew: what was kept is ") and note.endswith(".")


def test_a_profile_of_other_columns_is_refused_in_a_sentence() -> None:
    watched = Watched()
    columns = watched.rows.layout.columns
    renamed = replace(columns[0], name="y")
    with pytest.raises(ProfileError, match="has no column 'y'"):
        watched.open(layout=replace(watched.rows.layout, columns=(renamed, *columns[1:])))
    fewer = replace(columns[0], edges=columns[0].edges[:3])
    with pytest.raises(ProfileError, match="column 'x' is counted at 6 places"):
        watched.open(layout=replace(watched.rows.layout, columns=(fewer, *columns[1:])))


def test_counts_of_another_layout_are_refused() -> None:
    watched = Watched()
    other = LiveRows(reference_rows=100)
    taken = taken_of(other.layout, other.draw(10), at=BEGIN + 10, since=BEGIN)
    with pytest.raises(ValueError, match="as in the layout that the monitor was opened with"):
        watched.monitor.take(taken)


def test_a_clock_that_goes_back_a_little_stands_still_and_far_begins_anew() -> None:
    watched = Watched()
    watched.live(20)
    now = watched.at
    watched.at -= 600
    watched.live(20)
    assert watched.monitor.status().end == now
    assert watched.monitor.status().notes == ()
    watched.at = now - 86_400
    watched.live(20)
    status = watched.monitor.status()
    assert status.end == watched.at and status.ticks == 60
    assert "The clock was set back" in status.notes[0]


def test_a_clock_that_leaps_a_year_keeps_only_what_is_recent() -> None:
    watched = Watched()
    watched.live(20)
    watched.at += 365 * 86_400
    watched.live(3)
    assert watched.monitor.status().rows == 3 * 64


def test_seconds_without_rows_and_ticks_that_do_not_end_are_taken() -> None:
    watched = Watched()
    for second in range(30):
        taken = taken_of(
            watched.rows.layout,
            watched.rows.draw(0),
            at=BEGIN + second,
            since=BEGIN + second - 1,
            ends_tick=False,
        )
        assert not watched.monitor.take(taken)
    status = watched.monitor.status()
    assert (status.ticks, status.rows) == (0, 0)
    assert {column.state for column in status.columns} == {"learning"}


def test_a_reference_of_live_rows_is_watched_like_any_other_but_called_self() -> None:
    rows = LiveRows()
    drawn = rows.draw(2000)
    sample = taken_of(rows.layout, drawn, at=BEGIN, since=BEGIN).sample
    assert sample is not None
    hidden = Sample(numbers=sample.numbers.copy(), texts=sample.texts)
    hidden.numbers[:, 3] = np.nan
    profile = monitors.self_reference(
        model="m", layout=rows.layout, samples=[hidden], sensitive=["secret"]
    )
    assert (profile.rows, profile.target, profile.scores) == (2000, None, ())
    watched = Watched(rows, profile=profile, layout=layout_of(profile), is_self_reference=True)
    watched.rows.layout = layout_of(profile)
    assert watched.live(60) == 0
    status = watched.monitor.status()
    assert status.reference == "self" and "no values of sensitive columns" in status.notes[0]
    watched.live(30, shift=1.0)
    assert [alarm.columns for alarm in watched.alarms()] == [("x",)]


def test_texts_that_are_no_utf8_have_no_name_in_a_reference_of_live_rows() -> None:
    rows = LiveRows()
    (place,) = [n for n, one in enumerate(rows.layout.columns) if one.reading == "category"]
    sample = taken_of(rows.layout, rows.draw(2000), at=BEGIN, since=BEGIN).sample
    assert sample is not None
    # As the server reads b"\xff\xfe", which no live row that has it is equal to.
    texts = ["\N{REPLACEMENT CHARACTER}" * 2 if n % 2 else "ok" for n in range(2000)]
    profile = monitors.self_reference(
        model="m",
        layout=rows.layout,
        samples=[replace(sample, texts={place: texts})],
        sensitive=[],
    )
    feature = profile.features[place]
    assert isinstance(feature, CategoricalFeature)
    assert (feature.categories, feature.counts) == (("ok",), (1000, 1000, 0))


def test_unseen_categories_have_no_more_rows_than_were_counted() -> None:
    watched = Watched()
    for count, city in ((640, None), (4, "new"), (4, "new")):
        drawn = watched.rows.draw(count)
        drawn["city"] = drawn["city"] if city is None else np.full(count, city, dtype=object)
        taken = taken_of(watched.rows.layout, drawn, at=watched.at + TICK_S, since=watched.at)
        sample = taken.sample
        assert sample is not None
        # A few rows of each span, however many it has.
        few = {place: texts[:4] for place, texts in sample.texts.items()}
        watched.monitor.take(replace(taken, sample=Sample(numbers=sample.numbers[:4], texts=few)))
        watched.at += TICK_S
    assert watched.column("city").unseen == (("new", 8),)


def test_a_status_begins_no_sooner_than_its_rows() -> None:
    watched = Watched()
    watched.live(1)
    for window_s in (None, 86_400.0, 28 * 86_400.0):
        status = watched.monitor.status(window_s=window_s)
        assert (status.begin, status.end) == (BEGIN + TICK_S, BEGIN + TICK_S), window_s


def test_no_rows_make_no_reference() -> None:
    rows = LiveRows()
    with pytest.raises(ProfileError, match="needs some"):
        monitors.self_reference(model="m", layout=rows.layout, samples=[], sensitive=[])


def test_a_column_takes_less_than_60_kb_however_it_is_asked() -> None:
    watched = Watched()
    watched.live(60)
    monitor = watched.monitor
    assert isinstance(monitor, VersionMonitor)
    assert monitor.nbytes / len(watched.rows.layout.columns) < 60_000


def test_keys_of_which_none_is_common_are_watched_beside_other_columns() -> None:
    draws = np.random.default_rng(0)

    def drawn(n: int, shift: float = 0.0) -> dict[str, Any]:
        keys = np.array([f"user {one}" for one in draws.integers(0, 1 << 40, n)], dtype=object)
        return {"key": keys, "x": draws.normal(shift, 1.0, n)}

    profile = profile_of_values(drawn(300))
    layout = layout_of(profile)
    assert layout.columns[0].categories == ()
    monitor = monitors.open(
        model="m",
        version=1,
        layout=layout,
        profile=profile,
        is_self_reference=True,
        settings=MonitoringSettings(),
        saved=None,
    )
    for tick in range(60):
        at = BEGIN + TICK_S * tick
        values = drawn(64, shift=2.0 if tick >= 30 else 0.0)
        monitor.take(taken_of(layout, values, at=at + TICK_S, since=at))
    assert {name for alarm in monitor.status().alarms for name in alarm.columns} == {"x"}
