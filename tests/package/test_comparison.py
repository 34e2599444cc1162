# SPDX-License-Identifier: Apache-2.0
"""Two versions side by side: which is better, what differs, where a version comes from."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest
from tests.doubles.histories import make_versions
from tests.doubles.registries import MlflowServer
from typer.testing import CliRunner

from penstock.cli import app
from penstock.commands.registry.comparison_picture import draw_comparison
from penstock.registry import registry_place
from penstock.registry.comparison import Better, VersionTold, compare_versions, less_is_better
from penstock.registry.difference import Contents, differences
from penstock.registry.registry import Registry
from penstock.registry.runs import Estimate, estimates
from penstock.registry.spec_text import spec_lines
from penstock_training.evaluate.metrics import is_better
from penstock_training.spec.problem import METRICS as TRAINING_METRICS


def cli(registry: Registry, *arguments: str) -> Any:
    command = ["registry", *arguments, "--registry", registry.place.uri]
    return CliRunner().invoke(app, command)


def told(registry: Registry, *arguments: str) -> Any:
    done = cli(registry, *arguments, "--json")
    assert (done.exit_code, done.stderr) == (0, ""), done.output
    return json.loads(done.stdout)


def version(number: int, **metrics: float) -> VersionTold:
    return VersionTold(version=number, metrics=estimates(metrics))


# --- comparing ---


def test_a_metric_and_the_ends_of_its_interval_are_one() -> None:
    metrics = {"f1": 0.5, "f1_low": 0.4, "f1_high": 0.6, "high": 3.0, "r2": 0.1, "r2_low": 0.0}
    assert estimates(metrics) == {
        "f1": Estimate(value=0.5, low=0.4, high=0.6),
        "high": Estimate(value=3.0),
        "r2": Estimate(value=0.1),
        "r2_low": Estimate(value=0.0),
    }


@pytest.mark.parametrize("metric", TRAINING_METRICS)
def test_the_direction_of_a_metric_is_that_of_training(metric: str) -> None:
    assert less_is_better(metric) is is_better(metric, 0.0, 1.0)
    assert less_is_better(f"val_{metric}") is less_is_better(metric)


def test_the_direction_of_costs_is_known_and_of_strange_metrics_not() -> None:
    assert less_is_better("latency.row_us_median") is True
    assert less_is_better("latency.rows_per_second") is False
    assert less_is_better("model.onnx bytes") is True
    assert less_is_better("happiness") is None


def test_the_better_number_is_told_with_what_the_intervals_say() -> None:
    first = version(1, accuracy=0.9, accuracy_low=0.88, accuracy_high=0.92, mae=3.0, r2=0.5, x=1)
    second = version(2, accuracy=0.95, accuracy_low=0.93, accuracy_high=0.97, mae=3.5, r2=0.5, x=2)
    rows = {one.name: one for one in compare_versions("m", first, second).metrics}
    assert (rows["accuracy"].better, rows["accuracy"].is_apart) == (Better.SECOND, True)
    assert (rows["mae"].better, rows["mae"].is_apart) == (Better.FIRST, None)
    assert rows["mae"].difference == 0.5
    assert rows["r2"].better is Better.SAME
    assert rows["x"].better is Better.UNKNOWN
    only = compare_versions("m", version(1), second).metrics
    assert {one.better for one in only} == {Better.UNKNOWN}
    near = version(2, accuracy=0.91, accuracy_low=0.89, accuracy_high=0.93)
    assert compare_versions("m", first, near).metrics[0].is_apart is False


def test_the_metric_that_decided_comes_first() -> None:
    first = VersionTold(version=1, metrics=estimates({"a": 1, "b": 1, "c": 1}), deciding="b")
    assert [one.name for one in compare_versions("m", first, version(2)).metrics] == ["b", "a", "c"]


def test_two_versions_are_compared_in_a_table(history: Registry) -> None:
    found = told(history, "compare", "iris", "champion", "2")
    metrics = {one["name"]: one for one in found["metrics"]}
    assert metrics["accuracy"]["a"] == {"value": 0.91, "low": 0.88, "high": 0.94}
    assert (metrics["accuracy"]["better"], metrics["accuracy"]["is_apart"]) == ("b", True)
    assert metrics["log_loss"]["better"] == "b"
    costs = {one["name"]: one for one in found["costs"]}
    assert costs["latency.row_us_median"]["better"] == "a"
    assert costs["model.onnx bytes"]["better"] == "same"
    assert costs["package bytes"]["a"]["value"] > costs["model.onnx bytes"]["a"]["value"]
    assert found["is_same_data"] is False
    assert [one for one in found["parameters"] if one["name"] == "model.c"] == [
        {"name": "model.c", "a": "1.0", "b": "2.0"}
    ]
    done = cli(history, "compare", "iris", "1", "2")
    assert done.stderr == ""
    table = done.stdout
    for wanted in ("0.91 (0.88 to", "+0.06", "version 2", "different data (101 and 102 rows)"):
        assert wanted in table
    assert told(history, "compare", "iris", "2", "3")["is_same_data"] is True


def test_a_picture_is_drawn_as_its_name_says(history: Registry, tmp_path: Path) -> None:
    paths = [tmp_path / "found.png", tmp_path / "found.svg"]
    for path in paths:
        done = cli(history, "compare", "iris", "1", "2", "--picture", str(path))
        assert done.exit_code == 0, done.output
    assert paths[0].read_bytes().startswith(b"\x89PNG")
    assert "<svg" in paths[1].read_text()
    again = tmp_path / "again.svg"
    cli(history, "compare", "iris", "1", "2", "--picture", str(again))
    assert again.read_bytes() == paths[1].read_bytes()
    refused = cli(history, "compare", "iris", "1", "2", "--picture", "found.gif")
    assert "wanted a name that ends with .png or .svg" in refused.output
    nowhere = tmp_path / "no" / "found.png"
    assert (
        "cannot be written"
        in cli(history, "compare", "iris", "1", "2", "--picture", str(nowhere)).output
    )


@pytest.mark.parametrize("metrics", [{}, {"f1": 0.0}, {"m$x_1^2": -1e9}])
def test_a_picture_of_little_or_strange_numbers_is_drawn(
    metrics: dict[str, float], tmp_path: Path
) -> None:
    compared = compare_versions("m", version(1), version(2, **metrics))
    draw_comparison(compared, tmp_path / "found.svg")
    assert (tmp_path / "found.svg").stat().st_size


def test_a_version_that_has_lost_its_files_is_told(history: Registry) -> None:
    tags = {"penstock.package.digest": "4" * 64}
    history.client.create_model_version("iris", "file:///nowhere/at/all", tags=tags)
    for verb in ("compare", "diff"):
        done = cli(history, verb, "iris", "4", "1")
        assert done.exit_code == 1
        assert "has lost its penstock-manifest.json" in done.output


def test_versions_that_are_no_packages_are_compared_by_what_there_is(history: Registry) -> None:
    history.client.create_model_version("iris", "file:///elsewhere")
    found = told(history, "compare", "iris", "4", "1")
    assert found["is_same_data"] is None
    assert {one["better"] for one in found["metrics"]} == {"unknown"}
    assert all(part["diff"] for part in told(history, "diff", "iris", "4", "1")["parts"])
    assert told(history, "lineage", "iris", "--version", "4")["parent"] is None


# --- differing ---


def test_a_spec_is_written_as_toml_that_says_the_same() -> None:
    spec = {
        "name": "churn",
        "seed": 0,
        "problem": {"metric": "f1", "threshold": None, "values": {"a b": 1.5, "é": -1e-07}},
        "features": {"drop": [], "step": [{"kind": "bins", "n": 3, "at": None}, {"x": {}}]},
        "search": {},
    }
    text = "\n".join(spec_lines(spec))
    assert tomllib.loads(text) == {
        "name": "churn",
        "seed": 0,
        "problem": {"metric": "f1", "values": {"a b": 1.5, "é": -1e-07}},
        "features": {"drop": [], "step": [{"kind": "bins", "n": 3}, {"x": {}}]},
        "search": {},
    }


def test_what_differs_is_told_by_part(history: Registry) -> None:
    found = {one["name"]: one for one in told(history, "diff", "iris", "2", "3")["parts"]}
    spec = found["spec"]["diff"]
    assert "-problem.threshold = 0.92" in spec
    assert "+problem.threshold = 0.93" in spec
    assert len([line for line in spec if line[0] in "+-"]) == 4
    assert found["signature"]["is_same"]
    assert "-features: sepal length (cm), FP32" in found["columns"]["diff"]
    assert "+features: stem length (cm), FP32" in found["columns"]["diff"]
    assert found["environment.lock"]["changes"] == {"numpy": ["2.4.2", "2.4.3"]}
    assert found["parameters"]["changes"] == {
        "data.rows": ["102", "103"],
        "model.c": ["2.0", "3.0"],
    }
    assert found["config.pbtxt"] == {"name": "config.pbtxt", "is_same": True, "diff": []}
    shown = cli(history, "diff", "iris", "2", "3").stdout
    assert "--- columns, version 2" in shown
    assert "Nothing differs in: signature, config.pbtxt." in shown


def test_a_version_does_not_differ_from_itself(history: Registry) -> None:
    shown = cli(history, "diff", "iris", "2", "candidate").stdout
    assert shown.startswith("Nothing differs in: spec, signature, columns,")


def test_a_package_that_came_or_went_is_told() -> None:
    first = Contents(version=1, environment="# Python 3.11.2\nnumpy==2.4.1\nonnx==1.22.0\n")
    second = Contents(version=2, environment="# Python 3.11.2\nnumpy==2.4.1\nray==2.60\n")
    part = next(one for one in differences(first, second) if one.name == "environment.lock")
    assert part.changes == {"onnx": ("1.22.0", None), "ray": (None, "2.60")}
    assert [line for line in part.diff("a", "b") if line[0] not in "@"][2:] == [
        "-onnx==1.22.0",
        "+ray==2.60",
    ]


# --- lineage ---


def test_a_version_is_followed_to_its_first_ancestor(history: Registry) -> None:
    third = told(history, "lineage", "iris")
    second, first = third["parent"], third["parent"]["parent"]
    assert [one["version"] for one in (third, second, first)] == [3, 2, 1]
    assert (second["aliases"], first["aliases"]) == (["candidate"], ["champion"])
    assert first["parent"] is None
    assert second["data"] == {"kind": "table", "digest": "2" * 64, "rows": 102}
    assert second["code"] == {"commit": "c0ffee" * 6 + "c0de", "is_dirty": True}
    assert (second["seed"], second["run"]["name"]) == (0, "run-2")
    assert len(second["spec_digest"]) == 64
    tree = cli(history, "lineage", "iris", "--version", "candidate").stdout
    for wanted in (
        "iris version 2 (candidate)",
        "run-2",
        "c0ffeec0ffee, with changes",
        "222222222222 (table, 102 rows)",
        "parent iris version 1 (champion)",
    ):
        assert wanted in " ".join(tree.split())


def test_a_parent_that_the_registry_has_lost_is_named(history: Registry) -> None:
    digest = history.version("iris", "1").digest
    history.client.delete_model_version("iris", "1")
    second = told(history, "lineage", "iris", "--version", "2")
    assert second["parent"] == {"name": "iris", "digest": digest, "version": None}
    shown = " ".join(cli(history, "lineage", "iris", "--version", "2").stdout.split())
    assert f"parent iris {digest[:12]}, which is not in the registry" in shown


def test_a_run_that_was_removed_leaves_the_rest(history: Registry) -> None:
    """As `mlflow gc` removes it."""
    store = history.client._tracking_client.store
    run_id = history.version("iris", "2").run_id
    history.client.delete_run(run_id)
    store._hard_delete_run(run_id)
    assert told(history, "lineage", "iris", "--version", "2")["data"]["rows"] == 102
    assert told(history, "list", "iris")[1]["metrics"] == {}


@pytest.mark.slow
def test_a_server_of_mlflow_tells_the_same(made_packages: dict[str, Path], tmp_path: Path) -> None:
    """Its files come through it, not from a folder."""
    with MlflowServer(tmp_path) as server:
        registry = Registry(registry_place(server.uri, folder=tmp_path))
        make_versions(registry, tmp_path, made_packages["iris"])
        metrics = {
            one["name"]: one for one in told(registry, "compare", "iris", "1", "2")["metrics"]
        }
        assert (metrics["accuracy"]["better"], metrics["accuracy"]["is_apart"]) == ("b", True)
        parts = {one["name"]: one for one in told(registry, "diff", "iris", "2", "3")["parts"]}
        assert parts["environment.lock"]["changes"] == {"numpy": ["2.4.2", "2.4.3"]}
        assert told(registry, "lineage", "iris")["parent"]["parent"]["version"] == 1
        refused = cli(registry, "promote", "iris", "--version", "3")
        assert "--allow-signature-change" in refused.output
        assert told(registry, "promote", "iris", "--expect", "1")["has_moved"] is True
        told(registry, "archive", "iris", "--version", "1")
        assert [one["version"] for one in told(registry, "list", "iris")] == [3, 2]
        assert registry.model_tags("iris") == {}
