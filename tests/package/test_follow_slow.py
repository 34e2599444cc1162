# SPDX-License-Identifier: Apache-2.0
"""Real servers that follow a real server of MLflow: on PostgreSQL, and killed in between."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from pathlib import Path

import pytest
from tests.doubles.postgres import PostgresServer, lacking
from tests.doubles.processes import children, is_running, wait_until
from tests.doubles.registries import MlflowServer
from tests.package.test_follow_registry import Following, another, promote, register
from tests.package.test_promotion import cli

from penstock.package.smoke import read_smoke
from penstock.registry import registry_place
from penstock.registry.registry import Registry
from penstock_client import Client

pytestmark = pytest.mark.slow

#: From the end of a promotion to the log's line that says its version is served: of a machine that
#: has its cores for this test. One with more to do than cores is given longer by as much.
FOLLOWS_S = 5.0
PATIENCE_S = 60.0


class FollowingServer(Following):
    """Follows a server of MLflow as often as by default."""

    def __init__(self, uri: str) -> None:
        super().__init__(uri, "--log-format=json", seconds=2)

    def events(self, event: str) -> list[dict[str, object]]:
        lines = [json.loads(line) for line in self.log().splitlines() if line.startswith("{")]
        return [line for line in lines if line["event"] == event]

    def changes(self) -> list[tuple[object, float]]:
        """Each version that it changed over to, and when, in seconds since 1970, by its own log."""
        return [
            (one["version"], datetime.fromisoformat(str(one["time"])).timestamp())
            for one in self.events("registry_version_served")
        ]


def follows(server: FollowingServer, version: int) -> bool:
    return server.changes()[-1][0] == version


def is_alone(server: FollowingServer) -> bool:
    return server.events("registry_away") != []


@contextmanager
def asked_meanwhile(server: Following, package: Path) -> Iterator[list[int]]:
    """Asks for what a package's smoke request asks until the block ends; nothing may fail.

    The list has how many were answered.
    """
    smoke = read_smoke(package / "smoke.json")
    ends, failures, answered = threading.Event(), list[Exception](), [0]

    def ask() -> None:
        with Client(server.grpc, retry=None) as client:
            while not ends.is_set():
                try:
                    client.infer("iris", dict(smoke.inputs), timeout=10)
                    answered[0] += 1
                except Exception as error:
                    failures.append(error)

    threads = [threading.Thread(target=ask) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        yield answered
    finally:
        ends.set()
        for thread in threads:
            thread.join()
    assert failures == []
    assert answered[0] > 0


@pytest.mark.skipif(lacking() != "", reason=lacking())
def test_a_promotion_on_postgresql_is_followed_within_five_seconds_under_load(
    made_packages: dict[str, Path], tmp_path: Path
) -> None:
    iris = made_packages["iris"]
    with PostgresServer() as database, MlflowServer(tmp_path, database.uri) as mlflow:
        opened = Registry(registry_place(mlflow.uri, folder=tmp_path))
        register(opened, iris)
        with FollowingServer(mlflow.uri) as server, asked_meanwhile(server, iris):
            assert server.versions("iris") == ("1",)
            better = register(opened, another(iris, tmp_path / "better"), "candidate")
            for arguments, version in (((), better), (("--version", "1"), 1)):
                assert cli(opened, "promote", "iris", *arguments).exit_code == 0
                promoted = time.time()
                wait_until(partial(follows, server, version), "it follows")
                others = max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))
                assert server.changes()[-1][1] - promoted <= FOLLOWS_S * others


def test_servers_outlive_their_registry_and_follow_it_again(
    made_packages: dict[str, Path], tmp_path: Path
) -> None:
    iris = made_packages["iris"]
    with MlflowServer(tmp_path) as mlflow:
        opened = Registry(registry_place(mlflow.uri, folder=tmp_path))
        register(opened, iris)
        second = register(opened, another(iris, tmp_path / "second"), "candidate")
        with FollowingServer(mlflow.uri) as one, FollowingServer(mlflow.uri) as other:
            servers = (one, other)
            with asked_meanwhile(one, iris), asked_meanwhile(other, iris):
                mlflow.kill()
                for server in servers:
                    wait_until(partial(is_alone, server), "it is told", patience_s=PATIENCE_S)
                    assert server.versions("iris") == ("1",)
                mlflow.start_again()
                promote(opened, "iris", second)
                for server in servers:
                    server.wait_for("iris", second)
                    assert server.events("registry_back") != []


def test_a_server_that_is_killed_leaves_no_process_behind(
    made_packages: dict[str, Path], tmp_path: Path
) -> None:
    with MlflowServer(tmp_path) as mlflow:
        register(Registry(registry_place(mlflow.uri, folder=tmp_path)), made_packages["iris"])
        with FollowingServer(mlflow.uri) as server:
            asking = children(server.process.pid)
            assert asking
            server.process.send_signal(signal.SIGKILL)
            server.process.wait()
            wait_until(lambda: not any(map(is_running, asking)), "they have ended")
