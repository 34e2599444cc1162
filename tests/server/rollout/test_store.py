# SPDX-License-Identifier: Apache-2.0
"""What is saved is what is read, also by a later version, and whatever the process died of."""

import math
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from penstock.errors import StoreError
from penstock.rollout.evidence import (
    ArmCounts,
    BadEvent,
    Epoch,
    Evidence,
    NativeVerdict,
    ShadowCounts,
)
from penstock.rollout.record import Record
from penstock.rollout.shadow_example import ShadowExample
from penstock.rollout.shares import shares_of
from penstock.rollout.spec import RolloutSpec
from penstock.rollout.status import GuardrailStatus
from penstock.rollout.store import FILE_NAME, UPGRADES, SqliteStore

EVENT = BadEvent(
    wall_ms=1_700_000_000_000,
    guardrail="errors",
    kind="timeout",
    is_canary=True,
    epoch=3,
    canary_bp=100,
    both_bp=10_000,
    key_hash=2**64 - 1,
    canary_good=10,
    baseline_good=2**40,
)
EXAMPLE = ShadowExample(
    shadow="shadow", wall_ms=1_700_000_000_000, key_hash=2**64 - 1, pair_json='{"inputs": []}'
)
EVIDENCE = Evidence(
    epochs=(
        Epoch(
            number=0,
            shares_bp=shares_of(100),
            arms={"canary": ArmCounts(keys=2, requests=3, bad={"error": 1}, predictions=(1, 0))},
        ),
    ),
    excluded=4,
    latency_ns={"canary": ((1000, 2), (2000, 1))},
    verdict=NativeVerdict(
        rolls_back=True,
        cause="non_finite",
        guardrail="latency",
        log_e=1.5,
        log_limit=math.inf,
        wall_ms=5,
    ),
    shadows=(ShadowCounts(name="shadow", dropped={"busy": 2}, mismatched={"nan": 1}),),
)
RECORD = Record(
    id="fraud-1",
    model="fraud",
    stable=1,
    candidate=2,
    number=1,
    salt=2**64 - 3,
    spec=RolloutSpec(stages_bp=(7, 10_000)),
    state="canary",
    canary_bp=7,
    started_ms=17,
    why="It was started.",
    elapsed_s=12.25,
    epoch=1,
    lives=(Evidence(), EVIDENCE),
    guardrails=(
        GuardrailStatus(
            name="errors",
            log_e=0.5,
            log_limit=4.6,
            ratio_low=0.0,
            ratio_high=math.inf,
            is_passed=False,
        ),
    ),
).moved(18, state="canary", canary_bp=7, by="policy", why="A step.")


def begun(store: SqliteStore) -> SqliteStore:
    """As the store is once a second process goes on with the rollout."""
    store.save(replace(RECORD, lives=RECORD.lives[:1]))
    return store


@pytest.mark.parametrize("is_file", [True, False])
def test_what_was_saved_is_read_again(tmp_path: Path, is_file: bool) -> None:
    store = begun(SqliteStore(tmp_path / "state" if is_file else None))
    store.save(RECORD, [EVENT, replace(EVENT, counts=False)])
    later = RECORD.moved(19, state="rolled_back", canary_bp=0, by="judge", why="It was worse.")
    store.save(later, [replace(EVENT, key_hash=0)])
    if is_file:
        store.close()
        store = SqliteStore(tmp_path / "state")
    assert store.records() == [later]
    assert store.events("fraud-1") == [
        EVENT,
        replace(EVENT, counts=False),
        replace(EVENT, key_hash=0),
    ]
    store.forget("fraud-1")
    assert (store.records(), store.events("fraud-1")) == ([], [])
    store.close()


def test_no_number_comes_twice() -> None:
    store = SqliteStore(None)
    assert store.next_numbers("fraud", 1, 2) == (1, 1)
    assert store.next_numbers("fraud", 1, 3) == (2, 1)
    store.forget("fraud-1")
    assert store.next_numbers("fraud", 1, 2) == (3, 2)
    assert store.next_numbers("other", 1, 2) == (1, 1)
    store.close()


def test_a_save_is_all_or_nothing() -> None:
    store = begun(SqliteStore(None))
    store.save(RECORD, [EVENT])
    ended = RECORD.moved(20, state="held", canary_bp=7, by="policy", why="Held.")
    broken = replace(EVENT, epoch="three")  # type: ignore[arg-type]
    with pytest.raises(StoreError, match="cannot be kept"):
        store.save(ended, [EVENT, broken])
    assert (store.records(), store.events("fraud-1")) == ([RECORD], [EVENT])
    store.save(ended, [EVENT])
    assert store.records() == [ended]
    store.close()


def test_a_second_server_on_the_folder_is_told_so(tmp_path: Path) -> None:
    first = SqliteStore(tmp_path)
    script = (
        "import sys; from pathlib import Path; from penstock.rollout.store import SqliteStore\n"
        "try: SqliteStore(Path(sys.argv[1]))\n"
        "except Exception as error: print(error)"
    )
    run = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)], capture_output=True, text=True, check=True
    )
    assert "is in use by another server" in run.stdout
    first.close()


