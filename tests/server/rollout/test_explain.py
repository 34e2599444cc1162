# SPDX-License-Identifier: Apache-2.0
"""A verdict that is recomputed from what is kept, and what is said of one that does not agree."""

import json
from dataclasses import replace
from typing import Any

import pytest

from penstock.rollout.evidence import BadEvent, Evidence, NativeVerdict
from penstock.rollout.explain import EVENTS_MAX, explain
from penstock.rollout.judge import Judge, JudgeOptions
from penstock.rollout.record import Record
from penstock.rollout.spec import RolloutSpec

SPEC = RolloutSpec(shadow=None)
RECORD = Record(
    id="fraud-1",
    model="fraud",
    stable=1,
    candidate=2,
    number=1,
    salt=15,
    spec=SPEC,
    state="canary",
    canary_bp=500,
    started_ms=17,
    why="It was started.",
)


def events(count: int) -> list[BadEvent]:
    return [
        BadEvent(
            wall_ms=key,
            guardrail="errors",
            kind="error",
            is_canary=True,
            epoch=0,
            canary_bp=500,
            both_bp=10_000,
            key_hash=key,
            canary_good=5,
            baseline_good=5,
        )
        for key in range(count)
    ]


def verdict() -> NativeVerdict:
    judge = Judge(JudgeOptions.from_spec(SPEC))
    for event in events(3):
        judge.take(event)
    assert judge.verdict is not None
    return judge.verdict


def explained(native: NativeVerdict | None, count: int) -> Any:
    record = replace(RECORD, lives=(Evidence(verdict=native),))
    return json.loads(json.dumps(explain(record, events(count)), allow_nan=False))


def test_a_verdict_that_the_events_lead_to_agrees() -> None:
    plain = explained(verdict(), 3)
    assert plain["verdict"]["agrees"] is True
    assert plain["guardrails"][0]["counted"] == [{"share": 0.05, "canary": 3, "baseline": 0}]
    assert (plain["salt"], plain["events"][1]["share"]) == ("000000000000000f", 0.05)
    assert plain["guardrails"][0]["ratio_high"] is None  # infinite


@pytest.mark.parametrize(
    ("native", "count"),
    [
        (None, 3),
        (verdict(), 2),
        (replace(verdict(), log_e=verdict().log_e + 0.01), 3),
        (replace(verdict(), guardrail="latency"), 3),
    ],
)
def test_a_verdict_that_they_do_not_lead_to_does_not(
    native: NativeVerdict | None, count: int
) -> None:
    assert explained(native, count)["verdict"]["agrees"] is False


def test_a_rollout_that_was_never_watched_is_explained_as_well() -> None:
    plain = explain(RECORD, [])
    assert (plain["guardrails"], plain["split"], plain["restarts"]) == ([], None, 0)


def test_of_many_events_the_last_are_listed() -> None:
    plain = explain(replace(RECORD, lives=(Evidence(),)), events(EVENTS_MAX + 5))
    assert plain["events_before"] == 5
