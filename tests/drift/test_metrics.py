# SPDX-License-Identifier: Apache-2.0
"""Metrics of monitoring, and the alerts on them, as Prometheus' own tools read them."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families
from tests.doubles.drift import AGE, ALARM, DRIFTED
from tests.doubles.watched_version import watched_version
from tests.doubles.watches import small_profile

from penstock.drift.judge import Judge
from penstock.drift.metrics import FAMILIES, METRIC_COLUMNS_MAX, drift_metrics_text
from penstock.drift.watched import Watched

ROOT = Path(__file__).resolve().parents[2]
RULES = ROOT / "docs/alerts/drift.yml"
RULE_TESTS = ROOT / "tests/server/alerts/drift.yml"

needs_promtool = pytest.mark.skipif(
    shutil.which("promtool") is None, reason="promtool is not installed"
)


@dataclass
class Told:
    """What DriftMetrics asks for."""

    watched: list[Watched] = field(default_factory=list)
    judge: Judge | None = None
    ring_bytes: int = 4096


def told() -> Told:
    one, other = watched_version(profile=small_profile("fraud", "age")), watched_version('n"\\\n')
    one.told(replace(DRIFTED, alarms=()))
    one.told(DRIFTED)
    return Told([one, other])


def value(text: str, name: str, **labels: str) -> float:
    found = [
        sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == f"penstock_drift_{name}" and sample.labels == labels
    ]
    assert len(found) == 1, (name, labels, found)
    return found[0]


def test_a_version_is_told_with_its_columns() -> None:
    text = drift_metrics_text(told())
    labels = {"model": "fraud", "version": "2"}
    age = {**labels, "column": "age", "side": "input"}
    assert value(text, "column_state", **age) == 2
    assert (value(text, "log_e", **age), value(text, "log_limit", **age)) == (18.5, 14.8)
    assert (value(text, "psi", **age), value(text, "missing_ratio", **age)) == (0.31, 0.01)
    assert value(text, "columns", **labels, state="alarm") == 1
    assert value(text, "alarms_ongoing", **labels, kind="drift") == 1
    assert value(text, "alarms_total", **labels, kind="drift") == 1
    assert value(text, "reference", **labels, reference="profile") == 1
    assert value(text, "counts_bytes", **labels) == 4096
    assert value(text, "calibrated_limit", **{**age, "column": "town"}) == 10.25
    assert text.count("penstock_drift_calibrated_limit{") == 1
    other = {"model": 'n"\\\n', "version": "2"}
    assert value(text, "reference", **other, reference="learning") == 1


def test_columns_are_bounded_as_labels_and_categories_never_are() -> None:
    one = watched_version()
    columns = tuple(
        replace(AGE, name=f"c{n}", unseen=(("Köln", 3),)) for n in range(3 * METRIC_COLUMNS_MAX)
    )
    one.told(replace(DRIFTED, columns=columns, alarms=(ALARM,)))
    text = drift_metrics_text(Told([one]))
    assert text.count("penstock_drift_log_e{") == METRIC_COLUMNS_MAX
    labels = {"model": "fraud", "version": "2", "state": "alarm"}
    assert value(text, "columns", **labels) == 3 * METRIC_COLUMNS_MAX
    assert "Köln" not in text


def test_every_family_is_told_without_a_version_too() -> None:
    families = {one.name for one in text_string_to_metric_families(drift_metrics_text(Told()))}
    assert families == {f"penstock_drift_{name.removesuffix('_total')}" for name in FAMILIES}


@needs_promtool
@pytest.mark.parametrize("found", [Told(), told()])
def test_promtool_has_no_opinion(found: Told) -> None:
    done = subprocess.run(
        ["promtool", "check", "metrics"],
        input=drift_metrics_text(found),
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stderr) == (0, "")


@needs_promtool
def test_the_alerts_are_valid_and_fire_when_they_should() -> None:
    for command in (["check", "rules", RULES], ["test", "rules", RULE_TESTS.name]):
        done = subprocess.run(
            ["promtool", *map(str, command)], capture_output=True, text=True, cwd=RULE_TESTS.parent
        )
        assert done.returncode == 0, done.stdout + done.stderr


def test_alerts_ask_for_metrics_that_there_are_and_each_is_tried() -> None:
    rules = RULES.read_text()
    assert set(re.findall(r"penstock_drift_(\w+)", rules)) <= FAMILIES.keys()
    alerts = set(re.findall(r"alert: (\w+)", rules))
    assert alerts == set(re.findall(r"alertname: (\w+)", RULE_TESTS.read_text()))