def test_a_file_of_an_older_version_is_made_a_newer_one(tmp_path: Path) -> None:
    older = begun(SqliteStore(tmp_path))
    older.save(RECORD, [EVENT])
    older.close()
    newer = (*UPGRADES, "ALTER TABLE events ADD COLUMN region TEXT NOT NULL DEFAULT ''")
    store = SqliteStore(tmp_path, upgrades=newer)
    assert (store.records(), store.events("fraud-1")) == ([RECORD], [EVENT])
    store.close()
    known = len(UPGRADES)
    told = f"of a newer Penstock: its version is {known + 1}, this one knows {known}"
    with pytest.raises(StoreError, match=told):
        SqliteStore(tmp_path)


def test_a_file_without_examples_gets_a_place_for_them(tmp_path: Path) -> None:
    older = begun(SqliteStore(tmp_path, upgrades=UPGRADES[:1]))
    older.save(RECORD, [EVENT])
    older.close()
    store = SqliteStore(tmp_path)
    assert (store.records(), store.examples("fraud-1")) == ([RECORD], [])
    store.save_examples("fraud-1", 1, [EXAMPLE], count_max=9)
    assert store.examples("fraud-1") == [(1, EXAMPLE)]
    store.close()


def test_examples_are_those_of_each_life_and_the_newest_of_all(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path)
    first, second, third = (replace(EXAMPLE, wall_ms=n, key_hash=2**64 - n) for n in (1, 2, 3))
    store.save_examples("fraud-1", 0, [first, second], count_max=9)
    store.save_examples("fraud-1", 1, [third], count_max=9)
    store.save_examples("fraud-1", 1, [third], count_max=9)
    store.save_examples("fraud-2", 0, [first], count_max=9)
    store.close()
    store = SqliteStore(tmp_path)
    assert store.examples("fraud-1") == [(0, first), (0, second), (1, third)]
    store.save_examples("fraud-1", 1, [third], count_max=2)
    assert store.examples("fraud-1") == [(0, second), (1, third)]
    store.forget("fraud-1")
    assert store.examples("fraud-1") == []
    assert store.examples("fraud-2") == [(0, first)]
    store.close()


def test_of_forgotten_examples_nothing_is_left_in_the_files(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path)
    old = replace(EXAMPLE, wall_ms=1, pair_json='{"inputs": "4711-old"}')
    new = replace(EXAMPLE, wall_ms=2, pair_json='{"inputs": "4711-new"}')
    store.save_examples("fraud-1", 0, [old, new], count_max=9)
    store.save_examples("fraud-2", 0, [old], count_max=9)
    store.forget_examples({"fraud-1": 2, "fraud-2": 1})
    assert store.examples("fraud-1") == [(0, new)]
    assert store.examples("fraud-2") == [(0, old)]
    store.forget("fraud-2")
    bytes_kept = b"".join(file.read_bytes() for file in tmp_path.iterdir())
    assert b"4711-new" in bytes_kept
    assert b"4711-old" not in bytes_kept
    store.close()


def test_an_upgrade_that_fails_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    older = begun(SqliteStore(tmp_path))
    older.save(RECORD)
    older.close()
    half = "ALTER TABLE events ADD COLUMN region TEXT; ALTER TABLE nothing ADD COLUMN x TEXT"
    with pytest.raises(StoreError):
        SqliteStore(tmp_path, upgrades=(*UPGRADES, half))
    again = SqliteStore(tmp_path)
    assert again.records() == [RECORD]
    again.close()


@pytest.mark.parametrize("damage", [b"not a database at all, but some text\n" * 9, None])
def test_a_damaged_file_is_one_clear_error(tmp_path: Path, damage: bytes | None) -> None:
    store = SqliteStore(tmp_path)
    for number in range(40):
        store.save(replace(RECORD, id=f"fraud-{number}"), [EVENT] * 20)
    store.close()
    file = tmp_path / FILE_NAME
    whole = file.read_bytes()
    file.write_bytes(damage if damage else whole[:4096] + b"\xff" * (len(whole) - 4096))
    with pytest.raises(StoreError, match="Move it away to begin without the rollouts in it"):
        SqliteStore(tmp_path).records()


def test_a_folder_that_cannot_be_made_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="Give --state-dir a folder"):
        SqliteStore(tmp_path / "file" / "state")


def test_a_killed_process_loses_nothing_that_it_saved(tmp_path: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from dataclasses import replace\n"
        "from penstock.rollout.record import Record\n"
        "from penstock.rollout.spec import RolloutSpec\n"
        "from penstock.rollout.store import SqliteStore\n"
        "store = SqliteStore(Path(sys.argv[1]))\n"
        "record = Record(id='a-1', model='a', stable=1, candidate=2, number=1, salt=3,"
        " spec=RolloutSpec(), state='canary', canary_bp=1, started_ms=1, why='It began.')\n"
        "for number in range(10**9):\n"
        "    store.save(replace(record, elapsed_s=float(number)))\n"
        "    print(number, flush=True)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path)], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if line == "50\n":
                break
        os.kill(process.pid, signal.SIGKILL)
        said = [int(line) for line in process.stdout]
    store = SqliteStore(tmp_path)
    (record,) = store.records()
    assert record.elapsed_s >= max(said, default=50)
    store.close()
