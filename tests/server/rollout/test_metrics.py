# SPDX-License-Identifier: Apache-2.0
"""Metrics of rollouts, and the alerts on them, as Prometheus' own tools read them."""

from __future__ import annotations

import asyncio
import re
import shutil
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import ClassVar, get_args

import pytest
from prometheus_client.parser import text_string_to_metric_families
from tests.doubles.rollouts import START_MS, ListedRollouts

from penstock.rollout.metrics import FAMILIES, RolloutMetrics, metrics_text
from penstock.rollout.status import RolloutStatus, State

ROOT = Path(__file__).resolve().parents[3]
RULES = ROOT / "docs/alerts/rollouts.yml"
RULE_TESTS = ROOT / "tests/server/alerts/rollouts.yml"

needs_promtool = pytest.mark.skipif(
    shutil.which("promtool") is None, reason="promtool is not installed"
)


@pytest.fixture
def rollouts() -> ListedRollouts:
    control = ListedRollouts()
    asyncio.run(control.start("m", 2))
    control.step("m", "canary")
    asyncio.run(control.start('n"\\\n', 2))
    return control


def value(text: str, name: str, **labels: str) -> float:
    found = [
        sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == f"penstock_rollout_{name}" and sample.labels == labels
    ]
    assert len(found) == 1, (name, labels, found)
    return found[0]


def test_a_rollout_is_told_with_its_evidence(rollouts: ListedRollouts) -> None:
    text = metrics_text(rollouts.kept)
    assert value(text, "state", model="m", state="canary") == 1
    assert value(text, "state", model="m", state="held") == 0
    assert value(text, "canary_share_ratio", model="m") == 0.05
    assert value(text, "candidate_version", model="m") == 2
    assert value(text, "started_timestamp_seconds", model="m") == START_MS / 1000
    assert value(text, "ended_timestamp_seconds", model="m") == 0
    assert value(text, "log_e", model="m", guardrail="errors") == 2.75
    assert value(text, "log_limit", model="m", guardrail="errors") == 5.52
    assert value(text, "rate_ratio_high", model="m", guardrail="split") == float("inf")
    assert value(text, "gate_passed", model="m", guardrail="latency") == 1
    assert value(text, "excluded_total", model="m") == 312
    assert value(text, "retried_total", model="m") == 11
    assert value(text, "shadow_dropped_total", model="m", shadow="shadow", reason="busy") == 310
    assert value(text, "shadow_failed_alone_total", model="m", shadow="shadow", side="primary") == 2


def test_counts_are_those_of_all_epochs_together(rollouts: ListedRollouts) -> None:
    text = metrics_text(rollouts.kept)
    assert value(text, "requests_total", model="m", arm="canary") == 1_021 + 2_640
    assert value(text, "keys_total", model="m", arm="stable") == 98_012 + 45_020
    assert value(text, "bad_total", model="m", arm="canary", kind="error") == 2 + 9


def test_a_name_is_escaped(rollouts: ListedRollouts) -> None:
    text = metrics_text(rollouts.kept)
    assert value(text, "state", model='n"\\\n', state="shadow") == 1


def test_every_family_is_told_without_a_rollout_too() -> None:
    families = {one.name for one in text_string_to_metric_families(metrics_text(()))}
    assert families == {f"penstock_rollout_{name.removesuffix('_total')}" for name in FAMILIES}


@needs_promtool
@pytest.mark.parametrize("has_rollouts", [True, False])
def test_promtool_has_no_opinion(rollouts: ListedRollouts, has_rollouts: bool) -> None:
    done = subprocess.run(
        ["promtool", "check", "metrics"],
        input=metrics_text(rollouts.kept if has_rollouts else ()),
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stderr) == (0, "")


# -- the page, from another thread ----------------------------------------------------------------


@pytest.fixture
def control_loop() -> Iterator[asyncio.AbstractEventLoop]:
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    yield loop
    if not loop.is_closed():
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


class AskedRollouts(ListedRollouts):
    """Keeps which threads ask."""

    threads: ClassVar[set[int]] = set()

    def status(self, model: str, rollout: str = "") -> RolloutStatus:
        self.threads.add(threading.get_ident())
        return super().status(model, rollout)


def test_a_scrape_asks_on_the_control_thread(
    control_loop: asyncio.AbstractEventLoop, rollouts: ListedRollouts
) -> None:
    asked = AskedRollouts(kept=rollouts.kept)
    assert RolloutMetrics(asked, control_loop).text() == metrics_text(rollouts.kept)
    assert len(asked.threads) == 1
    assert threading.get_ident() not in asked.threads


def test_of_a_model_only_the_last_rollout_is_told(
    control_loop: asyncio.AbstractEventLoop, rollouts: ListedRollouts
) -> None:
    rollouts.step("m", "live")
    asyncio.run(rollouts.start("m", 3, allows_signature_change=True))
    text = RolloutMetrics(rollouts, control_loop).text()
    assert value(text, "candidate_version", model="m") == 3
    assert value(text, "state", model="m", state="live") == 0


def test_once_the_control_thread_has_ended_the_last_page_stands(rollouts: ListedRollouts) -> None:
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    metrics = RolloutMetrics(rollouts, loop)
    before = metrics.text()
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()
    rollouts.kept[0] = replace(rollouts.kept[0], candidate=9)
    assert metrics.text() == before


# -- alerts ---------------------------------------------------------------------------------------


@needs_promtool
def test_the_alerts_are_valid_and_fire_when_they_should() -> None:
    for command in (["check", "rules", RULES], ["test", "rules", RULE_TESTS.name]):
        done = subprocess.run(
            ["promtool", *map(str, command)], capture_output=True, text=True, cwd=RULE_TESTS.parent
        )
        assert done.returncode == 0, done.stdout + done.stderr


def test_alerts_ask_for_metrics_that_there_are_and_each_is_tried() -> None:
    rules = RULES.read_text()
    named = set(re.findall(r"penstock_rollout_(\w+)", rules))
    assert named <= FAMILIES.keys()
    alerts = set(re.findall(r"alert: (\w+)", rules))
    assert alerts == set(re.findall(r"alertname: (\w+)", RULE_TESTS.read_text()))
    labels = set(re.findall(r'state=~?"([^"]+)"', rules))
    assert {word for label in labels for word in label.split("|")} <= set(get_args(State))
