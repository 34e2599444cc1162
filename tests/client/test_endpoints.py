# SPDX-License-Identifier: Apache-2.0
"""Endpoints take turns; a failing one is passed over for a while and then tried once."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock_client.endpoints import EjectionPolicy, EndpointRing

POLICY = EjectionPolicy(failures_to_eject=2, eject_first_s=10.0, eject_max_s=40.0)


def ring_of(*addresses: str) -> EndpointRing:
    return EndpointRing(addresses, POLICY)


def picks(ring: EndpointRing, count: int, *, now_s: float = 0.0) -> str:
    return "".join(ring.addresses[ring.pick(now_s=now_s, random=0.0)] for _ in range(count))


def fail(ring: EndpointRing, address: str, *, now_s: float, times: int = 1) -> None:
    for _ in range(times):
        ring.record_failure(ring.addresses.index(address), now_s=now_s, random=0.0)


def test_endpoints_take_turns() -> None:
    assert picks(ring_of("a", "b", "c"), 7) == "abcabca"


def test_an_endpoint_is_ejected_after_failures_in_a_row_only() -> None:
    ring = ring_of("a", "b")
    fail(ring, "a", now_s=0.0)
    ring.record_success(0)
    fail(ring, "a", now_s=0.0)
    assert picks(ring, 4) == "abab"
    fail(ring, "a", now_s=0.0)
    assert ring.ejected(now_s=0.0) == ("a",)
    assert picks(ring, 3) == "bbb"


def test_an_ejected_endpoint_gets_one_trial_when_its_time_is_up() -> None:
    ring = ring_of("a", "b")
    fail(ring, "a", now_s=0.0, times=2)
    assert picks(ring, 2, now_s=4.9) == "bb"
    assert picks(ring, 4, now_s=5.0) == "abbb"


def test_a_good_trial_admits_the_endpoint_again() -> None:
    ring = ring_of("a", "b")
    fail(ring, "a", now_s=0.0, times=2)
    assert picks(ring, 1, now_s=5.0) == "a"
    ring.record_success(0)
    assert picks(ring, 4, now_s=5.0) == "baba"


def test_each_failed_trial_lengthens_the_absence_up_to_its_ceiling() -> None:
    ring = ring_of("a", "b")
    now_s = 0.0
    fail(ring, "a", now_s=now_s, times=2)
    for absence_s in (5.0, 10.0, 20.0, 20.0):
        assert "a" not in picks(ring, 2, now_s=now_s + absence_s - 0.1)
        now_s += absence_s
        assert "a" in picks(ring, 2, now_s=now_s)
        fail(ring, "a", now_s=now_s)


def test_attempts_that_were_under_way_do_not_lengthen_the_absence() -> None:
    ring = ring_of("a", "b")
    fail(ring, "a", now_s=0.0, times=100)
    assert picks(ring, 1, now_s=5.0) == "a"


def test_a_trial_that_never_reports_is_followed_by_another() -> None:
    ring = ring_of("a", "b")
    fail(ring, "a", now_s=0.0, times=2)
    assert picks(ring, 3, now_s=5.0) == "abb"
    assert "a" in picks(ring, 2, now_s=10.0)


def test_when_all_are_ejected_the_first_to_return_is_tried() -> None:
    ring = ring_of("a", "b")
    fail(ring, "b", now_s=0.0, times=2)
    fail(ring, "a", now_s=1.0, times=2)
    assert picks(ring, 1, now_s=2.0) == "b"


def test_a_ring_of_none_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one endpoint"):
        ring_of()


@given(
    st.lists(st.tuples(st.sampled_from(["good", "bad", "silent"]), st.floats(0, 20)), max_size=100)
)
def test_a_pick_is_always_possible_and_an_admitted_endpoint_is_preferred(
    steps: list[tuple[str, float]],
) -> None:
    ring, now_s = ring_of("a", "b", "c"), 0.0
    for outcome, passed_s in steps:
        now_s += passed_s
        ejected = ring.ejected(now_s=now_s)
        picked = ring.pick(now_s=now_s, random=0.0)
        assert len(ejected) == 3 or ring.addresses[picked] not in ejected
        if outcome == "good":
            ring.record_success(picked)
        elif outcome == "bad":
            ring.record_failure(picked, now_s=now_s, random=0.0)


@pytest.mark.parametrize(
    "wrong",
    [
        {"failures_to_eject": 0},
        {"eject_first_s": -1.0},
        {"eject_first_s": 50.0},
        {"eject_multiplier": 0.5},
    ],
)
def test_a_policy_refuses_numbers_that_make_no_sense(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=r"must|need"):
        EjectionPolicy(**wrong)  # type: ignore[arg-type]
