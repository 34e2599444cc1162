# SPDX-License-Identifier: Apache-2.0
"""From a table of held-out rows to the report of a served version, by commands alone."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from tests.doubles.running import RunningServer
from tests.doubles.watched_models import ROWS, Rows, until, write_towns
from typer.testing import CliRunner

from penstock.cli import app
from penstock_client import Client
from penstock_monitoring.commands import add_to


def held_out(path: Path) -> Path:
    rows = Rows(9)
    features = rows.features(ROWS)
    table = {
        "age": features[:, 0],
        "income": features[:, 1],
        "town": rows.towns(ROWS)[:, 0],
        "said": features[:, 0],
        "truth": features[:, 0] + 1,
    }
    pq.write_table(pa.table(table), path)
    return path


def test_a_profile_of_a_table_is_watched_and_its_drift_is_reported(tmp_path: Path) -> None:
    add_to(app)
    folder = write_towns(tmp_path / "models", "towns")
    (folder / "profile.json").unlink()
    table = held_out(tmp_path / "held_out.parquet")
    arguments = ["drift", "profile", str(table), "--prediction", "said", "--target", "truth"]
    runner = CliRunner(env={"COLUMNS": "200", "TERM": "dumb"})
    done = runner.invoke(app, [*arguments, "--out", str(folder / "profile.json")])
    assert done.exit_code == 0, done.output
    page = tmp_path / "report.html"
    with RunningServer(tmp_path / "models") as server, Client(server.grpc) as client:
        rows = Rows()
        until(
            client,
            "towns",
            lambda status: any(one.kind == "drift" for one in status.alarms),
            meanwhile=lambda: rows.ask(client, "towns", requests=40, shift=2.0),
        )
        report = ["drift", "report", "towns", "--url", server.grpc, "--out", str(page)]
        done = runner.invoke(app, [*report, "--window", "3600"])
    assert done.exit_code == 1, done.output
    assert "drifted since" in done.output
    text = page.read_text()
    for part in (
        "towns, version 1",
        "Ulm",
        "4,000 rows of the reference",
        "number, output",
        ">age<",
    ):
        assert part in text, part
