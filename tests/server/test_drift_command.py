# SPDX-License-Identifier: Apache-2.0
"""`penstock drift status` against the admin service on a loopback port."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace

import pytest
from tests.doubles.admin_server import AdminServer
from tests.doubles.drift import AGE, ALARM, DRIFTED, LEARNING, SUSPECTED
from typer.testing import CliRunner, Result

from penstock.cli import app
from penstock.control.drift_messages import status_json


@pytest.fixture
def server() -> Iterator[AdminServer]:
    with AdminServer() as running:
        yield running


def run(server: AdminServer, *arguments: str) -> Result:
    runner = CliRunner(env={"COLUMNS": "100", "TERM": "dumb"})
    return runner.invoke(app, ["drift", "status", *arguments, "--url", server.address])


def words(done: Result) -> str:
    assert max(len(line) for line in done.stdout.splitlines()) <= 100
    return re.sub(r"\s+", " ", done.stdout)


def test_a_version_is_shown_with_its_alarms_and_columns(server: AdminServer) -> None:
    done = run(server, "fraud")
    shown = words(done)
    assert done.exit_code == 1
    for part in (
        "fraud version 2: an alarm goes on Held against the reference profile of 5,000 rows.",
        "At most 1 false alarm in 30 days, if rows do not depend on each other.",
        "1,200 rows, 900 of them tested.",
        "Note: The version has no column income of the profile: not watched.",
        "drift age has drifted since 12:00: PSI 0.31 (0.25 to 0.36).",
        "age alarm 0.310 (0.250 to 0.360) 18.5 of 14.8 1,200",
        "told again 2 times",
        "below 20 %",
        "town ok -inf of 10.2 to 14.8",
    ):
        assert part in shown, shown


def test_the_columns_that_differ_most_come_first_and_the_others_when_asked(
    server: AdminServer,
) -> None:
    quiet = tuple(replace(AGE, name=f"c{n}", state="ok") for n in range(25))
    past = replace(ALARM, cleared_at=1_795_000_900.0)
    server.drift.kept = [replace(DRIFTED, columns=(*quiet, AGE), alarms=(past,))]
    done = run(server, "fraud")
    assert done.exit_code == 0
    shown = words(done)
    assert shown.index("age alarm") < shown.index("c0 ok")
    assert "6 columns that differ less: --all shows them." in shown
    assert "c24 ok" in words(run(server, "fraud", "--all"))


def test_a_column_that_is_suspected_is_no_alarm(server: AdminServer) -> None:
    server.drift.kept = [replace(DRIFTED, columns=(SUSPECTED,), alarms=())]
    done = run(server, "fraud")
    assert done.exit_code == 0
    assert "fraud version 2: no alarm; suspected: 1 of 1 columns" in words(done)
    assert "age ok, suspected 0.310 (0.250 to 0.360) 12.5 of 10.5 to 14.8" in words(done)


def test_other_versions_of_the_model_are_named_and_have_a_say(server: AdminServer) -> None:
    quiet = replace(DRIFTED, version=3, alarms=())
    server.drift.kept = [DRIFTED, quiet, replace(quiet, version=4), replace(quiet, model="other")]
    shown = words(done := run(server, "fraud", "--version", "4"))
    assert (done.exit_code, "Watched besides" in shown) == (0, False)
    server.drift.kept.reverse()
    shown = words(done := run(server, "fraud"))
    assert shown.startswith("fraud version 4: no alarm")
    assert "Watched besides, by --version: 3, 2 (an alarm goes on)." in shown
    assert done.exit_code == 1


def test_all_versions_are_listed(server: AdminServer) -> None:
    done = run(server)
    assert done.exit_code == 1
    assert "fraud 2 1,200 2 1 the reference profile new 1 1,200 0 0 none yet" in words(done)
    server.drift.kept = []
    assert "No version is watched." in words(run(server))


def test_json_is_that_of_rest(server: AdminServer) -> None:
    assert json.loads(run(server, "fraud", "--json").stdout) == status_json(DRIFTED)
    server.drift.kept = [LEARNING]
    assert json.loads(run(server, "--json").stdout) == [status_json(LEARNING)]


def test_a_refusal_is_a_sentence(server: AdminServer) -> None:
    done = run(server, "nobody")
    assert (done.exit_code, "nobody is not watched." in done.stderr) == (4, True)


def test_a_name_of_a_column_commands_no_terminal(server: AdminServer) -> None:
    column = replace(AGE, name="\x1b[2Jage")
    server.drift.kept = [replace(DRIFTED, columns=(column,))]
    shown = run(server, "fraud").stdout
    assert "\x1b" not in shown
    assert "\\u001b[2Jage" in shown
