# SPDX-License-Identifier: Apache-2.0
"""What is kept of monitoring."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from penstock.drift.kept import FILE_NAME, UPGRADES, Kept, KeptMonitors, open_kept
from penstock.errors import StoreError

MODEL = "fraud"


def events(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.message for record in caplog.records]


def test_a_damaged_state_is_moved_aside_and_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / FILE_NAME).write_bytes(b"no database " * 1000)
    kept = open_kept(tmp_path)
    assert kept.get(MODEL, 1) is None
    kept.close()
    assert events(caplog) == ["drift_state_damaged"]
    assert (tmp_path / f"{FILE_NAME}.damaged").is_file()


def test_a_file_is_upgraded_and_one_of_a_newer_penstock_is_refused(tmp_path: Path) -> None:
    kept = KeptMonitors(tmp_path)
    kept.begin(MODEL, 1, "a", 0, profile="{}")
    kept.add(MODEL, 1, [b"x", b"y"], 0)
    kept.close()
    upgrades = (*UPGRADES, "ALTER TABLE ticks ADD COLUMN more TEXT")
    newer = KeptMonitors(tmp_path, upgrades=upgrades)
    assert newer.get(MODEL, 1) == Kept(identity="a", profile="{}", frames=(b"x", b"y"))
    newer.close()
    with pytest.raises(StoreError, match="of a newer Penstock"):
        open_kept(tmp_path)


def test_a_snapshot_takes_the_place_of_what_came_before_it(tmp_path: Path) -> None:
    kept = KeptMonitors(tmp_path)
    kept.begin(MODEL, 1, "a", 0)
    kept.add(MODEL, 1, [b"x"], 0)
    kept.save(MODEL, 1, b"snapshot", 0)
    kept.add(MODEL, 1, [b"y"], 0)
    assert kept.get(MODEL, 1) == Kept(identity="a", snapshot=b"snapshot", frames=(b"y",))
    kept.begin(MODEL, 1, "b", 0)
    assert kept.get(MODEL, 1) == Kept(identity="b")
    kept.close()


def test_two_servers_want_two_folders(tmp_path: Path) -> None:
    kept = KeptMonitors(tmp_path)
    with pytest.raises(StoreError, match="is in use by another server"):
        open_kept(tmp_path)
    kept.close()


def test_what_nobody_watches_any_more_is_forgotten(tmp_path: Path) -> None:
    day_ms = 86_400_000
    kept = KeptMonitors(tmp_path)
    kept.begin("old", 1, "a", 0)
    kept.add("old", 1, [b"x"], 0)
    kept.begin("new", 1, "b", 59 * day_ms)
    kept.forget_old(61 * day_ms)
    assert (kept.get("old", 1), kept.get("new", 1) is not None) == (None, True)
    kept.close()
    with sqlite3.connect(tmp_path / FILE_NAME) as database:
        assert database.execute("SELECT count(*) FROM ticks").fetchone() == (0,)
    database.close()


def test_ticks_are_bounded_while_no_monitor_answers(tmp_path: Path) -> None:
    kept = KeptMonitors(tmp_path, frames_max=10)
    kept.begin(MODEL, 1, "a", 0)
    for number in range(30):
        kept.add(MODEL, 1, [bytes([number])], 0)
    found = kept.get(MODEL, 1)
    assert found is not None
    assert found.frames == tuple(bytes([number]) for number in range(20, 30))
    kept.close()
