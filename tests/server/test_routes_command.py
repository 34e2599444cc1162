# SPDX-License-Identifier: Apache-2.0
"""`penstock routes` against the admin service on a loopback port."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import pytest
from tests.doubles.admin_server import AdminServer
from tests.doubles.rollouts import EXAMPLE
from tests.doubles.routes import OF_FILE, PINNED
from typer.testing import CliRunner, Result

from penstock.cli import app
from penstock.control.examples import found_examples
from penstock.control.route_messages import route_json
from penstock.control.shadow_messages import examples_json


@pytest.fixture
def server() -> Iterator[AdminServer]:
    with AdminServer() as running:
        yield running


def run(server: AdminServer, *arguments: str) -> Result:
    runner = CliRunner(env={"COLUMNS": "80", "TERM": "dumb"})
    return runner.invoke(app, ["routes", *arguments, "--url", server.address])


def words(done: Result) -> str:
    assert done.exit_code == 0, done.output
    assert max(len(line) for line in done.stdout.splitlines()) <= 80
    return re.sub(r"\s+", " ", done.stdout)


def test_all_routes_are_listed_arm_by_arm(server: AdminServer) -> None:
    shown = words(run(server))
    assert "fraud file a 7 90 % shadow b fraud-trees highest 10 % prices pin stable 3" in shown
    server.routes.kept = []
    assert "No model has a route" in words(run(server))


def test_one_route_is_shown_with_its_shadows(server: AdminServer) -> None:
    shown = words(run(server, "fraud"))
    for part in (
        "fraud: route.toml Keys are in the header x-user.",
        "Held out for the first arm: 1 % of the keys.",
        "Keys with an arm of somebody's choice: 2. A signed header may choose an arm.",
        "a fraud 7 90 % b fraud-trees highest 10 %",
        "Copies of 5 % of the requests go to the highest version of fraud-trees.",
        "Shadow: 4,640 of 5,000 copies compared; 99.7 % agree;",
        "score 99.71 % 96.99 % < 0.13 99.89 % nan 1",
        "amount[3] from 512.5 460 2.61 % 0.81 %",
    ):
        assert part in shown, shown
    assert "prices: left by a rollout Arm Model" in words(run(server, "prices"))


def test_json_is_that_of_rest(server: AdminServer) -> None:
    assert json.loads(run(server, "fraud", "--json").stdout) == route_json(OF_FILE)
    listed = json.loads(run(server, "--json").stdout)
    assert listed == [route_json(OF_FILE), route_json(PINNED)]
    kept = json.loads(run(server, "fraud", "--examples", "--json").stdout)
    assert kept == examples_json(found_examples([EXAMPLE]))


def test_examples_are_marked_by_the_tolerance_of_their_shadow(server: AdminServer) -> None:
    assert "score FP32 [1, 2] 0.25 0.75 0.2500001 0.5*" in words(run(server, "fraud", "--examples"))
    none = "prices: no pair that disagrees is kept."
    assert none in words(run(server, "prices", "--examples"))


def test_what_cannot_be_shown_is_told(server: AdminServer) -> None:
    done = run(server, "nobody")
    assert done.exit_code != 0
    assert "'nobody' has no route." in done.stderr
    assert run(server, "--examples").exit_code == 2
