# SPDX-License-Identifier: Apache-2.0
"""What is to be done about models, as values."""

import os
from pathlib import Path

import pytest

from penstock.errors import OptionsError
from penstock.repository.changes import (
    QUIET_NS,
    PollChanges,
    poll_changes,
    versions_to_load,
    versions_to_unload,
)
from penstock.repository.snapshot import FileMark, ModelSnapshot, take_snapshot
from penstock.repository.startup import models_at_start

MARK = FileMark(mtime_ns=1, size=2, inode=3)
NEWER = FileMark(mtime_ns=2, size=2, inode=3)
CONFIG = {"config.pbtxt": MARK}
GRAPH = {"model.onnx": MARK}
BEFORE = ModelSnapshot(shared=CONFIG, versions={1: GRAPH, 2: GRAPH})


def test_what_was_never_tried_is_loaded_whole() -> None:
    assert versions_to_load([2, 1], [], now=BEFORE, tried=None) == [1, 2]
    assert versions_to_load([2, 1], [1, 2], now=BEFORE, tried=None) == [1, 2]


def test_unchanged_files_are_not_loaded_again_unless_their_version_failed() -> None:
    assert versions_to_load([1, 2], [1, 2], now=BEFORE, tried=BEFORE) == []
    assert versions_to_load([1, 2], [1], now=BEFORE, tried=BEFORE) == [2]


def test_a_changed_version_is_loaded_alone_and_a_changed_configuration_loads_all() -> None:
    one = ModelSnapshot(shared=CONFIG, versions={1: GRAPH, 2: {"model.onnx": NEWER}})
    assert versions_to_load([1, 2], [1, 2], now=one, tried=BEFORE) == [2]
    shared = ModelSnapshot(shared={"config.pbtxt": NEWER}, versions=BEFORE.versions)
    assert versions_to_load([1, 2], [1, 2], now=shared, tried=BEFORE) == [1, 2]


def test_what_is_wanted_no_more_goes_when_every_wanted_version_serves() -> None:
    assert versions_to_unload([2], [1, 2], [1, 2]) == [1]
    assert versions_to_unload([2], [1], [1, 2]) == []


def test_a_failure_that_is_wanted_no_more_goes_at_once() -> None:
    assert versions_to_unload([3], [1], [1, 2, 3]) == [2]


def at(touched_ns: int, mark: FileMark = MARK) -> ModelSnapshot:
    return ModelSnapshot(versions={1: {"model.onnx": mark}}, touched_ns=touched_ns)


def test_a_look_finds_new_changed_and_removed_models_and_leaves_the_others() -> None:
    changes = poll_changes(
        {"same": at(0), "changed": at(0), "removed": at(0)},
        {"same": at(0), "changed": at(1, NEWER), "new": at(1)},
        looked={},
        now_ns=2 * QUIET_NS,
    )
    assert changes == PollChanges(load=("changed", "new"), unload=("removed",))


def test_what_failed_is_not_tried_again_before_it_changes() -> None:
    assert poll_changes({"m": at(0)}, {"m": at(5)}, looked={}, now_ns=QUIET_NS) == PollChanges()


def test_files_that_are_being_written_are_looked_at_again() -> None:
    now = at(10 * QUIET_NS)
    a_moment_later = 10 * QUIET_NS + QUIET_NS // 2
    first = poll_changes({}, {"m": now}, looked={}, now_ns=a_moment_later)
    assert first == PollChanges(unsettled=("m",))
    growing = poll_changes({}, {"m": at(0, NEWER)}, looked={"m": now}, now_ns=0)
    assert growing == PollChanges(unsettled=("m",))


def test_two_looks_that_saw_the_same_need_no_clock() -> None:
    ahead = at(10**18)  # the file system's clock goes ahead of ours
    assert poll_changes({}, {"m": ahead}, looked={"m": ahead}, now_ns=0).load == ("m",)


def test_a_snapshot_tells_the_versions_from_what_they_share(tmp_path: Path) -> None:
    for path in ("config.pbtxt", "labels.txt", "1/model.onnx", "1/parts/a", "07/x", "warmup/w"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(path)
    found = take_snapshot(tmp_path, (1, 2))
    assert set(found.shared) == {"config.pbtxt", "labels.txt", "07/x", "warmup/w"}
    assert {version: set(files) for version, files in found.versions.items()} == {
        1: {"model.onnx", "parts/a"},
        2: set(),
    }
    assert found.touched_ns > 0


def test_a_snapshot_passes_over_what_running_and_editing_leave_behind(tmp_path: Path) -> None:
    before = take_snapshot(tmp_path, ())
    (tmp_path / "__pycache__").mkdir()
    for name in (".config.pbtxt.swp", "config.pbtxt~", "__pycache__/model.pyc"):
        (tmp_path / name).touch()
    assert take_snapshot(tmp_path, ()).is_like(before)


def test_a_file_that_is_replaced_differs_though_its_time_and_size_do_not(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    path.write_text("a")
    os.utime(path, ns=(5, 5))
    before = take_snapshot(tmp_path, ())
    other = tmp_path / "other"
    other.write_text("b")
    os.utime(other, ns=(5, 5))
    other.rename(path)
    assert not take_snapshot(tmp_path, ()).is_like(before)


def test_links_that_lead_in_a_circle_are_not_followed_for_ever(tmp_path: Path) -> None:
    (tmp_path / "1").mkdir()
    (tmp_path / "1" / "model.onnx").touch()
    (tmp_path / "1" / "loop").symlink_to(tmp_path)
    (tmp_path / "2").symlink_to(tmp_path / "1")
    (tmp_path / "gone").symlink_to(tmp_path / "nowhere")
    found = take_snapshot(tmp_path, (1, 2))
    assert found.versions[1] == found.versions[2]
    assert set(found.versions[1]) == {"model.onnx"}


@pytest.mark.parametrize(
    ("mode", "asked", "names"),
    [
        ("none", [], ["a", "b"]),
        ("poll", [], ["a", "b"]),
        ("explicit", [], []),
        ("explicit", ["b", "absent", "b"], ["b", "absent"]),
        ("explicit", ["*"], ["a", "b"]),
    ],
)
def test_the_mode_says_what_is_loaded_at_start(
    mode: str, asked: list[str], names: list[str]
) -> None:
    assert models_at_start(mode, asked, ["a", "b"]) == names


def test_flags_that_contradict_each_other_are_refused() -> None:
    with pytest.raises(OptionsError, match="'a' requires --model-control-mode=explicit"):
        models_at_start("none", ["a"], ["a"])
    with pytest.raises(OptionsError, match="wanted no other --load-model"):
        models_at_start("explicit", ["*", "a"], ["a"])
