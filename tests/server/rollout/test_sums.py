# SPDX-License-Identifier: Apache-2.0
from dataclasses import replace

from penstock.rollout.event_odds import EventCount
from penstock.rollout.evidence import BadEvent, Evidence, ShadowCounts
from penstock.rollout.sums import Needed, Tally, merged

EVENT = BadEvent(
    wall_ms=1, guardrail="errors", kind="error", is_canary=True, epoch=0, canary_bp=100,
    both_bp=10_000, key_hash=1, canary_good=1, baseline_good=1,
)  # fmt: skip


def test_events_are_counted_by_share_whatever_their_epoch() -> None:
    tally = Tally([EVENT, replace(EVENT, epoch=5), replace(EVENT, is_canary=False)])
    assert tally.counts("errors") == [EventCount(share=0.01, canary=2, baseline=1)]
    assert tally.counts("latency") == []


def test_repeats_and_events_without_a_choice_are_not_counted() -> None:
    none = [replace(EVENT, counts=False), replace(EVENT, canary_bp=10_000), replace(EVENT,
            canary_bp=0)]  # fmt: skip
    assert Tally(none).counts("errors") == []


def test_counts_of_two_processes_add_up() -> None:
    shadow = ShadowCounts(name="shadow", compared=3, agreed=2, dropped={"busy": 1})
    one = Evidence(excluded=1, latency_ns={"canary": ((10, 1), (20, 2))}, shadows=(shadow,))
    two = Evidence(excluded=2, latency_ns={"canary": ((20, 3),)}, shadows=(shadow, shadow))
    both = merged([one, two])
    assert (both.excluded, both.latency_ns) == (3, {"canary": ((10, 1), (20, 5))})
    assert [(one.compared, one.dropped) for one in both.shadows] == [(9, {"busy": 3})]


def test_repeats_that_a_breaker_looks_at_are_needed() -> None:
    needed = Needed()
    repeat = replace(EVENT, counts=False)
    nan = replace(repeat, kind="non_finite")
    asked = [EVENT, repeat, replace(repeat, canary_good=0), nan, nan, replace(nan, is_canary=False)]
    assert [needed.needs(event) for event in asked] == [True, False, True, True, False, True]
