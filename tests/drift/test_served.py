# SPDX-License-Identifier: Apache-2.0
"""Monitoring by a real server: what is watched with no setting, told of, and outlived."""

from __future__ import annotations

import json
import os
import signal
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.doubles.model_files import add_identity
from tests.doubles.processes import children, is_running, wait_until
from tests.doubles.running import RunningServer
from tests.doubles.watched_models import (
    BATCH,
    QUICK,
    Rows,
    until,
    write_towns,
    write_towns_package,
)
from tests.doubles.watches import small_profile

from penstock_client import Client, NotFound, Unimplemented
from penstock_client.drift import DriftStatus


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    folder = tmp_path_factory.mktemp("watched")
    models = folder / "models"
    write_towns_package(folder / "package", "packed")
    write_towns(models, "drifting")
    write_towns(models, "learns", settings=f"{QUICK}self_reference_rows = 200\n")
    (models / "learns/1/profile.json").unlink()
    write_towns(models, "damaged", profile="{")
    write_towns(models, "other", profile=small_profile("other", "a", "b").model_dump_json())
    write_towns(models, "off", settings='mode = "off"')
    write_towns(models, "wrong", settings="share = 7")
    write_towns(models, "odd", settings=f'{QUICK}sensitive = ["income"]\n')
    write_towns(models, "many")
    add_identity(models, "any", [("words", "TYPE_STRING", [-1])], 8)
    with RunningServer(models, flags=(f"--package={folder / 'package'}",)) as running:
        yield running


@pytest.fixture(scope="module")
def client(server: RunningServer) -> Iterator[Client]:
    with Client(server.grpc) as made:
        yield made


def rest(server: RunningServer, path: str) -> Any:
    with urllib.request.urlopen(f"http://{server.rest}/admin/v1/drift{path}", timeout=10) as told:
        return json.loads(told.read())


def monitors_of(server: RunningServer) -> int:
    """The process that judges."""
    (found,) = (
        child
        for child in children(server.process.pid)
        if "penstock.drift.worker_main" in Path(f"/proc/{child}/cmdline").read_text()
    )
    return found


def has_ticks(count: int) -> Any:
    return lambda status: status.ticks >= count


def has_alarm(status: DriftStatus) -> bool:
    return any(one.kind == "drift" and one.cleared_at is None for one in status.alarms)


def test_a_package_with_a_profile_is_watched_with_no_setting(
    server: RunningServer, client: Client
) -> None:
    status = until(client, "packed", lambda status: True)
    assert (status.reference, status.reference_rows) == ("profile", 4000)
    Rows().ask(client, "packed", requests=20)
    status = until(client, "packed", lambda status: status.rows == 20)
    assert [one.name for one in status.columns] == ["age", "income", "town", "score"]
    assert status.notes == ()
    assert (status.false_alarms_per_30_days, status.share) == (1.0, 1.0)


def test_drifted_rows_raise_an_alarm_that_every_way_tells(
    server: RunningServer, client: Client
) -> None:
    rows = Rows()
    quiet = until(
        client,
        "drifting",
        has_ticks(2),
        meanwhile=lambda: rows.ask(client, "drifting", requests=40),
    )
    assert quiet.alarms == ()
    status = until(
        client,
        "drifting",
        has_alarm,
        meanwhile=lambda: rows.ask(client, "drifting", requests=40, shift=2.0),
    )
    columns = {one.name: one.state for one in status.columns}
    assert (columns["age"], columns["income"], columns["town"]) == ("alarm", "ok", "ok")
    alarm = next(one for one in status.alarms if one.kind == "drift")
    assert "age" in alarm.columns
    assert alarm.onset <= alarm.raised_at
    wide = client.drift.status("drifting", window_s=3600, timeout=10)
    assert wide.rows >= status.rows
    assert {len(one.bins) > 1 for one in wide.columns} == {True}
    told = rest(server, "/drifting?window_s=3600")
    assert [one["id"] for one in told["alarms"]] == [one.id for one in status.alarms]
    short = {one["model"]: one for one in rest(server, "")["versions"]}
    assert short["drifting"]["alarms"][0]["id"] == status.alarms[0].id
    labels = {"model": "drifting", "version": "1"}
    assert server.counted("penstock_drift_alarms_ongoing", kind="drift", **labels) >= 1
    assert server.counted("penstock_drift_column_state", column="age", **labels) == 2
    assert "drift_alarm" in server.log()
    assert alarm.id in server.log()


