# SPDX-License-Identifier: Apache-2.0
"""What is drafted from rows lets them pass, tells no secrets, and is pandera's own form."""

from pathlib import Path
from typing import Any

import pytest
import typer
from tests.training.data_runs import (
    frame_of,
    pipeline,
    run_data,
    said_by,
    two_classes,
    write_csv,
)
from typer.testing import CliRunner

from penstock_training.commands.data import add_to
from penstock_training.data.bundled import BUNDLED
from penstock_training.data.draft_schema import draft_schema
from penstock_training.data.infer_rules import rules_of
from penstock_training.data.rules import read_rules
from penstock_training.data.source import load
from penstock_training.data.tables import as_frame

TASKS = {"breast_cancer": "binary", "diabetes": "regression"}


def rules(folder: Path, **tables: Any) -> dict[str, dict[str, Any]]:
    spec = pipeline(folder, data={"path": "rows.csv"}, **tables)
    return rules_of(load(spec).table, spec)


@pytest.mark.parametrize("name", BUNDLED)
def test_rows_pass_the_rules_that_are_drafted_from_them(tmp_path: Path, name: str) -> None:
    task = TASKS.get(name, "multiclass")
    spec = pipeline(tmp_path, data={"sklearn": name}, task=task, target="target")
    path = tmp_path / "schema.yaml"
    draft = draft_schema(spec, rows_max=10_000)
    draft.write(path, may_replace=False)
    table = load(spec).table
    assert draft.rows == len(table)
    assert read_rules(path).problems(as_frame(table), sensitive=()) == []


def test_types_ranges_and_values_are_drafted(tmp_path: Path) -> None:
    lines = [
        f"{i % 90},{-i / 8 if i % 9 else ''},{'NA' if i == 7 else 'red'},2026-01-{i % 28 + 1:02},"
        f"{'true' if i % 2 else 'false'},person {i},{'yn'[i % 2]}"
        for i in range(100)
    ]
    write_csv(tmp_path / "rows.csv", "age,debt,colour,day,flag,name,y", *lines)
    assert rules(tmp_path, features={"drop": ["day"]}) == {
        "age": {
            "dtype": "int64",
            "nullable": False,
            "in_range": {"min_value": 0, "max_value": 178},
        },
        "debt": {
            "dtype": "float64",
            "nullable": True,
            "in_range": {"min_value": -25, "max_value": 12},
        },
        "colour": {"dtype": "str", "nullable": False, "isin": ["NA", "red"]},
        "day": {"nullable": True},
        "flag": {"dtype": "bool", "nullable": False},
        "name": {"dtype": "str", "nullable": False},
        "y": {"dtype": "str", "nullable": False, "isin": ["n", "y"]},
    }


def test_nothing_is_told_of_sensitive_columns(tmp_path: Path) -> None:
    two_classes(tmp_path / "rows.csv")
    found = rules(tmp_path, features={"sensitive": ["a", "c"]})
    assert found["a"] == {"dtype": "int64", "nullable": False}
    assert found["c"] == {"dtype": "str", "nullable": False}
    assert "in_range" in found["b"]


def test_a_column_of_numbers_with_a_mistake_is_one_of_numbers(tmp_path: Path) -> None:
    lines = [f"{'many' if i == 50 else 'NA' if i == 60 else i},{'yn'[i % 2]}" for i in range(100)]
    write_csv(tmp_path / "rows.csv", "a,y", *lines)
    spec = pipeline(tmp_path, data={"path": "rows.csv", "schema": "schema.yaml"})
    draft_schema(spec, rows_max=1000).write(tmp_path / "schema.yaml", may_replace=False)
    results = run_data(spec, tmp_path / "work")
    assert said_by(results["validate"], "validation.json")["quarantined"] == 1
    aside = frame_of(results["validate"], "quarantine")
    assert aside["reasons"].tolist() == ["a: wanted type float64, found 'many'"]
    train = frame_of(results["split"], "train")
    assert str(train["a"].dtype) == "float64"


def test_many_rows_are_sampled(tmp_path: Path) -> None:
    two_classes(tmp_path / "rows.csv", rows=500)
    spec = pipeline(tmp_path, data={"path": "rows.csv"})
    draft = draft_schema(spec, rows_max=100)
    assert draft.rows == 100
    assert "drafted from 100 rows of rows.csv" in draft.text
    assert draft.text == draft_schema(spec, rows_max=100).text


def test_the_command_writes_a_file_once(tmp_path: Path) -> None:
    two_classes(tmp_path / "rows.csv")
    pipeline_file = write_csv(
        tmp_path / "pipeline.toml",
        'name = "t"',
        "[problem]",
        'task = "binary"',
        'target = "y"',
        'metric = "roc_auc"',
        "[data]",
        'path = "rows.csv"',
    )
    app = typer.Typer()
    app.callback()(lambda: None)
    add_to(app)
    runner = CliRunner()
    output = tmp_path / "schema.yaml"
    arguments = ["data", "schema", str(pipeline_file), "--output", str(output)]
    first = runner.invoke(app, arguments)
    assert first.exit_code == 0
    assert "rules of 4 columns, from 40 rows" in first.stdout
    again = runner.invoke(app, arguments)
    assert again.exit_code == 1
    assert "--force" in again.stderr
    assert runner.invoke(app, [*arguments, "--force"]).exit_code == 0
    printed = runner.invoke(app, ["data", "schema", str(pipeline_file)])
    assert printed.stdout == output.read_text()
    away = runner.invoke(app, ["data", "schema", str(tmp_path / "away.toml")])
    assert away.exit_code == 1
    assert "is not there" in away.stderr
