# SPDX-License-Identifier: Apache-2.0
"""`penstock rollout explain`, asked of a server and of the folder that one has left."""

from __future__ import annotations

import asyncio
import json
import re
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.doubles.admin_server import AdminServer
from tests.doubles.rollout_parts import (
    HandClock,
    HearingChampion,
    ListedVersions,
    PuppetTraffic,
)
from typer.testing import CliRunner, Result

from penstock.cli import app
from penstock.rollout.controller import RolloutController
from penstock.rollout.spec import RolloutSpec
from penstock.rollout.store import FILE_NAME, SqliteStore

AGREE, DISAGREE, FAILED = 0, 1, 4
SPEC = RolloutSpec(shadow=None, stages_bp=(500, 10_000))


def explain(*arguments: str | Path) -> Result:
    runner = CliRunner(env={"COLUMNS": "80", "TERM": "dumb"})
    return runner.invoke(app, ["rollout", "explain", *map(str, arguments)])


async def served(folder: Path, failures: int) -> dict[str, Any]:
    """A server's rollout whose canary fails so often, one failure a second, the second one of the
    same key as the first; and how the server explains it.
    """
    traffic, clock = PuppetTraffic(), HandClock()
    controller = RolloutController(
        traffic=traffic,
        versions=ListedVersions(),
        champion=HearingChampion(),
        store=SqliteStore(folder),
        clock=clock,
    )
    await controller.start("fraud", 2, SPEC)
    trial = traffic.trials[0]
    trial.answer(20_000)
    trial.fail("stable")
    for number in range(failures):
        if controller.status("fraud").state == "canary":
            trial.fail("canary", key=2 if number == 1 else None)
        clock.pass_by(1)
        await controller.tick()
    told = await controller.explain("fraud")
    await controller.close()
    return dict(told)


def test_a_folder_is_explained_without_its_server(tmp_path: Path) -> None:
    asyncio.run(served(tmp_path, 8))
    done = explain("fraud", "--state-dir", tmp_path)
    assert done.exit_code == AGREE, done.output
    assert "fraud: version 1 → 2, rolled back" in done.stdout
    assert "They agree." in done.stdout
    assert "by errors: evidence, ln E" in done.stdout
    assert "judge: The evidence of errors" in done.stdout


def test_the_evidence_is_told_event_by_event_up_to_the_limit(tmp_path: Path) -> None:
    asyncio.run(served(tmp_path, 8))
    told = json.loads(explain("fraud", "--state-dir", tmp_path, "--json").stdout)
    reached = [one["log_e"] for one in told["events"]]
    (limit,) = {one["log_limit"] for one in told["guardrails"] if one["name"] == "errors"}
    assert reached[0] < 0  # a failure of stable speaks for the candidate
    assert all(before < limit for before in reached[:-1])
    assert reached[-1] >= limit
    assert reached[-1] == told["verdict"]["computed"]["log_e"]
    assert len({one["key_hash"] for one in told["events"]}) == len(reached)  # no repeat is kept
    lines = explain("fraud", "--state-dir", tmp_path).stdout.splitlines()
    assert sum(" canary " in line and ":" in line for line in lines) >= 5


def test_a_server_is_asked_and_says_the_same(tmp_path: Path) -> None:
    told = asyncio.run(served(tmp_path, 8))
    with AdminServer() as server:
        asyncio.run(server.rollouts.start("fraud", 2))
        server.rollouts.explained = told
        done = explain("fraud", "--url", server.address)
    assert done.exit_code == AGREE
    assert done.stdout == explain("fraud", "--state-dir", tmp_path).stdout


def test_events_that_lead_elsewhere_than_the_server_went_are_found(tmp_path: Path) -> None:
    asyncio.run(served(tmp_path, 8))
    with sqlite3.connect(tmp_path / FILE_NAME) as database:
        database.execute("DELETE FROM events WHERE number = 3")
    database.close()
    done = explain("fraud", "--state-dir", tmp_path)
    assert done.exit_code == DISAGREE
    assert "They do not agree" in done.stdout
    assert "computed anew  nothing" in done.stdout


def test_a_rollout_without_a_verdict_agrees(tmp_path: Path) -> None:
    asyncio.run(served(tmp_path, 1))
    done = explain("fraud", "--state-dir", tmp_path)
    assert done.exit_code == AGREE
    assert "of the server  nothing\ncomputed anew  nothing\nThey agree." in done.stdout


def test_events_may_be_left_out(tmp_path: Path) -> None:
    asyncio.run(served(tmp_path, 8))
    assert "Events" not in explain("fraud", "--state-dir", tmp_path, "--events", "0").stdout
    shown = explain("fraud", "--state-dir", tmp_path, "--events", "2").stdout
    (span,) = re.findall(r"Events (\d+) to (\d+)", shown)
    assert int(span[1]) - int(span[0]) == 1
    assert f"{span[1]}  00:00:00.001  error  canary" in shown


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("fraud", "--rollout", "fraud-9"), "'fraud' has no rollout 'fraud-9' in"),
        (("other",), "'other' has no rollout in"),
    ],
)
def test_what_the_folder_does_not_hold_is_told(
    tmp_path: Path, arguments: tuple[str, ...], sentence: str
) -> None:
    asyncio.run(served(tmp_path, 1))
    done = explain(*arguments, "--state-dir", tmp_path)
    assert done.exit_code == FAILED
    assert sentence in done.stderr


def test_a_folder_without_rollouts_is_told_and_left_as_it_is(tmp_path: Path) -> None:
    done = explain("fraud", "--state-dir", tmp_path)
    assert done.exit_code == FAILED
    assert "is not there: wanted the --state-dir of a server" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_the_folder_of_a_server_that_runs_is_told(tmp_path: Path) -> None:
    asyncio.run(served(tmp_path, 1))
    # Another process holds it: locks of one's own are no obstacle.
    code = (
        "import sys; from pathlib import Path; from penstock.rollout.store import SqliteStore\n"
        "store = SqliteStore(Path(sys.argv[1])); print('held', flush=True); sys.stdin.read()"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        done = explain("fraud", "--state-dir", tmp_path)
    finally:
        holder.communicate("")
    assert done.exit_code == FAILED
    assert "in use by another server" in done.stderr
    assert "Without --state-dir, a running server is asked." in done.stderr