def test_rows_of_a_version_without_a_profile_become_its_reference(client: Client) -> None:
    rows = Rows()
    status = until(client, "learns", lambda status: True)
    assert (status.reference, status.columns) == ("learning", ())
    status = until(
        client,
        "learns",
        lambda status: status.reference == "self",
        meanwhile=lambda: rows.ask(client, "learns", requests=50),
    )
    assert (status.reference_rows, status.notes) == (200, ())
    assert {"age", "town", "town (length)", "score"} <= {one.name for one in status.columns}
    until(
        client,
        "learns",
        lambda status: any({"age", "score"} <= {*one.columns} for one in status.alarms),
        meanwhile=lambda: rows.ask(client, "learns", requests=50, shift=3.0),
    )


@pytest.mark.parametrize(
    ("model", "why"),
    [("damaged", "is not JSON: wanted a reference profile."), ("other", "is of another schema")],
)
def test_a_profile_that_is_none_of_this_version_is_told(
    server: RunningServer, client: Client, model: str, why: str
) -> None:
    status = until(client, model, lambda status: True)
    assert status.reference == "learning"
    assert why in status.notes[0]
    assert any(f"model={model}" in line and why in line for line in server.log().splitlines())
    Rows().ask(client, model, requests=1)


@pytest.mark.parametrize(
    ("model", "why"),
    [
        ("off", "off is not watched: its monitoring.toml says mode off."),
        ("wrong", "share: wanted a number less than or equal to 1, found 7."),
        ("any", "none of its tensors can be watched"),
        ("nobody", "nobody is not watched: wanted a version that is loaded; watched are "),
    ],
)
def test_what_is_not_watched_says_why_and_is_served(client: Client, model: str, why: str) -> None:
    with pytest.raises(NotFound) as refused:
        until(client, "packed", lambda status: True)  # by then all have been looked at
        client.drift.status(model, timeout=10)
    assert why in str(refused.value)
    if model in ("off", "wrong"):
        Rows().ask(client, model, requests=1)


def test_missing_constant_and_sensitive_columns_are_told_without_their_values(
    server: RunningServer, client: Client
) -> None:
    features = np.full((BATCH, 2), 7_654.25, np.float32)
    features[:, 0] = np.nan
    inputs = {"features": features, "town": Rows().towns(BATCH)}

    def ask() -> None:
        for _ in range(20):
            client.infer("odd", inputs, timeout=10)

    status = until(client, "odd", has_ticks(2), meanwhile=ask)
    columns = {one.name: one for one in status.columns}
    assert next(one.live for one in columns["age"].rates if one.name == "missing") == 1.0
    income = columns["income"]
    assert (income.kind, income.bins, income.quantiles) == ("sensitive", (), ())
    told = json.dumps(rest(server, "/odd")) + server.log() + server.metrics_text()
    assert "7654.25" not in told
    until(client, "odd", lambda status: len(status.alarms) > 0, meanwhile=ask)


def test_categories_without_end_take_no_memory(server: RunningServer, client: Client) -> None:
    rows = Rows()
    labels = {"model": "many", "version": "1"}
    until(client, "many", lambda status: True)
    before = server.counted("penstock_drift_counts_bytes", **labels)
    number = 0

    def ask() -> None:
        nonlocal number
        for _ in range(20):
            names = [[f"town-{number + n}"] for n in range(1000)]
            number += 1000
            inputs = {"features": rows.features(1000), "town": np.array(names, object)}
            client.infer("many", inputs, timeout=10)

    status = until(client, "many", lambda status: status.rows >= 100_000, meanwhile=ask)
    town = next(one for one in status.columns if one.name == "town")
    assert next(one.live for one in town.rates if one.name == "unseen") > 0.99
    assert len(town.unseen) < 200
    assert server.counted("penstock_drift_counts_bytes", **labels) == before
    assert server.counted("penstock_drift_process_bytes") < 400 << 20
    assert len(server.metrics_text()) < 200_000


