# SPDX-License-Identifier: Apache-2.0
"""Rollouts of a real server, by the command, the client, gRPC and REST."""

from __future__ import annotations

import contextlib
import json
import threading
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.doubles.model_files import add_affine
from tests.doubles.running import PATIENCE_S, RunningServer
from typer.testing import CliRunner, Result

from penstock.cli import app
from penstock_client import Client, FailedPrecondition, PenstockError, RolloutStatus

X = np.ones((1, 3), np.float32)
QUICK = """
shadow = false
stages_bp = [5000, 10_000]
dwell_s = 0.5
requests_min = 20
duration_max_s = 300

[promotion]
max_bad_rate = 0.2
harm_budget = 0.9
"""
CONFIG = "max_batch_size: 8 version_policy { latest { num_versions: 2 } }"
FAILING = """
class Model:
    def execute(self, batch):
        if self.fails:
            raise ValueError("odd prices")
        return {"y": batch["x"]}
"""
PYTHON_CONFIG = """
backend: "python" max_batch_size: 8 version_policy { latest { num_versions: 2 } }
input { name: "x" data_type: TYPE_FP32 dims: [3] }
output { name: "y" data_type: TYPE_FP32 dims: [3] }
"""


def run(server: RunningServer, verb: str, *arguments: str | Path) -> Result:
    at = ["--url", server.grpc]
    runner = CliRunner(env={"COLUMNS": "120", "TERM": "dumb"})
    return runner.invoke(app, ["rollout", verb, *map(str, arguments), *at])


def get(server: RunningServer, path: str) -> Any:
    with urllib.request.urlopen(f"http://{server.rest}{path}", timeout=10) as answer:
        return json.load(answer)


@contextlib.contextmanager
def loaded(server: RunningServer, model: str) -> Iterator[list[str]]:
    """Sends requests, each with a key of its own, for as long as the block runs; the versions that
    answered.
    """
    ended = threading.Event()
    versions: list[str] = []

    def send() -> None:
        with Client(server.grpc, retry=None) as client:
            while not ended.is_set():
                number = len(versions)
                try:
                    answer = client.infer(
                        model, {"x": X}, timeout=10, metadata={"penstock-sticky-key": str(number)}
                    )
                    versions.append(answer.model_version)
                except PenstockError as error:
                    versions.append(error.code)

    sender = threading.Thread(target=send)
    sender.start()
    try:
        yield versions
    finally:
        ended.set()
        sender.join(PATIENCE_S)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("models")
    for name in ("good", "held", "restarted"):
        for version in (1, 2):
            add_affine(made, name, version=version, config=CONFIG)
    for version, fails in ((1, False), (2, True)):
        place = made / "bad" / str(version)
        place.mkdir(parents=True)
        (place / "model.py").write_text(FAILING.replace("self.fails", str(fails)))
    (made / "bad" / "config.pbtxt").write_text(PYTHON_CONFIG)
    return made


@pytest.fixture(scope="module")
def spec(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("spec") / "rollout.toml"
    path.write_text(QUICK)
    return path


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("state")


@pytest.fixture(scope="module")
def server(folder: Path, state: Path) -> Iterator[RunningServer]:
    with RunningServer(folder, flags=(f"--state-dir={state}",)) as running:
        yield running


def start(server: RunningServer, model: str, spec: Path) -> Result:
    return run(server, "start", model, "--version", "2", "--stable", "1", "--spec", spec, "--wait")


def test_a_good_version_goes_live_while_it_answers(server: RunningServer, spec: Path) -> None:
    with loaded(server, "good") as versions:
        done = start(server, "good", spec)
    assert done.exit_code == 0, done.output
    assert "live" in done.stdout.splitlines()[-1]
    assert set(versions) <= {"1", "2"}
    told = get(server, "/admin/v1/rollouts/good")
    assert told["state"] == "live"
    with Client(server.grpc) as client:
        assert client.infer("good", {"x": X}, timeout=10).model_version == "2"
        status = client.rollouts.status("good", timeout=10)
        assert (status.id, status.log[-1].state) == (told["id"], "live")
        assert counted(status) >= 20
    assert server.counted("penstock_rollout_state", model="good", state="live") == 1
    assert server.counted("penstock_rollout_requests_total", model="good", arm="canary") >= 20


def test_a_bad_version_is_rolled_back_and_its_verdict_computes_anew(
    server: RunningServer, spec: Path, state: Path
) -> None:
    with loaded(server, "bad"):
        done = start(server, "bad", spec)
    assert done.exit_code == 1, done.output
    explained = run(server, "explain", "bad")
    assert explained.exit_code == 0, explained.output
    assert "They agree." in explained.stdout
    with Client(server.grpc) as client:
        assert client.infer("bad", {"x": X}, timeout=10).model_version == "1"
        with pytest.raises(FailedPrecondition):
            client.rollouts.promote("bad", timeout=10)
    assert server.counted("penstock_rollout_state", model="bad", state="rolled_back") == 1
    in_use = run(server, "explain", "bad", "--state-dir", state)
    assert in_use.exit_code == 4
    assert "Without --state-dir, a running server is asked." in in_use.stderr


def test_an_operator_decides(server: RunningServer, spec: Path) -> None:
    begun = run(server, "start", "held", "--version", "2", "--stable", "1", "--spec", spec)
    assert begun.exit_code == 0, begun.output
    assert run(server, "pause", "held").exit_code == 0
    with Client(server.grpc) as client, loaded(server, "held"):
        paused = seen(client, "held", lambda one: counted(one) >= 20)
        assert (paused.state, paused.is_paused, paused.canary_bp) == ("canary", True, 5000)
        assert run(server, "rollback", "held", "--reason", "prices are odd").exit_code == 0
    told = run(server, "status", "held")
    assert told.exit_code == 1
    assert "prices are odd" in told.stdout


def counted(status: RolloutStatus) -> int:
    return sum(
        epoch.arms["canary"].requests for epoch in status.evidence.epochs if "canary" in epoch.arms
    )


def seen(client: Client, model: str, is_wanted: Callable[[RolloutStatus], bool]) -> RolloutStatus:
    """The first status of a watch that is as wanted."""
    return next(one for one in client.rollouts.watch(model, interval=0.1) if is_wanted(one))


def test_a_rollout_goes_on_after_a_restart(folder: Path, spec: Path, tmp_path: Path) -> None:
    flags = (f"--state-dir={tmp_path}",)
    with RunningServer(folder, flags=flags) as first:
        begun = run(first, "start", "restarted", "--version", "2", "--stable", "1", "--spec", spec)
        assert begun.exit_code == 0, begun.output
        run(first, "pause", "restarted")
        with Client(first.grpc) as client, loaded(first, "restarted"):
            before = seen(client, "restarted", lambda one: counted(one) >= 20)
    with RunningServer(folder, flags=flags) as second, Client(second.grpc) as client:
        after = client.rollouts.status("restarted", timeout=10)
        assert (after.id, after.state, after.canary_bp) == (before.id, "canary", 5000)
        assert after.is_paused
        assert after.log[-1].by == "restart"
        assert counted(after) >= counted(before)
        client.rollouts.resume("restarted", timeout=10)
        with loaded(second, "restarted"):
            assert run(second, "status", "restarted", "--watch").exit_code == 0
    offline = CliRunner(env={"COLUMNS": "120"}).invoke(
        app, ["rollout", "explain", "restarted", "--state-dir", str(tmp_path)]
    )
    assert offline.exit_code == 0, offline.output
    assert ", live" in offline.stdout
    assert "1 restarts" in offline.stdout