def test_a_killed_server_goes_on_where_it_was(tmp_path: Path) -> None:
    write_towns(tmp_path / "models", "kept")
    flags = (f"--state-dir={tmp_path / 'state'}",)
    rows = Rows()
    with RunningServer(tmp_path / "models", flags=flags) as server, Client(server.grpc) as client:
        before = until(
            client,
            "kept",
            has_alarm,
            meanwhile=lambda: rows.ask(client, "kept", requests=40, shift=2.0),
        )
        server.process.kill()
        server.process.wait()
    with RunningServer(tmp_path / "models", flags=flags) as server, Client(server.grpc) as client:
        after = until(client, "kept", lambda status: True)
        assert after.ticks == before.ticks
        assert [one.id for one in after.alarms] == [one.id for one in before.alarms]
        assert "drift_alarm " not in server.log()
        ended = until(
            client,
            "kept",
            has_ticks(after.ticks + 1),
            meanwhile=lambda: rows.ask(client, "kept", requests=40),
        )
    with RunningServer(tmp_path / "models", flags=flags) as server, Client(server.grpc) as client:
        assert until(client, "kept", lambda status: True).ticks >= ended.ticks


def test_a_monitor_that_is_killed_is_started_again_and_remembers(tmp_path: Path) -> None:
    write_towns(tmp_path / "models", "kept")
    rows = Rows()
    with RunningServer(tmp_path / "models") as server, Client(server.grpc) as client:
        before = until(
            client, "kept", has_ticks(2), meanwhile=lambda: rows.ask(client, "kept", requests=40)
        )
        monitors = monitors_of(server)
        os.kill(monitors, signal.SIGKILL)
        rows.ask(client, "kept", requests=1)
        after = until(client, "kept", lambda status: status.rows > before.rows)
        assert after.ticks >= before.ticks
        assert server.counted("penstock_drift_process_restarts_total") == 1
        assert "monitor_process_ended" in server.log()
        monitors = monitors_of(server)
        server.process.kill()
        server.process.wait()
    wait_until(lambda: not is_running(monitors), "it has ended as its server has")


def test_a_server_may_watch_nothing(tmp_path: Path) -> None:
    write_towns(tmp_path / "models", "plain")
    flags = ("--monitoring=off",)
    with RunningServer(tmp_path / "models", flags=flags) as server, Client(server.grpc) as client:
        Rows().ask(client, "plain", requests=1)
        with pytest.raises(Unimplemented, match="started with --monitoring off"):
            client.drift.status("plain", timeout=10)
        assert "penstock_drift" not in server.metrics_text()
        assert "monitoring_began" not in server.log()


def test_what_is_unloaded_is_not_watched_and_goes_on_when_it_is_loaded_again(
    tmp_path: Path,
) -> None:
    write_towns(tmp_path / "models", "again")
    flags = ("--model-control-mode=explicit", "--load-model=*")
    with RunningServer(tmp_path / "models", flags=flags) as server, Client(server.grpc) as client:
        rows = Rows()
        until(client, "again", lambda status: True)
        rows.ask(client, "again", requests=7)
        until(client, "again", lambda status: status.rows == 7)
        for verb in ("unload", "load"):
            place = f"http://{server.rest}/v2/repository/models/again/{verb}"
            urllib.request.urlopen(urllib.request.Request(place, b"{}"), timeout=30).read()
        until(client, "again", lambda _: server.log().count("monitoring_began") == 2)
        rows.ask(client, "again", requests=3)
        until(client, "again", lambda status: status.rows == 10)
